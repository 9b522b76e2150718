"""Kinds of values: what a setting may hold, and the sentence that says so.

Rule: a sentence goes on from the setting's name ("must not be empty") and never repeats the value.
"""

import math
import re
import unicodedata
from typing import Annotated, get_args

from pydantic import AfterValidator, BeforeValidator, Field, Secret, TypeAdapter, ValidationError

from streamer.core.lifecycle import DAY_MS
from streamer.core.reading import BEGINNING, NOW, Start
from streamer.core.verdict import VerdictValue
from streamer.core.wire.rules import NOT_READ, Encoding
from streamer.errors import ConfigurationError
from streamer.settings.addresses import posix
from streamer.settings.table import ADDRESS

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": DAY_MS}
MS_MAX = 36_500 * DAY_MS
"""A hundred years: added to a time of today it is still exact in Redis, whose scripts count in doubles."""
AGO_MS_MAX = 18_250 * DAY_MS
"""Fifty years: Kafka's timestamps begin in 1970."""
_OFFSET = re.compile(r"[0-9]{1,18}")
"""Kafka counts in 64 bits."""
USD_MAX = 1_000_000_000.0
"""Spending is counted in millionths, which must be exact in doubles too."""
ROW_NAME_MAX = 250
"""MLflow's column for the name of an assessment (3.17, store/tracking/dbmodels/models.py)."""

RULE_NAME_MAX = 64


def _duration(value: object) -> object:
    """`"15m"`, `"2h"`, `"500ms"`, or a number of ms."""
    if isinstance(value, str) and not value.strip().isdigit():
        text = value.strip()
        for unit in sorted(UNITS_MS, key=len, reverse=True):
            if text.endswith(unit):
                try:
                    return round(float(text.removesuffix(unit)) * UNITS_MS[unit])
                except (ValueError, OverflowError):
                    break
    elif not isinstance(value, bool):
        return value
    raise ValueError('is no duration; write "15m", "2h", "500ms" or a number of ms')


def _fallback(value: str) -> str:
    kind, _, name = value.partition(":")
    if value != "key" and not (kind in ("header", "resource") and name.strip()):
        raise ValueError('must be "header:<name>", "key" or "resource:<attribute>"')
    return value


def _start(value: object) -> object:
    """ "now", "beginning", an offset, or how far back: "2h"."""
    text = str(value).strip()
    if isinstance(value, bool) or not (text in ("now", "beginning") or _OFFSET.fullmatch(text) or _is_ago(text)):
        raise ValueError('must be "now", "beginning", an offset, or how far back, as in "2h"')
    return text


def _is_ago(text: str) -> bool:
    """A duration that does not lie before 1970, nor in the time to come."""
    try:
        ago_ms = _duration(text)
    except ValueError:
        return False
    return isinstance(ago_ms, int) and 0 <= ago_ms <= AGO_MS_MAX


def start_of(text: str, now_ms: int) -> Start:
    """What a valid `start` means now."""
    if text in ("now", "beginning"):
        return NOW if text == "now" else BEGINNING
    if _OFFSET.fullmatch(text):
        return Start("offset", int(text))
    ago_ms = _duration(text)
    assert isinstance(ago_ms, int)
    return Start("time", now_ms - ago_ms)


def _number(value: object) -> object:
    """Python takes true for 1."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _usd(value: object) -> object:
    try:
        finite = not isinstance(value, str | float) or math.isfinite(float(value))
    except ValueError:
        return value
    if not finite:
        raise ValueError("must be a finite number: the limit cannot be switched off, only set high; 0 buys nothing")
    return _number(value)


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value):
        raise ValueError("must be 1 to 64 of A-Z a-z 0-9 _ . - because it is part of keys in Redis")
    return value


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", value):
        raise ValueError("must be 1 to 64 of A-Z a-z 0-9 _ . : - because braces in a key tell Redis Cluster its slot")
    return value


def _row_name(value: str) -> str:
    """Control characters, lone surrogates and line separators have no place in a column or a metric's label."""
    odd = any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in value)
    if odd or not value.strip() or len(value) > ROW_NAME_MAX:
        raise ValueError(f"must be 1 to {ROW_NAME_MAX} printable characters: it names the row in MLflow")
    return value


