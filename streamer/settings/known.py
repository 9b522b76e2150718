"""Which tables and keys there are, and which of them somebody may have meant."""

import difflib
from collections.abc import Iterable
from typing import cast, get_args, get_origin

from streamer.settings.table import Table
from streamer.settings.tables import Settings


def _entry(annotation: object) -> type[Table]:
    """The class of a table, or of the entries of a list of tables."""
    return cast(type[Table], get_args(annotation)[0] if get_origin(annotation) is tuple else annotation)


TABLES: dict[str, type[Table]] = {name: _entry(field.annotation) for name, field in Settings.model_fields.items()}
LISTS = frozenset(name for name, field in Settings.model_fields.items() if get_origin(field.annotation) is tuple)


def nearest(name: str, known: Iterable[str]) -> str | None:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def meant(name: str, table: str | None) -> str:
    """The end of the sentence about an unknown key: the nearest known one, else all that are known."""
    known = list(TABLES if table is None else TABLES[table].model_fields)
    elsewhere = [f"{other}.{name}" for other, entry in TABLES.items() if name in entry.model_fields]
    near = nearest(name, known) or (elsewhere[0] if elsewhere else None)
    return f"did you mean {near}?" if near else f"known are {', '.join(known)}"
