"""A real Redis Cluster of three nodes on the loopback, and what is done to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from streamer.adapters.redis_sessions.cluster import slot_of
from tests.services.process import free_port
from tests.services.redis import OPTIONS, RedisServer
from tests.services.waiting import eventually

SLOTS = 16_384
NODE_TIMEOUT_MS = 1_000


class RedisCluster:
    """Nodes share the slots evenly; `replicas` more follow the first ones."""

    def __init__(self, home: Path, nodes: int = 3, replicas: int = 0) -> None:
        self._primaries = nodes
        self.nodes: list[RedisServer] = []
        for n in range(nodes + replicas):
            (own := home / f"node-{n}").mkdir(parents=True)
            bus = ("--cluster-port", str(free_port()), "--cluster-node-timeout", str(NODE_TIMEOUT_MS))
            self.nodes.append(RedisServer(own, options=(*OPTIONS, "--cluster-enabled", "yes", *bus)))
            self.nodes[-1].bus_port = bus[1]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def start(self) -> "RedisCluster":
        for node in self.nodes:
            node.start()
        for n, node in enumerate(self.nodes):
            with node.client() as client:
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
                if n < self._primaries:
                    first, last = (SLOTS * k // self._primaries for k in (n, n + 1))
                    client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last - 1)
                first_node = self.nodes[0]
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", first_node.port, first_node.bus_port)
        self.settled()
        for n, node in enumerate(self.nodes[self._primaries :]):
            self._follow(node, self.nodes[n])
        return self

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def client(self) -> redis.RedisCluster:
        return redis.RedisCluster(host="127.0.0.1", port=self.nodes[0].port)

    def settled(self) -> None:
        """Returns once every node says that all is well."""

        def well() -> bool | None:
            for node in self.nodes:
                with node.client() as client:
                    said = client.execute_command("CLUSTER INFO")
                if said["cluster_state"] != "ok" or int(said["cluster_known_nodes"]) < len(self.nodes):
                    return None
            return True

        eventually(well, "the cluster", 30)

    def _follow(self, replica: RedisServer, primary: RedisServer) -> None:
        with replica.client() as client:
            # It may not have heard of the primary yet.
            node_id = eventually(lambda: self._known_as(client, primary), "the primary in the cluster", 20)
            client.execute_command("CLUSTER", "REPLICATE", node_id)
        with primary.client() as client:
            state = lambda: client.info("replication").get("slave0", {}).get("state") == "online" or None  # noqa: E731
            eventually(state, "the replica", 20)

    def _known_as(self, client: redis.Redis, node: RedisServer) -> str | None:
        return next((found["node_id"] for place, found in nodes_of(client).items() if place == at(node)), None)

    def home_of(self, key: str) -> int:
        """Which node has the key."""
        slot = slot_of(key)
        return next(n for n in range(self._primaries) if slot < SLOTS * (n + 1) // self._primaries)

    def move_slot(self, key: str, to: int, *, until: str = "moved") -> None:
        """With all its keys; `until` "half" leaves it in the middle of the way, the target importing."""
        slot, origin, target = slot_of(key), self.nodes[self.home_of(key)], self.nodes[to]
        with origin.client() as source, target.client() as goal:
            ids = {node: self._known_as(source, node) for node in (origin, target)}
            if until != "rest":
                goal.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[origin])
                source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
            keys = source.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100_000)
            for name in keys[: len(keys) // 2] if until == "half" else keys:
                source.execute_command("MIGRATE", "127.0.0.1", target.port, name, 0, 5_000)
            if until != "half":
                for client in (goal, source):
                    client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target])


def at(node: RedisServer) -> str:
    return f"127.0.0.1:{node.port}"


def nodes_of(client: redis.Redis) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = client.execute_command("CLUSTER NODES")  # type: ignore[no-untyped-call]
    return found


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """Shared by tests that leave it whole, each with a key prefix of its own."""
    cluster = RedisCluster(tmp_path_factory.mktemp("redis-cluster"))
    try:
        yield cluster.start()
    finally:
        cluster.stop()
