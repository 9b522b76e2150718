"""Moments as people say them: 7d, 2h, or a date."""

from datetime import UTC, datetime

from streamer.cli.configured import ago_named
from streamer.errors import ConfigurationError


def moment(option: str, text: str | None, now_ms: int) -> int | None:
    """Unix ms of `7d` (ago), `2026-11-01` or `2026-11-01T12:00:00Z`; a time without a zone is UTC. ConfigurationError
    for what is neither."""
    if text is None:
        return None
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now_ms - ago_named(option, text)
        except ConfigurationError:
            raise ConfigurationError(
                f"{option} {text!r}: say how long ago, as in 7d or 2h, or when, as in 2026-11-01 or 2026-11-01T12:00Z"
            ) from None
    return round((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp() * 1000)
