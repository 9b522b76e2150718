"""A Redis Cluster: each command goes to the primary that has its key's slot.

Rule: nothing is sent twice. A slot that has moved, a node that is down, is a TransientError; who owns what is asked
anew before the next call. One epoch stands for all primaries, so a fail-over of one of them makes ingest read the last
seconds again, and judges give up all their claims: rare, and simpler than an epoch for each bucket.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from redis.crc import key_slot

from streamer.adapters.redis_sessions.connection import Primary
from streamer.adapters.redis_sessions.scripts import Command, key_of
from streamer.core.redis_url import Address
from streamer.errors import Reconnected, TransientError

Send = Callable[[Primary, Sequence[Command], int | None], Awaitable[list[Any]]]


@lru_cache(maxsize=4096)
def _slot_of_tag(tag: str) -> int:
    slot: int = key_slot(tag.encode())
    return slot


def slot_of(key: str) -> int:
    """Keys are `<prefix>:{<tag>}:…`; only what stands in braces counts."""
    _, mark, rest = key.partition("{")
    tag, end, _ = rest.partition("}")
    return _slot_of_tag(tag if mark and end and tag else key)


class Cluster:
    """connection.Primaries over many servers."""

    def __init__(self, seeds: Sequence[Address], options: Mapping[str, Any]) -> None:
        self._asked, self._options = list(seeds), options
        """Nodes in the order in which they are asked who owns what."""
        self._known: dict[Address, Primary] = {}
        self._owners: dict[int, Address] = {}
        self._moves = 0
        self._doubted = True
        self._learning = asyncio.Lock()

    @property
    def epoch(self) -> int:
        return self._moves + sum(primary.epoch for primary in self._known.values())

    async def nodes(self) -> Sequence[Primary]:
        """The primaries that have a slot."""
        await self._learn()
        return [self._known[address] for address in sorted(set(self._owners.values()))]

    async def ask(self, commands: Sequence[Command], epoch: int | None = None) -> list[Any]:
        return await self._spread(commands, epoch, lambda primary, part, own: primary.ask(part, own))

    async def run(self, calls: Sequence[Command], epoch: int | None = None, *, confirm: bool = False) -> list[Any]:
        return await self._spread(calls, epoch, lambda primary, part, own: primary.run(part, own, confirm=confirm))

    async def each(self, command: Command, epoch: int | None = None) -> list[Any]:
        nodes = await self.nodes()
        self._compare(epoch)
        replies = await self._all(epoch, [node.each(command, node.epoch) for node in nodes])
        return [reply for (reply,) in replies]

    async def probe(self, epoch: int, layout: str) -> None:
        nodes = await self.nodes()
        self._compare(epoch)
        home = self._known[self._owner(layout)]
        await self._all(epoch, [node.probe(node.epoch, layout if node is home else None) for node in nodes])

    async def close(self) -> None:
        for primary in self._known.values():
            await primary.close()

    async def _spread(self, commands: Sequence[Command], epoch: int | None, send: Send) -> list[Any]:
        await self._learn()
        self._compare(epoch)
        places: dict[Address, list[int]] = defaultdict(list)
        for n, command in enumerate(commands):
            places[self._owner(key_of(command))].append(n)
        sends = []
        for address, mine in places.items():
            primary = self._known[address]
            sends.append(send(primary, [commands[n] for n in mine], None if epoch is None else primary.epoch))
        replies: list[Any] = [None] * len(commands)
        for mine, answers in zip(places.values(), await self._all(epoch, sends), strict=True):
            for n, answer in zip(mine, answers, strict=True):
                replies[n] = answer
        return replies

    async def _all(self, epoch: int | None, works: Sequence[Awaitable[Any]]) -> list[Any]:
        """All at once, to the end; then the first error. What is transient makes us ask anew who owns what."""
        done = await asyncio.gather(*works, return_exceptions=True)
        failed = [said for said in done if isinstance(said, BaseException)]
        self._doubted = self._doubted or any(isinstance(error, TransientError) for error in failed)
        if failed:
            raise failed[0]
        if epoch is not None and epoch != self.epoch:
            raise Reconnected("the connection to a Redis primary was replaced")
        return done

    def _compare(self, epoch: int | None) -> None:
        if epoch is not None and epoch != self.epoch:
            raise Reconnected("the connection to a Redis primary was replaced", maybe_done=False)

    def _owner(self, key: str) -> Address:
        owner = self._owners.get(slot_of(key))
        if owner is None:
            self._doubted = True
            raise TransientError("the Redis cluster serves some slots by no node", maybe_done=False)
        return owner

    async def _learn(self) -> None:
        """Ask any node who owns what, if that is in doubt. One that does not answer is asked last the next time."""
        async with self._learning:
            if not self._doubted:
                return
            trouble = TransientError("redis.url names no node of the cluster")
            for address in list(self._asked):
                try:
                    said = await self._primary(address).slots()
                except TransientError as error:
                    self._asked.remove(address)
                    self._asked.append(address)
                    trouble = error
                    continue
                self._follow(said, address)
                self._doubted = False
                return
            raise trouble

    def _follow(self, said: Sequence[Any], asked: Address) -> None:
        """Another primary for a slot is a replaced one, even where the slot was moved on purpose."""
        owners: dict[int, Address] = {}
        for first, last, (host, port, *_), *_ in said:
            owner = Address(host.decode() if host else asked.host, int(port))
            owners.update(dict.fromkeys(range(first, last + 1), owner))
        self._moves += any(owners.get(slot, owner) != owner for slot, owner in self._owners.items())
        # A slot that nobody serves now stays with its last owner, who says so.
        self._owners |= owners
        self._asked += [address for address in dict.fromkeys(owners.values()) if address not in self._asked]
        for address in self._asked:
            self._primary(address)

    def _primary(self, address: Address) -> Primary:
        if address not in self._known:
            self._known[address] = Primary({**self._options, **address._asdict()})
        return self._known[address]
