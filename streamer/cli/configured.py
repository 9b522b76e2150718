"""What commands ask of the configuration.

Rule: streamer.settings is executed when the first of these is called (cli/lazy.py): pydantic's models take longer than
a help page may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamer import settings as package

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streamer.core.judges import JudgeSpec
    from streamer.core.wire.rules import Encoding
    from streamer.settings import Settings, Shown
    from streamer.settings.judges import JudgeTable


def load(path: Path | None) -> Settings:
    return package.load(path)


def ago_named(option: str, text: str) -> int:
    return package.ago_named(option, text)


def encoding_named(name: str) -> Encoding:
    return package.encoding_named(name)


def shown(settings: Settings) -> list[Shown]:
    return package.shown(settings)


def spec_named(tables: Sequence[JudgeTable], judge: str, model: str | None = None) -> JudgeSpec:
    return package.spec_named(tables, judge, model)
