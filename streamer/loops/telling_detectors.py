"""An episode was ended by somebody else than its detector, which would think itself in it, and raise nobody again."""

from collections.abc import Callable, Iterable

from streamer.alert_ports import SeriesStore
from streamer.core.alerts.episode import Episode
from streamer.core.alerts.fold import SeriesState
from streamer.core.alerts.lane import Lane, state_name
from streamer.core.alerts.rule import AlertRule
from streamer.core.alerts.series import SeriesKey
from streamer.ports import Clock

TRIES = 20
"""A monitor that folds into the same series at the same moment is through long before."""
Change = Callable[[AlertRule, SeriesState], SeriesState]


async def tell_detector(
    store: SeriesStore, rules: Iterable[AlertRule], episode: Episode, change: Change, clock: Clock
) -> None:
    """`change` the state of the episode's rule on its series. Repeatable. A state that another version of streamer
    wrote is learned anew anyhow."""
    key = SeriesKey.read(episode.series)
    lane = Lane(key.tenant, key.judge)
    for rule in rules:
        if rule.name != episode.rule:
            continue
        name = state_name(rule, key.parent)
        for _ in range(TRIES):
            kept = await store.state(lane, name)
            if kept is None:
                break
            try:
                state = change(rule, SeriesState.decoded(kept.raw))
            except ValueError:
                break
            if await store.put_state(lane, name, kept.n, state, max(kept.n + 1, clock.now_ms() * 1_000)):
                break
