"""Feeds with a known truth, as `streamer feed tail --json` would print them."""

import math
import random
from collections.abc import Callable, Iterable
from typing import Any

from streamer.core.alerts.episode import Episode
from streamer.core.alerts.observation import observed
from streamer.core.alerts.replay import Replay, order_of
from streamer.core.alerts.rule import AlertRule

HOUR_MS = 3_600_000
START_MS = 490_000 * HOUR_MS
RULE = AlertRule(name="spike", judge="user_frustration", labels=("unresolved",))
Record = dict[str, Any]


def verdict(n: int, at_ms: int, value: object = "none", **changes: Any) -> Record:
    """A first verdict of session `s<n>`; a change of `session` or `inclusion` is merged."""
    record = {
        "schema_version": 1,
        "kind": "verdict",
        "event_id": f"{n:032x}",
        "namespace": "streamer",
        "token": n + 1,
        "version": 1,
        "close_reason": "quiet",
        "turns": 3,
        "flags": [],
        "session": {
            "id": f"s{n}",
            "tenant": "default",
            "source": "default",
            "first_trace_id": "tr-" + "0a" * 16,
            "start_ms": at_ms - 60_000,
            "end_ms": at_ms,
        },
        "agent": "bot",
        "service": "svc",
        "service_version": None,
        "environment": "prod",
        "user_id": None,
        "user_id_is": "hashed",
        "inclusion": {"probability": 1.0, "reason": "all", "rule": "default"},
        "published_at_ms": at_ms + 900_000,
        "origin": "live",
        "judge": "user_frustration",
        "judge_version": "0123456789ab",
        "model": "openai:/gpt-4.1-mini",
        "revision": 1,
        "interim": False,
        "transcript_hash": None,
        "prompt_hash": None,
        "usage": {"requests": 1, "input_tokens": 9, "output_tokens": 9, "cost_usd": None},
        "scored_at_ms": at_ms + 890_000,
        "value": value,
        "rationale": "Asked three times.",
        "supersedes": None,
    }
    for name in ("session", "inclusion"):
        record[name] = {**record[name], **changes.pop(name, {})}  # type: ignore[dict-item]
    return {**record, **changes}


def history(
    days: float,
    per_hour: float,
    *,
    share: float = 0.06,
    seed: int = 1,
    spikes: Iterable[tuple[float, float, float]] = (),
    first: int = 0,
    change: Callable[[Record, float], Record] | None = None,
) -> list[Record]:
    """Conversations of a realistic day; `spikes` are (from hour, to hour, odds ratio); `change` sees each record with
    its hour since the start."""
    rng, at_ms, spiking = random.Random(seed), float(START_MS), list(spikes)
    records: list[Record] = []
    while (hour := (at_ms - START_MS) / HOUR_MS) < days * 24:
        day = math.cos(2 * math.pi * (at_ms / HOUR_MS - 14) / 24)
        at_ms += rng.expovariate(per_hour * (1 + 0.6 * day) / HOUR_MS)
        usual = share * (1 - 0.23 * day)
        odds = usual / (1 - usual) * math.prod(ratio for begin, end, ratio in spiking if begin <= hour < end)
        hit = rng.random() < odds / (1 + odds)
        record = verdict(first + len(records), int(at_ms), "unresolved" if hit else "none")
        records.append(change(record, hour) if change else record)
    return records


def replayed(records: Iterable[Record], *rules: AlertRule) -> list[Episode]:
    replay = Replay(rules or (RULE,))
    for seen in sorted(map(observed, records), key=order_of):
        replay.add(seen)
    return replay.finish()


def hours_of(episode: Episode) -> tuple[float, float | None]:
    """Raise and resolve in hours since the start."""
    ended = episode.resolved_at_ms
    return (episode.raised_at_ms - START_MS) / HOUR_MS, None if ended is None else (ended - START_MS) / HOUR_MS
