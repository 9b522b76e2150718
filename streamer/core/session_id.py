"""Which session a trace belongs to.

Rule (wire.md 2.4): per span the first configured key with a usable value; per trace the root first, then the earliest
start (a tie: the smaller span id). Scrubbed values are absent: taken at face value they would put everybody's
conversations into one session.
"""

import base64
import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from streamer.core.wire.values import encodable, unwrap

_NAMES = ("session_id", "sessionId", "thread_id", "threadId", "conversation_id", "conversationId", "chat_id", "chatId")
"""What applications call their sessions where an SDK lets them name attributes as they like."""

SESSION_KEYS = (
    "mlflow.trace.session",
    "session.id",
    "langfuse.session.id",
    "gen_ai.conversation.id",
    *(f"traceloop.association.properties.{name}" for name in _NAMES),
    *(f"ai.telemetry.metadata.{name}" for name in _NAMES),
    *(f"ai.settings.context.{name}" for name in _NAMES),
    *(f"langsmith.metadata.{name}" for name in _NAMES),
    "langfuse.trace.metadata.langfuse_session_id",
    "langfuse.trace.metadata.session_id",
    "langfuse.trace.metadata.thread_id",
    "langfuse.trace.metadata.conversation_id",
    "lmnr.association.properties.session_id",
    "voltagent.conversation_id",
    "gcp.vertex.agent.session_id",
    "group_id",
    "metadata",
)
"""In order of priority. `metadata` is JSON: the first of METADATA_KEYS in it counts."""

METADATA_KEYS = ("session_id", "thread_id", "conversation_id")

_BASE64_CHARS, _UUID_CHARS = 24, 36
"""Lengths of a trace id in base64, and as UUIDs are written."""
_ABSENT = frozenset({"", "null", "none", "undefined", "unknown", "[object object]"})
_ALL_SCRUBBED = re.compile(
    r"\s*(?:(?:\[(?:scrubbed due to|redacted)[^\]]*\]|__redacted\w*|<redacted[^>]*>|\*{3,})\s*)+", re.IGNORECASE
)
_SCRUBBED = ("[scrubbed due to", "__redacted", "<redacted", "[redacted")


class Identified(Protocol):
    """As much of a span as tells whose it is. `parent_id` is "" for the root."""

    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def parent_id(self) -> str: ...
    @property
    def start_ns(self) -> int: ...
    @property
    def attributes(self) -> Any: ...  # noqa: ANN401 - a mapping that decodes on access, with the set of its names


class Resolved(NamedTuple):
    """`source` is the attribute that named the session; `conflicts` are the other ids, sorted."""

    session_id: str | None
    source: str | None
    conflicts: tuple[str, ...]
    by_root: bool


def is_scrubbed(text: str) -> bool:
    """A privacy filter stands here instead of what was said (wire.md 5.5)."""
    low = text.strip().lower()
    return low.startswith(_SCRUBBED) or (len(low) >= 3 and not low.strip("*"))


def is_all_scrubbed(text: str) -> bool:
    """Nothing of what was said is left: words beside what a filter took out are worth reading."""
    return bool(_ALL_SCRUBBED.fullmatch(text))


def clean(value: Any) -> str | None:  # noqa: ANN401
    """A usable id, or None. Unquotes up to two layers of JSON, turns numbers into text, trims."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value) if math.isfinite(value) else None
    return _clean_text(value) if isinstance(value, str) else None


@lru_cache(maxsize=10_000)  # every span of a trace repeats it
def _clean_text(value: str) -> str | None:
    if is_scrubbed(value):
        return None
    plain = unwrap(value.strip())
    if not isinstance(plain, str):
        return clean(plain) if isinstance(plain, (int, float)) else None
    plain = encodable(plain).strip()
    if plain.lower() in _ABSENT or "\0" in plain or is_scrubbed(plain):
        return None
    return plain


def _in_metadata(value: Any) -> str | None:  # noqa: ANN401
    inner = unwrap(value)
    if not isinstance(inner, dict):
        return None
    return next((found for name in METADATA_KEYS if (found := clean(inner.get(name)))), None)


def reading_of(key: str) -> Callable[[Any], str | None]:
    """How the value of an attribute names a session."""
    return _in_metadata if key == "metadata" else clean


def is_trace_id(candidate: str, trace_id: str) -> bool:
    """A conversation named after its trace is no conversation (semantic-conventions-genai, PR 219)."""
    plain = candidate.lower().removeprefix("tr-")
    if len(candidate) == _BASE64_CHARS:  # as MLflow's documents write it
        return candidate == base64.b64encode(bytes.fromhex(trace_id)).decode()
    return plain == trace_id or (len(plain) == _UUID_CHARS and plain.replace("-", "") == trace_id)


def ids_of(span: Identified, keys: tuple[str, ...] = SESSION_KEYS) -> list[tuple[str, str]]:
    """(key, id) of every usable attribute, by priority."""
    found = []
    ranks = _ranks(keys)
    for key in sorted(span.attributes.names & ranks.keys(), key=ranks.__getitem__):
        session_id = reading_of(key)(span.attributes[key])
        if session_id and not is_trace_id(session_id, span.trace_id):
            found.append((key, session_id))
    return found


@lru_cache(maxsize=100)
def _ranks(keys: tuple[str, ...]) -> dict[str, int]:
    return {key: rank for rank, key in enumerate(keys)}


def resolve(spans: Iterable[Identified], keys: tuple[str, ...] = SESSION_KEYS) -> Resolved:
    """The session of a trace by its spans alone. Of several roots that name one, the smallest id."""
    named = [(span, ids) for span in spans if (ids := ids_of(span, keys))]
    if not named:
        return Resolved(None, None, (), by_root=False)
    roots = [ids[0] for span, ids in named if not span.parent_id]
    if roots:
        key, chosen = min(roots, key=lambda pair: pair[1])
    else:
        key, chosen = min(named, key=lambda pair: (pair[0].start_ns, pair[0].span_id))[1][0]
    others = {session_id for _, ids in named for _, session_id in ids} - {chosen}
    return Resolved(chosen, key, tuple(sorted(others)), by_root=bool(roots))


def owner_of(resolved: Resolved, kept_owner: str | None, candidates: Sequence[str]) -> str | None:
    """The one session a trace belongs to: its root's, else what the sweep kept, else the earliest span's, else the
    smallest candidate. Everybody who claims a candidate session comes to the same answer."""
    if resolved.by_root:
        return resolved.session_id
    return kept_owner or resolved.session_id or min(candidates, default=None)
