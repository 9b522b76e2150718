"""Records as a bad day would have them: fixtures with bytes flipped, cut, doubled, spliced, in any container."""

import base64
import gzip
import json
import random
from collections.abc import Callable, Sequence

import zstandard

from streamer.core.interpret import interpret
from streamer.core.preview import facts_by_trace
from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.decode import decode
from streamer.core.wire.records import Cut
from tests.builders import FIXTURES, raw_record

TELLING = (
    b"\x00",
    b"\xff",
    b"\n",
    b"\x12",
    b"\x0a\x10",
    b"\x80" * 10,
    b"\xff" * 9 + b"\x01",
    b'"',
    b"\\",
    b"{",
    b"[",
    b"]}",
)
"""Bytes that mean something to a parser."""
CUTTER = Cutter(CutRules())
OUTSIDE: tuple[Callable[[bytes], bytes], ...] = (
    lambda value: value,
    gzip.compress,
    zstandard.compress,
    lambda value: b"\x00\x00\x00\x00\x01" + value,
    lambda value: json.dumps({"specversion": "1.0", "data_base64": base64.b64encode(value).decode()}).encode(),
    lambda value: json.dumps({"specversion": "1.0", "data": value.decode("utf-8", "replace")}).encode(),
)


def recorded() -> list[bytes]:
    """Every fixture, whatever it holds."""
    return [path.read_bytes() for path in sorted(FIXTURES.iterdir()) if path.name != "manifest.json"]


def mutated(values: Sequence[bytes], rng: random.Random) -> bytes:
    """One of the values, changed in a few places, then perhaps wrapped, then perhaps changed again."""
    value = rng.choice(values)
    for _ in range(rng.randrange(1, 5)):
        value = _changed(value, values, rng)
    value = rng.choice(OUTSIDE)(value)
    return _changed(value, values, rng) if rng.random() < 0.3 else value


def _changed(value: bytes, values: Sequence[bytes], rng: random.Random) -> bytes:
    at, to = sorted((rng.randrange(len(value) + 1), rng.randrange(len(value) + 1)))
    match rng.randrange(6):
        case 0:
            return value[:at] + bytes((rng.randrange(256),)) + value[at + 1 :]
        case 1:
            return value[:at] + rng.choice(TELLING) + value[at + rng.randrange(3) :]
        case 2:
            return value[:at] + value[to:]
        case 3:
            return value[:to] + value[at:to] * rng.randrange(1, 4) + value[to:]
        case 4:
            return value[:at]
        case _:
            other = rng.choice(values)
            return value[:at] + other[rng.randrange(len(other)) :]


def read(value: bytes) -> Cut:
    """All the way of a record: cut, decode, interpret."""
    cut = CUTTER.cut(raw_record(value))
    assert cut.fragments or cut.controls or cut.problems or cut.out_of_scope
    for (_, trace_id), facts in facts_by_trace(cut.fragments).items():
        interpret(trace_id, facts, None)
    for span in decode([fragment.frame for fragment in cut.fragments]):
        assert span.name is not None
        assert all(attributes is not None for _, attributes in span.events())
    return cut
