"""Protobuf's variable-length integers and length-delimited fields, for the few places that work on bare bytes.

Source: protobuf.dev, Encoding.
"""


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


def delimited(tag: bytes, payload: bytes) -> bytes:
    """A length-delimited field."""
    size = len(payload)
    return tag + (_LENGTHS[size] if size < 16384 else encode(size)) + payload
