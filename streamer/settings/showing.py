"""Settings for people: value, origin, reason."""

import re
from typing import NamedTuple

from streamer.settings.tables import Settings, Table

SECRET = re.compile("password|secret|token|key", re.IGNORECASE)


class Shown(NamedTuple):
    """A setting as people see it."""

    setting: str
    value: str
    origin: str
    reason: str


def shown(settings: Settings) -> list[Shown]:
    """Every setting in force; secrets are starred, and so is whatever is handed to librdkafka under a secret's name."""
    lines: list[Shown] = []
    for table, field in Settings.model_fields.items():
        value = getattr(settings, table)
        if isinstance(value, Table):
            lines += _lines(settings, table, value)
        elif isinstance(value, tuple):
            for n, entry in enumerate(value):
                lines += _lines(settings, f"{table}[{n}]", entry)
        elif field.exclude is None:
            lines.append(Shown(table, str(value), settings.origin(table), field.description or ""))
    return lines


def _lines(settings: Settings, name: str, table: Table) -> list[Shown]:
    origin_of_list = settings.origin(name.split("[")[0])
    return [
        Shown(
            f"{name}.{key}",
            _starred(getattr(table, key)),
            settings.origin(f"{name}.{key}") if "[" not in name else origin_of_list,
            field.description or "",
        )
        for key, field in type(table).model_fields.items()
    ]


def _starred(value: object) -> str:
    if isinstance(value, dict):
        return str({k: "******" if SECRET.search(k) else v for k, v in value.items()})
    return str(value)
