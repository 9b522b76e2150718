"""The real promtool: the one that PROMTOOL names, the one on the PATH, or Debian's, unpacked once into a cache.

Rule: where none can be had it is an error with its remedy, never a skip. (Go cannot install it by its module's name:
the module replaces others.)
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

REMEDY = (
    "set PROMTOOL to the program, or install it (Debian, Ubuntu: apt-get install --no-install-recommends prometheus)"
)


def binary() -> Path:
    for name in (os.environ.get("PROMTOOL", ""), "promtool"):
        if name and (found := shutil.which(name)):
            return Path(found)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "streamer-tests" / "promtool"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / "promtool").exists():
            _unpack(cache)
    return cache / "promtool"


def _unpack(cache: Path) -> None:
    """Of Debian's package; nothing is installed."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise RuntimeError(f"promtool is not on the PATH: {REMEDY}")
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        home = Path(folder)
        _run(["apt-get", "download", "prometheus"], home)
        (package,) = home.glob("*.deb")
        _run(["dpkg-deb", "--extract", str(package), "."], home)
        (home / "usr" / "bin" / "promtool").rename(cache / "promtool")


def _run(command: list[str], home: Path) -> None:
    done = subprocess.run(command, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed ({done.stderr[-500:].strip()}); apt-get update, or {REMEDY}")


@pytest.fixture(scope="session")
def promtool() -> Path:
    return binary()
