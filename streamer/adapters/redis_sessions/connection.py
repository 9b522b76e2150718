"""One Redis primary as a process sees it: connections, which server answers, and what its answers mean.

Rule: nothing is retried here, because a retry could reach another server than the one that was asked first. The
server's `run_id` is read on every new connection; a new one raises the epoch, and whoever still thinks of the old
epoch is told so before anything is sent.
"""

from collections.abc import Sequence
from typing import Any

from hiredis import pack_command
from redis import exceptions as redis_errors
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from streamer.adapters.redis_sessions.scripts import Argument, ScriptCall, Scripts
from streamer.adapters.redis_sessions.translate import translate
from streamer.errors import Reconnected, StateLost, TransientError

TIMEOUT_S = 5.0
"""A third of a lease: a call that takes longer is of no use to its claim."""
CONNECTIONS_MAX = 64
WAIT_MS = 1_000
"""A replica confirms an intent within this, or the write to MLflow waits."""


def parse_info(raw: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in raw.decode().splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


class Primary:
    """A primary and the pool of connections to it."""

    def __init__(self, url: str) -> None:
        self._pool = ConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=self._greet,
            client_name="streamer",
            protocol=2,
        )
        self.epoch = 0
        self.run_id = ""
        self.version: tuple[int, ...] = ()
        self.replicas = 0
        self._scripts = Scripts(flags=False)

    async def _greet(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        self._recognise(parse_info(await connection.read_response(disable_decoding=True)))

    def _recognise(self, server: dict[str, str]) -> None:
        run_id = server["run_id"]
        if run_id == self.run_id:
            return
        self.epoch += bool(self.run_id)
        self.run_id = run_id
        self.version = tuple(int(part) for part in server["redis_version"].split(".") if part.isdigit())
        self._scripts = Scripts(flags=self.version >= (7,))

    async def ask(self, commands: Sequence[tuple[Argument, ...]], epoch: int | None = None) -> list[Any]:
        """Replies in order, errors among them. Reconnected if the server is not (or is no longer) that of `epoch`."""
        try:
            connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        except (redis_errors.RedisError, OSError) as error:
            raise translate(error) from None
        try:
            if epoch is not None and epoch != self.epoch:
                raise Reconnected("the connection to Redis was replaced", maybe_done=False)
            replies = await self._exchange(connection, commands)
        finally:
            await self._pool.release(connection)
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
            raise translate(error) from None
        except BaseException:
            # Cancelled with replies outstanding: the next user of this connection would read them as its own.
            await connection.disconnect(nowait=True)
            raise
        return replies

    async def run(self, calls: Sequence[ScriptCall], epoch: int | None = None, *, confirm: bool = False) -> list[Any]:
        """Replies of scripts, in order. `confirm`: a replica has what they wrote, where there is one."""
        known = self.replicas
        replies, confirmed = await self._run_all(calls, epoch, wait=confirm and known > 0)
        if confirm:
            await self.look_for_replicas(epoch)  # one may have come, and the last one may have gone
            if self.replicas and not known:
                replies, confirmed = await self._run_all(calls, epoch, wait=True)
            if self.replicas and not confirmed:
                raise TransientError("no Redis replica confirmed the write in time")
        return replies

    async def look_for_replicas(self, epoch: int | None = None) -> None:
        """Those that follow; one that is still being filled confirms nothing, perhaps for minutes."""
        said = checked(await self.ask([("INFO", "replication")], epoch))
        self.replicas = sum("state=online" in value for value in parse_info(said[0]).values())

    async def _run_all(self, calls: Sequence[ScriptCall], epoch: int | None, *, wait: bool) -> tuple[list[Any], bool]:
        """Replies, and whether a replica has what was written."""
        tail: list[tuple[Argument, ...]] = [("WAIT", 1, WAIT_MS)] if wait else []
        replies = await self.ask([*map(self._scripts.command, calls), *tail], epoch)
        unknown = [n for n, reply in enumerate(replies) if isinstance(reply, redis_errors.NoScriptError)]
        if unknown:
            await self.ask(self._scripts.loads(), epoch)
            again = await self.ask([*(self._scripts.command(calls[n]) for n in unknown), *tail], epoch)
            for n, reply in zip((*unknown, *([len(calls)] if wait else [])), again, strict=True):
                replies[n] = reply
        checked(replies)
        return replies, wait and replies.pop() > 0

    async def probe(self, epoch: int, layout: str) -> None:
        """The server answers, is still the same one, still a primary, and has not been emptied: `layout` is there."""
        server, role, there = checked(await self.ask([("INFO", "server"), ("ROLE",), ("EXISTS", layout)], epoch))
        self._recognise(parse_info(server))
        if epoch != self.epoch:
            raise Reconnected("the Redis primary was replaced")
        if role[0] != b"master":
            await self._pool.disconnect(inuse_connections=False)
            raise TransientError("this Redis has become a replica")
        if not there:
            raise StateLost(
                f"Redis has been emptied ({layout} is gone), and with it open sessions, the day's spending, a pause; "
                'see "Redis was emptied" in docs/operations.md, then start again'
            )

    async def close(self) -> None:
        await self._pool.disconnect()


def _packed(command: tuple[Any, ...]) -> bytes:
    packed: bytes = pack_command(command)
    return packed


def checked(replies: list[Any]) -> list[Any]:
    """The replies, or the first error among them."""
    for reply in replies:
        if isinstance(reply, redis_errors.RedisError):
            raise translate(reply) from None
    return replies
