"""How people write OTLP's fields as JSON: names in either case, ids in hex or base64, numbers as text, enums by name.

Source: opentelemetry.io/docs/specs/otlp, JSON Protobuf Encoding; base64 ids are what protobuf's own JSON mapping and
MLflow write.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from streamer.core.wire.encode import DEPTH_MAX, any_value, pack, put_int, text
from streamer.core.wire.schema import AnyValue

_UNDERSCORE = re.compile(r"_([a-z])")
_HEX = re.compile(r"[0-9a-fA-F]*")
_STATUS = {"UNSET": 0, "OK": 1, "ERROR": 2}
_NO_TEXT = ""


class BadSpanError(ValueError):
    """A span that has no usable ids, or is no object at all. The sentence holds nothing of its content."""


def camel(name: str) -> str:
    return _UNDERSCORE.sub(lambda match: match.group(1).upper(), name)


def member(told: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401
    """A member by its snake_case name, however it is written."""
    found = told.get(camel(name))
    return told.get(name) if found is None else found


def objects(told: Any, name: str) -> list[Any]:  # noqa: ANN401
    """The elements of a list, one object alone, or nothing."""
    found = member(told, name) if isinstance(told, Mapping) else None
    if isinstance(found, Mapping):
        return [found]
    return found if isinstance(found, list) else []


def id_of(told: Any, size: int) -> bytes:  # noqa: ANN401
    """Bytes of an id: hex or base64, and as MLflow calls traces. b"" where there is none."""
    if told is None or told == "":
        return b""
    if isinstance(told, str):
        plain = told.strip().rpartition("/")[2] if told.startswith("trace:/") else told.strip()
        digits = plain.removeprefix("tr-").removeprefix("0x")  # base64 may begin like either
        if len(digits) == 2 * size and _HEX.fullmatch(digits):
            return bytes.fromhex(digits)
        found = _base64(plain)
        if len(found) == size:
            return found
    raise BadSpanError(f"an id that is not {size} bytes in hex or base64")


def time_of(told: Any) -> int:  # noqa: ANN401
    """Unix ns; 0 for what is none."""
    number = _whole_number(told)
    return number if number is not None and 0 <= number < 2**64 else 0


def status_of(told: Any) -> int:  # noqa: ANN401
    code = member(told, "code") if isinstance(told, Mapping) else told
    if isinstance(code, str) and not code.isdigit():
        return _STATUS.get(code.upper().removeprefix("STATUS_CODE_"), 0)
    number = _whole_number(code)
    return number if number is not None and number in _STATUS.values() else 0


def name_of(told: Any) -> bytes:  # noqa: ANN401
    return text(told if isinstance(told, str) else _NO_TEXT)


def attributes_of(told: Any) -> Iterator[tuple[str, bytes]]:  # noqa: ANN401
    """(key, AnyValue) of a list of KeyValues, or of an object as MLflow writes it."""
    if isinstance(told, Mapping):
        for key, value in told.items():
            yield text(key).decode(), pack(any_value(value))
        return
    for pair in told if isinstance(told, list) else ():
        key = pair.get("key") if isinstance(pair, Mapping) else None
        if isinstance(key, str):
            yield text(key).decode(), pack(_told_value(pair.get("value"), 0))


def value_of(told: Any) -> bytes:  # noqa: ANN401
    return pack(_told_value(told, 0))


def _told_value(told: Any, depth: int) -> Any:  # noqa: ANN401
    """An AnyValue as JSON tells it. What is malformed, or lies too deep, is empty."""
    wire = AnyValue()
    if depth > DEPTH_MAX:
        return wire
    if not isinstance(told, Mapping):
        return any_value(told, depth)
    for name, fill in _ARMS.items():
        given = member(told, name)
        if given is not None:
            fill(wire, given, depth)
            break
    return wire


def _fill_string(wire: Any, given: Any, _depth: int) -> None:  # noqa: ANN401
    wire.string = text(given if isinstance(given, str) else str(given))


def _fill_bool(wire: Any, given: Any, _depth: int) -> None:  # noqa: ANN401
    wire.bool = given is True or (isinstance(given, str) and given.lower() == "true")


def _fill_int(wire: Any, given: Any, _depth: int) -> None:  # noqa: ANN401
    number = _whole_number(given)
    if number is not None:
        put_int(wire, number)


def _fill_double(wire: Any, given: Any, _depth: int) -> None:  # noqa: ANN401
    try:
        wire.double = float(given)
    except (TypeError, ValueError, OverflowError):
        return


def _fill_array(wire: Any, given: Any, depth: int) -> None:  # noqa: ANN401
    wire.array.SetInParent()
    wire.array.values.extend(_told_value(item, depth + 1) for item in objects(given, "values"))


def _fill_pairs(wire: Any, given: Any, depth: int) -> None:  # noqa: ANN401
    wire.kvlist.SetInParent()
    for pair in objects(given, "values"):
        if isinstance(pair, Mapping) and isinstance(pair.get("key"), str):
            wire.kvlist.values.add(key=text(pair["key"]), value=_told_value(pair.get("value"), depth + 1))


def _fill_bytes(wire: Any, given: Any, _depth: int) -> None:  # noqa: ANN401
    if isinstance(given, str):
        wire.bytes = _base64(given)


_ARMS = {
    "string_value": _fill_string,
    "bool_value": _fill_bool,
    "int_value": _fill_int,
    "double_value": _fill_double,
    "array_value": _fill_array,
    "kvlist_value": _fill_pairs,
    "bytes_value": _fill_bytes,
}


def _whole_number(told: Any) -> int | None:  # noqa: ANN401
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return None
    try:
        return int(told)
    except (ValueError, OverflowError):
        return None


def _base64(plain: str) -> bytes:
    """Either alphabet, padded or not; b"" for what is none."""
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_" if set("-_") & set(plain) else None)
    except (binascii.Error, ValueError):
        return b""
