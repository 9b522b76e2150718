"""A loop's own view of the shared connection: its epochs and its cursors. The sides of the store are built on it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from streamer.adapters.redis_sessions.connection import Primaries
from streamer.adapters.redis_sessions.scripts import Argument, Command, ScriptCall, limits_argument
from streamer.core.lifecycle import Limits
from streamer.core.session import Claim
from streamer.core.turn import Turn
from streamer.errors import OwnershipLost, Reconnected

T = TypeVar("T")


class TurnCodec(Protocol):
    """How a turn is packed; streamer.core.turn_codec in production."""

    def pack(self, turn: Turn) -> bytes: ...

    def unpack(self, packed: bytes) -> Turn: ...


def redis_time() -> int:
    """`now` of a script that is to ask Redis' own clock."""
    return 0


@dataclass(slots=True, kw_only=True)
class Shared:
    """What all handles of a process share. `limits` may be replaced: the next call goes by the new ones."""

    primary: Primaries
    limits: Limits
    codec: TurnCodec
    prefix: str = "st"
    now_ms: Callable[[], int] = redis_time
    """Tests give a virtual time; in production every time is Redis'."""
    page: int = 500
    """Sessions that the audit looks at in one call."""

    def tag(self, bucket: int) -> str:
        """What the keys of a bucket begin with."""
        return f"{self.prefix}:{{{bucket:02x}}}:"

    async def time_ms(self) -> int:
        """Of a primary, for what is kept by Redis' clock."""
        if now_ms := self.now_ms():
            return now_ms
        (seconds, micros), *_ = await self.primary.each(("TIME",))
        return int(seconds) * 1_000 + int(micros) // 1_000

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        """For people who look: whichever primary answers, nothing where nothing is asked."""
        return await self.primary.ask(commands) if commands else []


class Handle:
    """Reconnected is raised once per handle and replaced primary, and for every claim made on an earlier one."""

    def __init__(self, shared: Shared) -> None:
        self._s = shared
        self._seen = shared.primary.epoch
        self._turn = self._clock = 0
        self._cursors: dict[int, bytes] = {}
        self._passed: dict[tuple[int, int], int] = {}

    def _call(self, script: str, bucket: int, arguments: Iterable[Argument]) -> ScriptCall:
        fixed = (self._s.now_ms(), limits_argument(self._s.limits))
        return ScriptCall(script, f"{self._s.tag(bucket)}config", (*fixed, *arguments))

    async def _run(self, calls: Sequence[Command], claim: Claim | None = None, *, confirm: bool = False) -> list[Any]:
        """All calls in one round trip to each primary; not atomic over buckets."""
        epoch = self._seen if claim is None else claim.epoch
        return await self._heard(self._s.primary.run(calls, epoch, confirm=confirm))

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        return await self._heard(self._s.primary.ask(commands, self._seen))

    async def _each(self, command: Command) -> list[Any]:
        """The reply of every primary."""
        return await self._heard(self._s.primary.each(command, self._seen))

    async def _heard(self, call: Awaitable[T]) -> T:
        """Reconnected is heard once: the next call is about the new primary."""
        try:
            return await call
        except Reconnected:
            self._seen = self._s.primary.epoch
            raise

    async def _of_claim(self, script: str, claim: Claim, *arguments: Argument, confirm: bool = False) -> Any:  # noqa: ANN401
        """One script on the claim's session, token first."""
        call = self._call(script, claim.bucket, (claim.session.key, claim.token, *arguments))
        return (await self._run([call], claim, confirm=confirm))[0]


def lost(claim: Claim) -> OwnershipLost:
    return OwnershipLost(claim.session.key)
