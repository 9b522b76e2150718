"""Settings for people: value, origin, reason."""

from collections.abc import Iterator
from typing import NamedTuple

from streamer.core.words import lasting
from streamer.settings.table import Table, seen
from streamer.settings.tables import Settings


class Shown(NamedTuple):
    """A setting as people see it."""

    setting: str
    value: str
    origin: str
    reason: str


def shown(settings: Settings) -> list[Shown]:
    """Every setting in force, as far as it may be seen: secrets are starred."""
    return [line for name, table in _tables(settings) for line in _lines(settings, name, table)]


def _tables(settings: Settings) -> Iterator[tuple[str, Table]]:
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, tuple):
            yield from ((f"{name}[{n}]", entry) for n, entry in enumerate(value))
        else:
            yield name, value


def _lines(settings: Settings, name: str, table: Table) -> Iterator[Shown]:
    for key, field in type(table).model_fields.items():
        value = _written(key, seen(field, getattr(table, key)))
        yield Shown(f"{name}.{key}", value, settings.origin(f"{name}.{key}"), field.description or "")


def _written(key: str, value: object) -> str:
    if value is None or value in ((), {}):
        return "–"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if "_ms" in key and isinstance(value, int):
        return f"{value} ({lasting(value)})"
    return str(value)
