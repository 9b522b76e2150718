"""What the loops about alerts need from the outside world; ports.py has the rule."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from streamer.core.alerts.episode import Episode
from streamer.core.alerts.fold import SeriesState
from streamer.core.alerts.lane import Change, KeptState, Lane, Looked, Wanted
from streamer.core.alerts.notice import Notice
from streamer.core.alerts.outbox import Delivery
from streamer.core.alerts.story import Hit, Tally


class Waiting(NamedTuple):
    """A proposal that nobody has acted on."""

    bucket: int
    raw: bytes


class SeriesStore(Protocol):
    """Series in Redis: docs/decisions/keys.md, "Alerts"."""

    async def look(self, wanted: Sequence[Wanted]) -> Sequence[Looked]:
        """One round trip, two where a series is new."""

    async def apply(self, changes: Sequence[Change]) -> Sequence[bool]:
        """Each wholly or, where what it looked at has changed, not at all (False). Repeatable."""

    async def proposals(self) -> Sequence[Waiting]:
        """In the order of each bucket."""

    async def drop(self, waiting: Waiting) -> None:
        """Repeatable."""

    async def state(self, lane: Lane, name: str) -> KeptState | None: ...

    async def put_state(self, lane: Lane, name: str, looked: int, state: SeriesState, n: int) -> bool:
        """False where another one stands there meanwhile."""

    async def lanes(self) -> Sequence[Lane]: ...

    async def index(self, lane: Lane) -> Mapping[str, tuple[int, int]]:
        """Series → its first and last conversation, ms."""

    async def hours(self, lane: Lane, series: str, first: int, last: int) -> Mapping[int, Mapping[str, float]]:
        """Sums by hour since the Unix epoch, both ends included; hours without any are left out."""

    async def slices(self, lane: Lane, parent: str, first: int, last: int) -> Mapping[str, Tally]:
        """By `dimension=value`, over these hours."""

    async def hits(self, lane: Lane, parent: str) -> Sequence[Hit]:
        """The newest bad conversations that still count as bad, each once, the newest first."""

    async def strike(self, lane: Lane, session_id: str) -> None:
        """Keep nothing that was said in it. Repeatable."""

    async def sweep(self, lane: Lane, before_ms: int, states_before_ms: int, keep: Collection[str]) -> int:
        """Forget series without a conversation since, and detectors that have taken none since the other time; the
        lane, when nothing of it is left. Nothing of the parent series in `keep`. The number of series. Repeatable."""

    async def time_ms(self) -> int: ...


class Slot(NamedTuple):
    """Where the episodes of a rule on a series stand, one after the other, as it was looked at."""

    rule: str
    series: str
    applied: int
    """Number of the last proposal that was acted on."""
    episode: Episode | None
    """The last one."""
    notice: Notice | None
    """What was told of it last."""
    untold: bool
    """It was raised while a backlog was read: told once that is done, if it is still open then."""
    looked_slot: bytes
    looked_episode: bytes


class Remembered(NamedTuple):
    episode: Episode
    notice: Notice | None
    """What was told of it last."""
    untold: bool


class EpisodeStore(Protocol):
    """Episodes and what is owed to channels; all of it in one slot of Redis, for it changes together."""

    async def slot(self, rule: str, series: str) -> Slot: ...

    async def turn(
        self,
        slot: Slot,
        applied: int,
        episode: Episode | None,
        told: Notice | None,
        channels: Sequence[str],
        *,
        untold: bool = False,
    ) -> bool:
        """Set the episode and what is told of it, and owe that to channels. False where the slot has changed."""

    async def set_current(self, for_ms: int) -> None:
        """A monitor has no backlog."""

    async def is_current(self) -> bool: ...

    async def episodes(self) -> Sequence[Remembered]:
        """The latest raised first."""

    async def open(self) -> Sequence[Remembered]:
        """Those that are open, the latest raised first; what was remembered besides costs nothing."""

    async def remembered(self, names: Sequence[str]) -> Sequence[Remembered]:
        """These of them, in that order; those that are known."""

    async def retell(self, name: str, notice: Notice) -> None:
        """What was told of an episode that nobody changes any more: it is not the last of its slot. Repeatable."""

    async def forget(self, before_ms: int) -> int:
        """Resolved ones that are older, and slots that have held none since; the number of episodes. Repeatable."""

    async def take(self, channel: str, limit: int, per_minute: int, lease_ms: int) -> Sequence[Delivery]:
        """What is due to a channel, of each episode the oldest first; nobody else is given it for `lease_ms`."""

    async def delivered(self, channel: str, delivery: Delivery) -> None:
        """Repeatable."""

    async def put_off(self, channel: str, delivery: Delivery, in_ms: int) -> None:
        """It failed: due again then, once more tried."""

    async def owed(self, channels: Sequence[str]) -> Mapping[str, int]:
        """Deliveries waiting, by channel."""

    async def my_turn(self, what: str, every_ms: int) -> bool:
        """True for one worker in that time."""

    async def mute_rule(self, rule: str, until_ms: int) -> None:
        """0 takes it back."""

    async def muted_rules(self) -> Mapping[str, int]:
        """Rule → until when."""


class Channel(Protocol):
    """Where notices go. Raises TransientError or PermanentError where one was not taken; both are tried again."""

    @property
    def name(self) -> str: ...

    @property
    def forgets(self) -> bool:
        """An alert that goes on must be told again and again (Alertmanager)."""

    async def send(self, notice: Notice) -> str:
        """What the other side answered. Repeatable: it knows the notice by its id."""

    async def close(self) -> None: ...
