"""Numbers as people read them."""

from collections.abc import Mapping

_UNITS_MS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))
_SIZES = ("B", "KB", "MB", "GB", "TB")


def lasting(ms: int) -> str:
    """A duration in the largest unit that it fills: `15 min`, `1.5 h`, `30 d`, `200 ms`."""
    for unit, size in _UNITS_MS:
        if abs(ms) >= size:
            return f"{ms / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{ms} ms"


def countdown(ms: int) -> str:
    """A time to go, to the second, rounded up: `3:12`, `1:02:03`, `2 d 1:00:00`."""
    minutes, seconds = divmod(-(-max(0, ms) // 1_000), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    small = f"{hours}:{minutes:02}:{seconds:02}" if hours or days else f"{minutes}:{seconds:02}"
    return f"{days} d {small}" if days else small


def clock(ms: int) -> str:
    """The time of day, UTC: `14:00`."""
    hours, minutes = divmod(ms // 60_000 % 1_440, 60)
    return f"{hours:02}:{minutes:02} UTC"


def sized(size: float) -> str:
    """Bytes in powers of ten: `1.5 MB`."""
    left = list(_SIZES)
    while size >= 1_000 and len(left) > 1:
        size /= 1_000
        left.pop(0)
    return f"{size:.1f}".removesuffix(".0") + f" {left[0]}"


def priced(usd: float | None) -> str:
    """US dollars to the millionth: `$0.000012`, `$5`; None: `price unknown`."""
    return "price unknown" if usd is None else f"${usd:,.6f}".rstrip("0").rstrip(".")


def counted(number: int, thing: str) -> str:
    """`1 judge`, `2 judges`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def counts(by_name: Mapping[str, int]) -> str:
    """`bad_span 2, unreadable 1`."""
    return ", ".join(f"{name} {count}" for name, count in sorted(by_name.items()))
