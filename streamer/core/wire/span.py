"""A span as read, and its attributes.

Rule: attributes are decoded when they are asked for: most never are, so the parsed map is kept as it is and only the
set of its names is made.
"""

from collections.abc import Iterator, Mapping, Set
from functools import cached_property
from typing import Any

from google.protobuf.message import DecodeError

from streamer.core.wire import schema
from streamer.core.wire.caps import shortened
from streamer.core.wire.values import only_text, readable, value_of


class Attributes(Mapping[str, Any]):
    """Attributes as Python values (values.value_of), decoded on access."""

    __slots__ = ("_raw", "names")

    def __init__(self, raw: Mapping[str, bytes]) -> None:
        self._raw = raw
        self.names = frozenset(raw)
        """To look names up in; one that is not UTF-8 is bytes here. Whoever goes through them iterates over self."""

    def within(self, bytes_max: int) -> "Attributes":
        """These, or others with texts cut to the cap."""
        short = shortened(own := readable(self._raw), bytes_max)
        return self if short is own else Attributes(short)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        if key not in self.names:  # a protobuf map would say b""
            raise KeyError(key)
        return value_of(self._raw[key])

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
        return value_of(self._raw[key]) if key in self.names else default

    def __contains__(self, key: object) -> bool:
        return key in self.names

    def __iter__(self) -> Iterator[str]:
        return only_text(self.names)

    def __len__(self) -> int:
        return len(self.names)


class Span:
    """A span as read. Ids are lowercase hex, `parent_id` is "" for a root; times are Unix ns, 0 where unknown."""

    # Of the class, since most spans have neither.
    logged: Set[bytes] = frozenset()
    """Events that logs tell of it."""
    truncated = False
    """Something of it, or other spans of its trace, went over the caps."""

    def __init__(self, name: bytes, read: Any, attributes: Attributes, resource: Attributes) -> None:  # noqa: ANN401
        """`name`: the trace's and the span's id."""
        parent = read.parent_span_id
        self._read = read
        self.trace_id: str = name[:16].hex()
        self.span_id: str = name[16:].hex()
        self.parent_id: str = "" if parent in NO_PARENT else parent.hex()
        self.start_ns: int = read.start
        self.end_ns: int = read.end
        self.attributes = attributes
        self.resource = resource

    @cached_property
    def name(self) -> str:
        return str(self._read.name[:_NAME_BYTES_MAX].decode("utf-8", "replace"))

    @property
    def is_error(self) -> bool:
        return bool(self._read.status.code == 2)

    @property
    def has_events(self) -> bool:
        return bool(self._read.events or self.logged)

    @property
    def has_logged_events(self) -> bool:
        """Some of its events came as logs."""
        return bool(self.logged)

    def events(self) -> Iterator[tuple[str, Attributes]]:
        """(name, attributes) of each event that can be read; in order of time where logs tell some of them."""
        found = [event for raw in self._read.events if (event := event_of(raw))]
        if self.logged:
            found += [event for raw in sorted(self.logged) if (event := event_of(raw))]
            found.sort(key=lambda event: event.time)
        for event in found:
            yield event.name.decode("utf-8", "replace"), Attributes(event.attributes)

    def events_named(self, name: str) -> Iterator[Attributes]:
        """Attributes of the events of this name. Others are not even parsed: there may be a whole conversation."""
        sought = name.encode()
        for raw in (*self._read.events, *sorted(self.logged)):
            if sought in raw and (event := event_of(raw)) and event.name == sought:
                yield Attributes(event.attributes)


def event_of(raw: bytes) -> Any:  # noqa: ANN401
    """An event as parsed, None for what is none."""
    try:
        return schema.Event.FromString(raw)
    except DecodeError:
        return None


_NAME_BYTES_MAX = 1024
NO_PARENT = (b"", bytes(8))
"""Parent ids of a root."""
