"""One Redis primary as a process sees it: connections, which server answers, and what its answers mean.

Rule: nothing is retried here, because a retry could reach another server than the one that was asked first. Which
server answers, and since when it has been a primary, is read on every new connection; where that changes the epoch is
raised, and whoever still thinks of the old epoch is told so before anything is sent.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hiredis import pack_command
from redis import exceptions as redis_errors
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection

from streamer.adapters.redis_sessions.scripts import Argument, Command, Scripts
from streamer.adapters.redis_sessions.translate import translate
from streamer.core.redis_url import Address
from streamer.errors import Reconnected, StateLost, TransientError

CONNECTIONS_MAX = 64
WAIT_MS = 1_000
"""A replica confirms an intent within this, or the write to MLflow waits."""
SENTINELS_ASKED_S = 1.0


class Primaries(Protocol):
    """What the store needs of Redis, be it one primary or the many of a cluster."""

    @property
    def epoch(self) -> int:
        """Raised whenever a primary was replaced."""

    async def ask(self, commands: Sequence[Command], epoch: int | None = None) -> list[Any]:
        """Replies in order, or the first error among them; each command names its key first. Not atomic. Reconnected
        if a primary is not, or is no longer, that of `epoch`."""

    async def run(self, calls: Sequence[Command], epoch: int | None = None, *, confirm: bool = False) -> list[Any]:
        """The same for scripts, among commands. `confirm`: a replica has what they wrote, where there is one."""

    async def each(self, command: Command, epoch: int | None = None) -> list[Any]:
        """The reply of every primary to a command without a key."""

    async def nodes(self) -> Sequence["Primary"]: ...

    async def probe(self, epoch: int, layout: str) -> None:
        """Every primary answers, is still the same, still a primary, and has not been emptied: `layout` is there."""

    async def close(self) -> None: ...


class Finder(Protocol):
    async def primary(self) -> Address: ...


def parse_info(raw: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in raw.decode().splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


class Primary:
    """A primary and the pool of connections to it."""

    def __init__(self, options: Mapping[str, Any], finder: Finder | None = None) -> None:
        """`options` of a redis-py connection, where to connect to among them unless a `finder` knows."""
        self._options, self._finder = options, finder
        self._pool: ConnectionPool | None = None
        self._place: Address | None = None
        self._asked_at_s = 0.0
        self.epoch = 0
        self.identity = ""
        self.clustered = False
        self.version: tuple[int, ...] = ()
        self.replicas = 0
        self._scripts = Scripts(flags=False)

    async def is_clustered(self) -> bool:
        """Whether this server is a node of a Redis Cluster."""
        await self.each(("TIME",))
        return self.clustered

    async def slots(self) -> Sequence[Any]:
        """CLUSTER SLOTS: who owns what."""
        (said,) = await self.each(("CLUSTER", "SLOTS"))
        return list(said)

    async def ask(self, commands: Sequence[Command], epoch: int | None = None) -> list[Any]:
        return checked(await self.send([self._scripts.command(command) for command in commands], epoch))

    async def each(self, command: Command, epoch: int | None = None) -> list[Any]:
        return await self.ask([command], epoch)

    async def nodes(self) -> Sequence["Primary"]:
        return [self]

    async def run(self, calls: Sequence[Command], epoch: int | None = None, *, confirm: bool = False) -> list[Any]:
        known = self.replicas
        replies, confirmed = await self._run_all(calls, epoch, wait=confirm and known > 0)
        if confirm:
            await self._look_for_replicas(epoch)  # one may have come, and the last one may have gone
            if self.replicas and not known:
                replies, confirmed = await self._run_all(calls, epoch, wait=True)
            if self.replicas and not confirmed:
                raise TransientError("no Redis replica confirmed the write in time")
        return replies

    async def probe(self, epoch: int, layout: str | None) -> None:
        """`layout`: None where the key is another primary's."""
        await self._ask_finder()
        commands: list[Command] = [("INFO", "server"), ("INFO", "replication")]
        server, replication, *there = await self.ask([*commands, *([("EXISTS", layout)] if layout else [])], epoch)
        self._recognise(parse_info(server), role := parse_info(replication))
        if epoch != self.epoch:
            raise Reconnected("the Redis primary was replaced")
        if role["role"] != "master":
            await self._leave()
            raise TransientError("this Redis has become a replica")
        if there == [0]:
            raise StateLost(
                f"Redis has been emptied ({layout} is gone), and with it open sessions, the day's spending, a pause; "
                'see "Redis was emptied" in docs/operations.md, then start again'
            )

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.disconnect()

    async def _greet(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        said = []
        for section in ("server", "replication"):
            await connection.send_command("INFO", section)
            said.append(parse_info(await connection.read_response(disable_decoding=True)))
        self._recognise(*said)
        # A replica of a cluster sends whoever asks it for a key to its primary; any other would answer from its past.
        if said[1]["role"] != "master" and not self.clustered:
            raise redis_errors.ReadOnlyError("it follows another server")

    def _recognise(self, server: Mapping[str, str], replication: Mapping[str, str]) -> None:
        """A server that followed another one meanwhile, and leads again, has taken over what that one had."""
        self.clustered = server.get("redis_mode") == "cluster"
        identity = f"{server['run_id']} {replication['master_replid']}"
        if replication["role"] != "master" or identity == self.identity:
            return
        self.epoch += bool(self.identity)
        self.identity = identity
        self.version = tuple(int(part) for part in server["redis_version"].split(".") if part.isdigit())
        self._scripts = Scripts(flags=self.version >= (7,))

    async def _connected(self) -> tuple[ConnectionPool, AbstractConnection]:
        if self._pool is None:
            place = await self._finder.primary() if self._finder else None
            if self._pool is None:  # nobody else has made it meanwhile
                self._place = place
                where = place._asdict() if place else {}
                greeted = {**self._options, **where, "redis_connect_func": self._greet}
                self._pool = ConnectionPool(max_connections=CONNECTIONS_MAX, **greeted)
        connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        return self._pool, connection

    async def _leave(self) -> None:
        """Connect anew the next time; where Sentinels know the primary, to whom they say then."""
        pool = self._pool
        if self._finder is not None:
            self._pool = None
        if pool is not None:
            await pool.disconnect(inuse_connections=False)

    async def _ask_finder(self) -> None:
        """A primary that the others have left behind goes on answering whoever still reaches it."""
        now_s = time.monotonic()
        if self._finder is None or now_s - self._asked_at_s < SENTINELS_ASKED_S:
            return
        self._asked_at_s = now_s
        if await self._finder.primary() != self._place:
            await self._leave()

    async def send(self, commands: Sequence[tuple[Argument, ...]], epoch: int | None = None) -> list[Any]:
        """Replies in order, errors among them."""
        try:
            pool, connection = await self._connected()
        except (redis_errors.RedisError, OSError) as error:
            await self._leave()
            raise translate(error) from None
        try:
            if epoch is not None and epoch != self.epoch:
                raise Reconnected("the connection to Redis was replaced", maybe_done=False)
            replies = await self._exchange(connection, commands)
        finally:
            await pool.release(connection)
            if pool is not self._pool:
                await pool.disconnect(inuse_connections=False)
        if any(isinstance(reply, redis_errors.ReadOnlyError) for reply in replies):
            await self._leave()
        if epoch is not None and epoch != self.epoch:
            raise Reconnected("the connection to Redis was replaced")
        return replies

    async def _exchange(self, connection: AbstractConnection, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
        replies: list[Any] = []
        try:
            # hiredis packs in C; redis-py's asyncio connection packs in Python, at half of ingest's CPU.
            await connection.send_packed_command([_packed(command) for command in commands], check_health=False)
            for _ in commands:
                try:
                    replies.append(await connection.read_response(disable_decoding=True))
                except redis_errors.ResponseError as error:
                    replies.append(error)
        except (redis_errors.RedisError, OSError) as error:
            await connection.disconnect(nowait=True)
            await self._leave()
            raise translate(error) from None
        except BaseException:
            # Cancelled with replies outstanding: the next user of this connection would read them as its own.
            await connection.disconnect(nowait=True)
            raise
        return replies

    async def _look_for_replicas(self, epoch: int | None = None) -> None:
        """Those that follow; one that is still being filled confirms nothing, perhaps for minutes."""
        (said,) = await self.each(("INFO", "replication"), epoch)
        self.replicas = sum("state=online" in value for value in parse_info(said).values())

    async def _run_all(self, calls: Sequence[Command], epoch: int | None, *, wait: bool) -> tuple[list[Any], bool]:
        """Replies, and whether a replica has what was written."""
        tail: list[tuple[Argument, ...]] = [("WAIT", 1, WAIT_MS)] if wait else []
        replies = await self.send([*map(self._scripts.command, calls), *tail], epoch)
        unknown = [n for n, reply in enumerate(replies) if isinstance(reply, redis_errors.NoScriptError)]
        if unknown:
            checked(await self.send(self._scripts.loads(), epoch))
            again = await self.send([*(self._scripts.command(calls[n]) for n in unknown), *tail], epoch)
            for n, reply in zip((*unknown, *([len(calls)] if wait else [])), again, strict=True):
                replies[n] = reply
        checked(replies)
        return replies, wait and replies.pop() > 0


def _packed(command: tuple[Any, ...]) -> bytes:
    packed: bytes = pack_command(command)
    return packed


def checked(replies: list[Any]) -> list[Any]:
    """The replies, or the first error among them."""
    for reply in replies:
        if isinstance(reply, redis_errors.RedisError):
            raise translate(reply) from None
    return replies
