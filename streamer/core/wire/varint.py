"""Protobuf's variable-length integers and length-delimited fields, for the few places that work on bare bytes.

Source: protobuf.dev, Encoding.
"""

from collections.abc import Iterable


def encode(number: int) -> bytes:
    """Base-128, least significant group first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def read(buffer: bytes, at: int) -> tuple[int, int]:
    """(number, offset behind it). IndexError at the end of the buffer, ValueError above 64 bits."""
    number = shift = 0
    while True:
        byte = buffer[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("varint longer than 64 bits")


_LENGTHS = [encode(n) for n in range(1 << 14)]


def length(size: int) -> bytes:
    """`encode`, quick for what is small."""
    return _LENGTHS[size] if size < 16384 else encode(size)


def delimited(tag: bytes, payload: bytes) -> bytes:
    """A length-delimited field."""
    return tag + length(len(payload)) + payload


class Repeated:
    """A repeated length-delimited field; its heads are made once."""

    def __init__(self, tag: bytes) -> None:
        self._tag = tag
        self._heads = [tag + length for length in _LENGTHS]

    def head(self, size: int) -> bytes:
        """What stands before a payload of this size."""
        return self._heads[size] if size < len(self._heads) else self._tag + encode(size)

    def add(self, payloads: Iterable[bytes], pieces: list[bytes]) -> None:
        """Append heads and payloads, to be joined by whoever has all pieces."""
        heads, known, append = self._heads, len(self._heads), pieces.append
        for payload in payloads:
            size = len(payload)
            append(heads[size] if size < known else self._tag + encode(size))
            append(payload)
