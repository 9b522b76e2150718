"""Where a judge's own code is, and the hash that its version is made of.

Rule: it is found and read, never run.
"""

import hashlib
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path


def hash_of_code(path: str) -> str:
    """SHA-256 of the module's source, 64 hex digits. ValueError with the remedy."""
    return hashlib.sha256(file_of(path).read_bytes()).hexdigest()


def file_of(path: str) -> Path:
    """Of `package.module:function`. The working directory is searched, too."""
    module, _, function = path.partition(":")
    if not module or not function:
        raise ValueError(f"path = {path!r} is not module:function, as in our_judges:polite")
    places: Sequence[str] | None = [str(Path.cwd()), *sys.path]
    found = None
    for part in module.split("."):  # importlib.util would import the packages around it
        found = PathFinder.find_spec(part, places) if places is not None else None
        places = found.submodule_search_locations if found else None
    if found is None or found.origin is None or not Path(found.origin).is_file():
        raise ValueError(f"there is no module {module}: put it into the working directory, or on PYTHONPATH")
    return Path(found.origin)
