"""Which server is the primary, by the word of the first Sentinel that knows."""

from collections.abc import Mapping, Sequence
from typing import Any

from redis import exceptions as redis_errors
from redis.asyncio.connection import AbstractConnection

from streamer.adapters.redis_sessions.translate import translate
from streamer.core.redis_url import Address
from streamer.errors import ConfigurationError, TransientError


class Sentinels:
    def __init__(self, hosts: Sequence[Address], service: str, options: Mapping[str, Any]) -> None:
        """`options` of a redis-py connection, `connection_class` among them."""
        self._hosts, self._service = list(hosts), service
        self._kind: type[AbstractConnection] = options["connection_class"]
        self._options = {name: value for name, value in options.items() if name != "connection_class"}

    async def primary(self) -> Address:
        """TransientError if no Sentinel answers, ConfigurationError if those that do refuse us or know no such
        service."""
        refused: Exception | None = None
        unknown = False
        for host in list(self._hosts):
            try:
                found = await self._ask(host)
            except (redis_errors.RedisError, OSError) as error:
                known = translate(error)
                refused = known if isinstance(known, ConfigurationError) else refused
                continue
            if found is not None:
                # Whoever has answered is asked first the next time.
                self._hosts = [host, *(other for other in self._hosts if other != host)]
                return found
            unknown = True
        if refused is not None:
            said = str(refused).replace("redis.url", "redis.sentinel_user and redis.sentinel_password")
            raise ConfigurationError(f"Redis Sentinel: {said}")
        if unknown:
            raise ConfigurationError(
                f"the Sentinels know no service {self._service}: redis.url names it behind the hosts, "
                "as in redis+sentinel://host:26379/mymaster"
            )
        raise TransientError("no Redis Sentinel answers", maybe_done=False)

    async def _ask(self, host: Address) -> Address | None:
        connection = self._kind(**self._options, **host._asdict())
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
            said = await connection.read_response(disable_decoding=True)
        finally:
            await connection.disconnect(nowait=True)
        return Address(said[0].decode(), int(said[1])) if said else None
