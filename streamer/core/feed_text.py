"""Text as the feed carries it, and as its keys are made of it."""

from collections.abc import Iterable
from urllib.parse import quote


def joined(*parts: str) -> str:
    """Percent-encoded, since `|` may stand in a session id."""
    return "|".join(quote(part, safe="", errors="replace") for part in parts)


def first_said(values: Iterable[str | None]) -> str | None:
    """The first turn's word that says it."""
    return next((clean(value) for value in values if value), None)


def clean(text: str) -> str:
    """Lone surrogates, which JSON text in spans may hold, have no UTF-8 form."""
    return text.encode("utf-8", "replace").decode()
