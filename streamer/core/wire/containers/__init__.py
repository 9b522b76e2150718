"""What a record may be wrapped in. `open_value` gives OTLP protobuf and what control records say, or says why not.

Rule: an encoding that is configured is the only one tried; `auto` goes by headers, then by the first bytes. Wrappings
come off whatever is configured, each at most once around a value; all that a record unpacks to has one bound. To add a
JSON document: write its file with NAME, WANTED, `claims` and `requests`, add it to DOCUMENTS; to add a wrapping: a line
in WRAPPINGS.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from streamer.core.wire.bounds import holds_too_much
from streamer.core.wire.containers import (
    cloudevents,
    compression,
    confluent,
    control,
    foreign,
    json_text,
    mlflow_json,
    otlp_json,
)
from streamer.core.wire.containers.opening import Ended, Limits, Opened, Refusal
from streamer.core.wire.records import Header, Problem, Tried
from streamer.core.wire.rules import Encoding
from streamer.core.wire.salvage import salvage
from streamer.core.wire.schema import Request

__all__ = ["Limits", "Opened", "open_value"]

OTLP_TAG = 0x0A
"""The first byte of every export request: field 1, length-delimited."""
_EVENTS_DEEP_MAX = 2


class Wrapping(NamedTuple):
    """`kind`: of wrappings of one kind a record has at most one."""

    name: str
    kind: str
    begins: bytes
    strip: Callable[[bytes, Limits], bytes | compression.Unpacked]


WRAPPINGS = (
    Wrapping("gzip", "compression", compression.GZIP, compression.gunzip),
    Wrapping("zstd", "compression", compression.ZSTD, compression.unzstd),
    Wrapping("confluent", "registry", confluent.MAGIC, confluent.strip),
)
DOCUMENTS = (otlp_json, mlflow_json)
_JSON_NAMES = (control.NAME, otlp_json.NAME, mlflow_json.NAME, cloudevents.NAME)


def open_value(value: bytes, headers: Sequence[Header], encoding: Encoding, limits: Limits) -> Opened:
    """Never raises."""
    opening = _Opening(limits)
    named = {name.lower(): (raw or b"").decode("utf-8", "replace").lower() for name, raw in headers}
    if encoding == "cloudevents" and cloudevents.BINARY_HEADER in named:
        encoding = "auto"  # the value is the event's data
    opening.take(value, encoding)
    if opening.found:
        opening.count_lost()
    else:
        opening.explain(value, named.get("content-type", ""))
    return Opened(opening.requests, opening.problems, opening.tried, opening.ended)


class _Opening:
    """One record being opened."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unpacked_max = limits.unpacked_bytes_max  # of all its events together
        self._lost = 0  # events in whose data nothing was found
        self._misread: list[str] = []  # control records that cannot be understood
        self._foreign = ""
        self._worst: Refusal | None = None
        self.requests: list[bytes] = []
        self.ended: list[Ended] = []
        self.problems: list[Problem] = []
        self._said: dict[str, str] = {}

    @property
    def found(self) -> int:
        """Requests and control records."""
        return len(self.requests) + len(self.ended)

    @property
    def tried(self) -> list[Tried]:
        return [Tried(decoder, said) for decoder, said in self._said.items()]

    def take(self, value: bytes, encoding: Encoding, deep: int = 0) -> None:
        """A record's value, or the data of an event in it."""
        try:
            value = self._unwrapped(value)
        except Refusal:
            return
        before = self.found
        if encoding in ("auto", "otlp_proto"):
            self._try_proto(value)
        if encoding != "otlp_proto" and self.found == before:
            self._try_json(value, encoding, deep)
        self._foreign = self._foreign or foreign.of_bytes(value)

    def _unwrapped(self, value: bytes) -> bytes:
        left = list(WRAPPINGS)
        while found := next((w for w in left if value.startswith(w.begins)), None):
            left = [w for w in left if w.kind != found.kind]
            try:
                inner = found.strip(value, self._limits._replace(unpacked_bytes_max=self._unpacked_max))
            except Refusal as refusal:
                self._refused(found.name, refusal)
                raise
            self._say(found.name, "")
            if isinstance(inner, compression.Unpacked):
                if not inner.whole:
                    self.problems.append(Problem("truncated", f"{found.name} breaks off", len(value)))
                inner = inner.value
                self._unpacked_max -= len(inner)
            value = inner
        return value

    def _try_proto(self, value: bytes) -> None:
        try:
            self.requests.append(_proto(value))
        except Refusal as refusal:
            self._refused("otlp_proto", refusal)
        else:
            self._say("otlp_proto", "")

    def _try_json(self, value: bytes, encoding: Encoding, deep: int) -> None:
        try:
            read = json_text.read(value, self._limits)
        except Refusal as refusal:
            self._refuse_json(encoding, refusal)
            return
        before = len(self.problems)
        for document in read.documents:
            self._take_document(document, encoding, deep)
        if read.broken_at >= 0 and not self.found:
            self._refuse_json(encoding, Refusal(f"stops being JSON behind character {read.broken_at}"))
        elif read.broken_at >= 0 and len(self.problems) == before:  # else each bad span is told by itself
            self.problems.append(Problem("truncated", "it stops being JSON behind this character", read.broken_at))

    def _refuse_json(self, encoding: Encoding, refusal: Refusal) -> None:
        for name in _JSON_NAMES if encoding == "auto" else (encoding,):
            self._refused(name, refusal)

    def _take_document(self, document: Any, encoding: Encoding, deep: int) -> None:  # noqa: ANN401
        every = document if isinstance(document, list) else [document]
        objects = [one for one in every if isinstance(one, Mapping)]
        for one in objects:
            self._take_object(one, encoding, deep)
        if len(objects) < len(every):
            self._refuse_json(encoding, Refusal("JSON that is no object"))
        if not self.found:
            self._foreign = self._foreign or foreign.of_document(document)

    def _take_object(self, document: Mapping[str, Any], encoding: Encoding, deep: int) -> None:
        if encoding in ("auto", control.NAME):
            if control.claims(document):
                return self._take_control(document)
            self._say(control.NAME, f"JSON without {control.WANTED}")
        for module in DOCUMENTS:
            if encoding in ("auto", module.NAME):
                if module.claims(document):
                    self.requests += module.requests(document, self.problems)
                    return self._say(module.NAME, "")
                self._say(module.NAME, f"JSON without {module.WANTED}")
        if encoding not in ("auto", cloudevents.NAME):
            return None
        if not cloudevents.claims(document) or deep >= _EVENTS_DEEP_MAX:
            return self._say(cloudevents.NAME, f"JSON without {cloudevents.WANTED}")
        return self._take_event(document, deep)

    def _take_control(self, document: Mapping[str, Any]) -> None:
        try:
            self.ended.append(control.ended(document))
        except Refusal as refusal:
            self._misread.append(str(refusal))
            return self._refused(control.NAME, refusal)
        return self._say(control.NAME, "")

    def _take_event(self, event: Mapping[str, Any], deep: int) -> None:
        try:
            data = cloudevents.data_of(event)
        except Refusal as refusal:
            return self._refused(cloudevents.NAME, refusal)
        self._say(cloudevents.NAME, "")
        before = self.found
        if isinstance(data, bytes):
            self.take(data, "auto", deep + 1)
        else:
            self._take_document(data, "auto", deep + 1)
        self._lost += self.found == before
        return None

    def _refused(self, decoder: str, refusal: Refusal) -> None:
        if self._worst is None or refusal.reason != "unreadable":
            self._worst = refusal
        self._say(decoder, str(refusal))

    def _say(self, decoder: str, said: str) -> None:
        """Once, however many documents a record has; that it was taken, once and for all."""
        if self._said.get(decoder) not in ("", said):
            self._said[decoder] = said

    def count_lost(self) -> None:
        """Beside what was found: an event among others costs itself, and is told."""
        self.problems += [Problem("unreadable", f"{control.NAME}: {said}", -1) for said in self._misread]
        if self._lost:
            self.problems.append(Problem("unreadable", f"{self._lost} events with data that no decoder takes", -1))

    def explain(self, value: bytes, content_type: str) -> None:
        """Nothing was found: one problem that says what to do, before whatever else was noticed."""
        for wrapping in WRAPPINGS:
            self._said.setdefault(wrapping.name, f"does not begin with {wrapping.begins.hex(' ')}")
        known = self._foreign or foreign.of_content_type(content_type)
        worst = self._worst
        if known:
            problem = Problem("unsupported", known, 0)
        elif self._misread:  # it says itself what it is meant to be
            problem = Problem("unreadable", f"{control.NAME}: {'; '.join(self._misread)}", 0)
        elif worst is not None and worst.reason != "unreadable":
            problem = Problem(worst.reason, str(worst), 0)
        elif worst is not None and not any(self._said.get(name) == "" for name in _JSON_NAMES[:-1]):
            problem = Problem(worst.reason, "; ".join(f"{t.decoder}: {t.said}" for t in self.tried if t.said), 0)
        else:
            problem = Problem("no_spans", "JSON without spans or log records", 0)
        self.problems.insert(0, problem)


def _proto(value: bytes) -> bytes:
    """The value itself, if protobuf or the walk over its bytes finds anything in it."""
    if not value or value[0] != OTLP_TAG:
        raise Refusal("does not begin with 0a")
    if holds_too_much(value):
        raise Refusal("more spans, scopes and resources in it than any exporter writes", "too_large")
    try:
        parts = Request.FromString(value).resource_spans
    except DecodeError:
        saved = salvage(value)
        if not any(scope.spans for part in saved.resource_spans for scope in part.scope_spans):
            raise Refusal(f"protobuf breaks off at byte {saved.broken_at}, and no whole span is in it") from None
        return value
    if not parts:
        raise Refusal("protobuf without resource_spans or resource_logs", "no_spans")
    if not any(part.scope_spans for part in parts) and foreign.of_bytes(value):
        raise Refusal("protobuf without scope_spans or scope_logs", "no_spans")
    return value
