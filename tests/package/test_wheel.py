"""The package as a user gets it: built, installed by pip and by uv into clean environments, and at work there.

Rule: a Python that is missing is a failure with its remedy, never a skip.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import streamer

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
FIXTURE = ROOT / "tests" / "fixtures" / "wire" / "langfuse-00.bin"
UV = [sys.executable, "-m", "uv"]
SECONDS_MAX = 900
"""The first time everything comes from the registry."""


def run(command: Sequence[str | Path], home: Path) -> str:
    """In a folder that is not the checkout's, so that nothing of it is imported by chance."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS_MAX,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}:\n{(done.stdout + done.stderr)[-3000:]}"
    return done.stdout


def python(version: str, home: Path) -> Path:
    """Of the machine: one that uv finds, else pyenv's."""
    found = subprocess.run(
        [*UV, "python", "find", "--no-python-downloads", "--system", version],
        cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if found.returncode == 0:
        return Path(found.stdout.strip())
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    known = sorted(root.glob(f"{version}.*/bin/python"))
    if not known:
        raise AssertionError(f"Python {version} is not on this machine: `uv python install {version}`, or pyenv")
    return known[-1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel, made of the source distribution, and that one."""
    home = tmp_path_factory.mktemp("built")
    run([*UV, "build", "--out-dir", home, ROOT], home)
    [wheel], [source] = home.glob("*.whl"), home.glob("*.tar.gz")
    return wheel, source


def test_the_wheel_holds_what_is_no_code_and_no_tests(built: tuple[Path, Path]) -> None:
    wheel, source = built
    names = zipfile.ZipFile(wheel).namelist()
    for suffix, at_least in ((".lua", 10), (".dict", 1), ("-v1.json", 2), ("py.typed", 1)):
        assert len([name for name in names if name.endswith(suffix)]) >= at_least, suffix
    tops = {name.split("/")[0] for name in names}
    assert tops == {"streamer", f"streamer-{streamer.__version__}.dist-info"}
    with tarfile.open(source) as archive:
        assert any(name.endswith("/LICENSE") for name in archive.getnames())


@pytest.mark.parametrize(("version", "installer"), [("3.11", "pip"), ("3.12", "uv"), ("3.13", "uv")])
def test_a_clean_environment_runs_it(built: tuple[Path, Path], tmp_path: Path, version: str, installer: str) -> None:
    wheel, clean = built[0], tmp_path / "clean"
    made = python(version, tmp_path)
    if installer == "pip":
        run([made, "-m", "venv", clean], tmp_path)
        run([clean / "bin" / "python", "-m", "pip", "install", "--quiet", wheel], tmp_path)
    else:
        run([*UV, "venv", "--quiet", "--python", made, clean], tmp_path)
        run([*UV, "pip", "install", "--quiet", "--python", clean / "bin" / "python", wheel], tmp_path)
    command, own = clean / "bin" / "streamer", clean / "bin" / "python"
    assert run([own, "-V"], tmp_path).startswith(f"Python {version}.")
    assert run([command, "--version"], tmp_path) == f"streamer {streamer.__version__}\n"
    assert "session    sess-42" in run([command, "decode", FIXTURE], tmp_path)
    assert "simulate" in run([command, "--help"], tmp_path)
    assert '"title"' in run([command, "schema"], tmp_path)
    where = run([own, "-c", "import streamer.instrument; print(streamer.instrument.__file__)"], tmp_path)
    assert Path(where.strip()).is_relative_to(clean)
    assert run([own, "-c", "import streamer; print(streamer.Judgement.__name__)"], tmp_path) == "Judgement\n"
