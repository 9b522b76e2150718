"""What people read: the share of a series over 1 h, 24 h and 7 d, and what stands beside it.

Rule: an hour is a flat mapping of sums, so that whoever keeps it can add to it field by field. A session stands in one
hour of one series under one outcome; judged again it moves, retracted it goes. Sums come back to zero.

    n:<outcome>   sessions
    w:<outcome>   sum of weights, 1 / inclusion probability
    q:<outcome>   sum of squared weights
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from streamer.core.alerts.interval import wilson
from streamer.core.alerts.observation import Decision, Observation
from streamer.core.alerts.rule import as_label

HOUR_MS = 3_600_000
WINDOWS_H: Mapping[str, int] = {"1h": 1, "24h": 24, "7d": 168}
Outcome = Literal["hit", "miss", "refused", "failed", "deferred", "gone"]
"""gone: retracted. It is in no sum, and remembered so that an older record, arriving late, does not bring it back."""
NOTHING = 1e-9
"""Below it a sum of weights is the rest of a subtraction."""


class Place(NamedTuple):
    """Where a session stands for one judge."""

    series: str
    hour: int
    """Hours since the Unix epoch, of the conversation's end."""
    outcome: Outcome
    weight: float
    token: int


Deltas = dict[tuple[str, int], dict[str, float]]
"""By series and hour: what to add to which field."""


def settled(old: Place | None, seen: Observation, labels: tuple[str, ...]) -> Place | None:
    """Where a session stands after a verdict, a failure or a retraction; `old` itself if the record changes nothing.
    `labels` are the judge's bad ones.

    Of two records the greater token holds, whichever came first. A failure replaces no verdict.
    """
    if old is not None and seen.token <= old.token:
        return old
    match seen.kind:
        case "verdict" if seen.value is not None:
            outcome: Outcome = "hit" if as_label(seen.value) in labels else "miss"
        case "failure" if old is None or old.outcome not in ("hit", "miss"):
            outcome = "refused" if seen.failure == "refused" else "failed"
        case "retracted":
            outcome = "gone"
        case _:
            return old
    return Place(str(seen.series), seen.at_ms // HOUR_MS, outcome, _weight(seen.probability), seen.token)


def settled_by_closing(old: Place | None, seen: Observation, decision: Decision) -> Place | None:
    """The same for one judge of a closing: what is deferred waits for money, and nothing else tells of it."""
    has_spoken = old is not None and old.outcome != "deferred"
    if decision.state != "deferred" or has_spoken or (old is not None and seen.token <= old.token):
        return old
    series = seen.series._replace(judge=decision.judge, judge_version=decision.judge_version)
    return Place(str(series), seen.at_ms // HOUR_MS, "deferred", _weight(decision.probability), seen.token)


def _weight(probability: float) -> float:
    """Horvitz and Thompson's. A session that was judged although its rule gave it no chance counts as itself."""
    return 1 / probability if probability > 0 else 1.0


def moved(old: Place | None, new: Place | None) -> Deltas:
    """What changes where a session that stood at `old` stands at `new` now."""
    deltas: Deltas = {}
    for place, sign in ((old, -1.0), (new, 1.0)):
        if place is not None and place.outcome != "gone":
            fields = deltas.setdefault((place.series, place.hour), {})
            for name, amount in (("n", 1.0), ("w", place.weight), ("q", place.weight**2)):
                field = f"{name}:{place.outcome}"
                fields[field] = fields.get(field, 0.0) + sign * amount
    return {
        where: changed
        for where, fields in deltas.items()
        if (changed := {field: amount for field, amount in fields.items() if abs(amount) > NOTHING})
    }


class Shares(NamedTuple):
    """One series over one window. `share` is None where nothing was judged."""

    share: float | None
    interval: tuple[float, float]
    """95 %, Wilson's over Kish's effective number of conversations."""
    judged: int
    hits: int
    refused: int
    failed: int
    deferred: int
    bounds: tuple[float, float]
    """The share if no refused conversation was bad, and if all were."""


def shares(hours: Mapping[int, Mapping[str, float]], now_ms: int) -> dict[str, Shares]:
    """By window: so many full hours, and the running one beside them. `hours` by their number since the Unix epoch."""
    newest = now_ms // HOUR_MS
    return {name: _share([hours[h] for h in hours if newest - size <= h <= newest]) for name, size in WINDOWS_H.items()}


def _share(hours: list[Mapping[str, float]]) -> Shares:
    def total(field: str) -> float:
        found = sum(hour.get(field, 0.0) for hour in hours)
        return found if found > NOTHING else 0.0

    w_hit, w_miss, w_refused = total("w:hit"), total("w:miss"), total("w:refused")
    weight, squares = w_hit + w_miss, total("q:hit") + total("q:miss")
    share = w_hit / weight if weight else None
    kish = weight**2 / squares if squares else 0.0
    whole = weight + w_refused
    return Shares(
        share=share,
        interval=wilson((share or 0.0) * kish, kish),
        judged=round(total("n:hit") + total("n:miss")),
        hits=round(total("n:hit")),
        refused=round(total("n:refused")),
        failed=round(total("n:failed")),
        deferred=round(total("n:deferred")),
        bounds=(w_hit / whole, (w_hit + w_refused) / whole) if whole else (0.0, 1.0),
    )
