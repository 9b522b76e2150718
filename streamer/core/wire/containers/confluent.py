"""The schema registry's frame: a zero byte, the schema's id in four bytes, and before protobuf the message's path.
Source: docs.confluent.io, Schema Registry, wire format."""

from streamer.core.wire import varint
from streamer.core.wire.containers import compression
from streamer.core.wire.containers.opening import Limits, Refusal

MAGIC = b"\x00"
_HEAD_BYTES = 5
_PATH_MAX = 8
_OTLP, _JSON, _BLANK = b"\n", (b"{", b"["), b" \t\r\n"
_PACKED = (compression.GZIP, compression.ZSTD)


def strip(framed: bytes, _limits: Limits) -> bytes:
    """What the frame is around, if it is protobuf or JSON, or packed."""
    inner = framed[_HEAD_BYTES:]
    if inner.startswith((_OTLP, *_PACKED)) or inner.lstrip(_BLANK).startswith(_JSON):
        return inner
    try:
        count, at = varint.read(inner, 0)
        for _ in range(_unsigned(count)):
            _, at = varint.read(inner, at)
    except (IndexError, ValueError):
        raise _avro() from None
    if not inner.startswith(_OTLP, at):
        raise _avro()
    return inner[at:]


def _unsigned(zigzag: int) -> int:
    """Zero stands for the path [0]: the file's first message."""
    if zigzag & 1 or zigzag >> 1 > _PATH_MAX:
        raise ValueError("no path of a message")
    return zigzag >> 1


def _avro() -> Refusal:
    return Refusal(
        "a schema registry's frame with neither protobuf nor JSON in it, so Avro: let a Collector convert it to "
        "otlp_proto",
        "unsupported",
    )