def _rule_name(value: str) -> str:
    if not value.isprintable() or not value.strip() or len(value) > RULE_NAME_MAX:
        raise ValueError(f"must be 1 to {RULE_NAME_MAX} printable characters: it stands with every verdict")
    return value


def _model_name(value: str) -> str:
    if not re.fullmatch(r"[^\s:/]+:/[^\s\x00-\x1f\x7f]+", value):
        raise ValueError("must be spelled <provider>:/<model>, as in openai:/gpt-4.1-mini")
    return value


def _topic_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", value):
        raise ValueError("must be a topic's name as Kafka allows it: 1 to 249 of A-Z a-z 0-9 . _ -")
    return value


def _topic(value: str) -> str:
    if not value.startswith("^"):
        return _topic_name(value)
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is a regex that does not compile: {error}") from None
    return posix(value)


def _topics(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("must name at least one topic")
    if len(set(value)) < len(value):
        raise ValueError("names a topic twice")
    return value


def _encoding(value: object) -> object:
    """A name that is not known at all is told by the choice itself."""
    if value in NOT_READ:
        raise ValueError("is not read by streamer: let a Collector's kafka receiver read it and write otlp_proto")
    return value


def encoding_named(name: str) -> Encoding:
    """As somebody wrote it on the command line. ConfigurationError if there is none of that name."""
    try:
        found: Encoding = TypeAdapter(RecordEncoding).validate_python(name)
    except ValidationError as error:
        said = error.errors()[0]
        why = str(said.get("ctx", {}).get("error", "")) or f"is unknown; known are {', '.join(get_args(Encoding))}"
        raise ConfigurationError(f"encoding {name} {why}") from None
    return found


def ago_named(option: str, text: str) -> int:
    """How far back, in ms, as somebody wrote it on the command line: `2h`. ConfigurationError if it is no duration."""
    try:
        return TypeAdapter(SomeMs).validate_python(text)
    except ValidationError:
        raise ConfigurationError(f'{option} is no duration; write "15m", "2h" or "3d"') from None


def _option(value: object) -> object:
    if isinstance(value, dict):
        raise ValueError('is a table; write the whole name in quotes, as in "sasl.mechanism" = "PLAIN"')
    if not isinstance(value, str | int | Secret):
        raise ValueError("must be text, a whole number, true or false")
    return value


def _scalar(value: object) -> object:
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("must be text, a finite number, true or false")
    return value


Ms = Annotated[int, BeforeValidator(_duration), Field(ge=0, le=MS_MAX)]
SomeMs = Annotated[int, BeforeValidator(_duration), Field(gt=0, le=MS_MAX)]
Whole = Annotated[int, BeforeValidator(_number)]
Usd = Annotated[float, BeforeValidator(_usd), Field(ge=0, le=USD_MAX)]
Share = Annotated[float, BeforeValidator(_number)]
Filled = Annotated[str, AfterValidator(_filled)]
Name = Annotated[str, AfterValidator(_name)]
Prefix = Annotated[str, AfterValidator(_prefix)]
ModelName = Annotated[str, AfterValidator(_model_name)]
RuleName = Annotated[str, AfterValidator(_rule_name)]
RowName = Annotated[str, AfterValidator(_row_name)]
Address = Annotated[str, AfterValidator(_filled), ADDRESS]
TopicName = Annotated[str, AfterValidator(_topic_name)]
Topic = Annotated[str, AfterValidator(_topic)]
FirstOffset = Annotated[str, BeforeValidator(_start)]
RecordEncoding = Annotated[Encoding, BeforeValidator(_encoding)]
Topics = Annotated[tuple[Topic, ...], AfterValidator(_topics)]
Option = Annotated[Secret[str | int | bool], BeforeValidator(_option)]
Scalar = Annotated[VerdictValue, BeforeValidator(_scalar)]

Fallback = Annotated[str, AfterValidator(_fallback)]
"""Where a record may say whose it is, beside its spans."""
