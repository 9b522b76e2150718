"""A control record: an application, a person or a job says that a session is over (schema/control-v1.json).

    {"streamer": "control", "type": "session.end", "session_id": "chat-4711", "tenant": "acme", "at_ms": 1764244800000}

Rule: `tenant` and `at_ms` may be left out; members that are not known are passed over, so that a later version may
write them. A record that says it is one and cannot be understood is refused, never guessed at.
"""

from collections.abc import Mapping
from typing import Any

from streamer.core.session_id import clean
from streamer.core.wire.containers.opening import Ended, Refusal

NAME = "control"
WANTED = '"streamer": "control"'
END = "session.end"


def claims(document: Mapping[str, Any]) -> bool:
    return document.get("streamer") == NAME


def ended(document: Mapping[str, Any]) -> Ended:
    """Refusal if it lacks what it must say."""
    if document.get("type") != END:
        raise Refusal(f'its type is not "{END}", the only one there is')
    return Ended(_text(document, "session_id"), _tenant(document), _moment(document))


def record_of(said: Ended) -> dict[str, Any]:
    """The record that says so."""
    record = {"streamer": NAME, "type": END, "session_id": said.session_id, "tenant": said.tenant, "at_ms": said.at_ms}
    return {name: value for name, value in record.items() if value is not None}


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    text = clean(value) if isinstance(value, str) else None
    if text is None:
        raise Refusal(f"its {name} is missing or names nothing")
    return text


def _tenant(document: Mapping[str, Any]) -> str | None:
    return None if document.get("tenant") is None else _text(document, "tenant")


def _moment(document: Mapping[str, Any]) -> int | None:
    value = document.get("at_ms")
    if value is not None and (type(value) is not int or value < 0):
        raise Refusal("its at_ms is no moment in ms since 1970")
    return value
