"""Shares of a history with the episodes of its rules, as a picture."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from streamer.core.alerts.interval import wilson
from streamer.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from streamer.app.alert_testing import Tested
    from streamer.core.alerts.replay import Track

ROWS_MAX = 12
"""Series with most episodes, then with most conversations: a picture of more is not read."""
DAY_S = 86_400


def draw(tested: Tested, file: Path) -> None:
    """One row per series: the share of each day with its interval, episodes shaded. ConfigurationError without
    matplotlib, or where the file cannot be written."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        raise ConfigurationError("--png needs matplotlib: pip install matplotlib") from None
    tracks = sorted(tested.replay.tracks.values(), key=lambda one: (-len(one.episodes), -one.conversations))[:ROWS_MAX]
    figure, rows = pyplot.subplots(len(tracks), 1, figsize=(12, 2.5 * len(tracks)), squeeze=False, sharex=True)
    for track, row in zip(tracks, rows[:, 0], strict=True):
        _draw(track, row)
    figure.tight_layout()
    try:
        figure.savefig(file, dpi=100, format="png")
    except OSError as error:
        raise ConfigurationError(f"--png {file}: {error.strerror}") from None
    finally:
        pyplot.close(figure)


def _draw(track: Track, row: object) -> None:
    days = sorted(track.days)
    when = [datetime.fromtimestamp((day + 0.5) * DAY_S, UTC) for day in days]
    shares = [hits / n for n, hits in (track.days[day] for day in days)]
    intervals = [wilson(hits, n) for n, hits in (track.days[day] for day in days)]
    row.fill_between(when, [low for low, _ in intervals], [high for _, high in intervals], alpha=0.2)  # type: ignore[attr-defined]
    row.plot(when, shares, marker=".")  # type: ignore[attr-defined]
    for one in track.episodes:
        end_ms = track.last_ms if one.resolved_at_ms is None else one.resolved_at_ms
        begin, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (one.raised_at_ms, end_ms))
        row.axvspan(begin, end, color="tab:red", alpha=0.3)  # type: ignore[attr-defined]
    row.set_title(f"{track.series.title} · {track.rule.name}", fontsize=9)  # type: ignore[attr-defined]
    row.set_ylabel("share")  # type: ignore[attr-defined]
    row.set_ylim(bottom=0)  # type: ignore[attr-defined]
