"""gzip and zstd around a record's value, put there by the application; Kafka's own compression is undone by the client.

Rule: output is bounded before it is made, in bytes and by ratio. What could be unpacked of a broken one is kept.
"""

import io
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import zstandard

from streamer.core.wire.containers.opening import Limits, Refusal

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
RATIO_MAX = 250
"""JSON of many like spans reaches 50; a bomb of gzip 1,000, of zstd 10,000."""
HARMLESS_BYTES = 1024 * 1024
"""Up to here the ratio does not matter."""
_CHUNK = 256 * 1024
_WINDOW_MAX = 64 * 1024 * 1024


class Unpacked(NamedTuple):
    value: bytes
    whole: bool


def gunzip(packed: bytes, limits: Limits) -> Unpacked:
    return _bounded(_gzip_chunks(packed), len(packed), limits)


def unzstd(packed: bytes, limits: Limits) -> Unpacked:
    return _bounded(_zstd_chunks(packed), len(packed), limits)


def _bounded(chunks: Iterator[bytes], packed: int, limits: Limits) -> Unpacked:
    bytes_max = min(limits.unpacked_bytes_max, max(HARMLESS_BYTES, packed * RATIO_MAX))
    taken, size, whole = list[bytes](), 0, True
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > bytes_max:
                raise Refusal(f"{packed} bytes unpack to more than {bytes_max}", "too_large")
            taken.append(chunk)
    except (zlib.error, zstandard.ZstdError, EOFError):
        whole = False
    if not taken:
        raise Refusal("begins like it, and cannot be unpacked")
    return Unpacked(b"".join(taken), whole)


def _gzip_chunks(packed: bytes) -> Iterator[bytes]:
    """Every member of the file. zlib.error or EOFError where it breaks off."""
    while packed:
        member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        while not member.eof:
            chunk = member.decompress(packed, _CHUNK)
            packed = member.unconsumed_tail
            if not chunk and not packed and not member.eof:
                raise EOFError
            yield chunk
        packed = member.unused_data.lstrip(b"\0")  # padding is allowed


def _zstd_chunks(packed: bytes) -> Iterator[bytes]:
    source = io.BytesIO(packed)
    reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MAX).stream_reader(source, read_across_frames=True)
    while chunk := reader.read(_CHUNK):
        yield chunk
