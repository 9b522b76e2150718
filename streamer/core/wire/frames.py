"""Fragments and turns, compressed.

Rule: a dictionary, once shipped, stays: every frame names its own by id, so frames of older versions remain readable.
The dictionaries are constants of the package that happen to lie in files; they are read once, at import.
"""

from importlib.resources import files

import zstandard

FRAME_BYTES_MAX = 64 * 1024 * 1024
"""No frame of ours unpacks to more; one that says so is not ours."""
_LEVEL = 1


def _load() -> dict[int, zstandard.ZstdCompressionDict]:
    found = {}
    for file in files("streamer.core.wire").iterdir():
        if file.name.endswith(".dict"):
            dictionary = zstandard.ZstdCompressionDict(file.read_bytes())
            found[dictionary.dict_id()] = dictionary
    return found


_DICTIONARIES = _load()
_NEWEST = max(_DICTIONARIES)
_DECOMPRESSORS = {n: zstandard.ZstdDecompressor(dict_data=d) for n, d in _DICTIONARIES.items()}
_DECOMPRESSORS[0] = zstandard.ZstdDecompressor()


def compressor() -> zstandard.ZstdCompressor:
    """To be kept and used again by one thread: a new one per frame costs several times the compression itself."""
    return zstandard.ZstdCompressor(level=_LEVEL, dict_data=_DICTIONARIES[_NEWEST])


def size_of(frame: bytes) -> int:
    """Bytes that a frame says it unpacks to; 0 if it is none of ours."""
    try:
        size = zstandard.get_frame_parameters(frame).content_size
    except zstandard.ZstdError:
        return 0
    return size if size <= FRAME_BYTES_MAX else 0


def decompress(frame: bytes) -> bytes | None:
    """None if it is no whole frame of ours."""
    try:
        head = zstandard.get_frame_parameters(frame)
        decompressor = _DECOMPRESSORS.get(head.dict_id)
        if decompressor is None or head.content_size > FRAME_BYTES_MAX:
            return None
        return decompressor.decompress(frame)
    except zstandard.ZstdError:
        return None
