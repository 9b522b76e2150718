"""A file and an environment are given; settings come of it, or a refusal."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from streamer.errors import ConfigurationError
from streamer.settings import Settings, load


class Given:
    def __init__(self, file: Path) -> None:
        self._file = file

    def loads(self, text: str = "", env: Mapping[str, str] | None = None) -> Settings:
        self._file.write_text(text, encoding="utf-8")
        return load(self._file, env or {})

    def refused(self, text: str = "", env: Mapping[str, str] | None = None) -> str:
        """What is said; no error of a library hangs on ours, it would hold the values."""
        with pytest.raises(ConfigurationError) as caught:
            self.loads(text, env)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        return str(caught.value)


@pytest.fixture
def given(tmp_path: Path) -> Given:
    return Given(tmp_path / "streamer.toml")
