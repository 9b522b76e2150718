"""A primary, a replica and a Sentinel on the loopback; the replica's link can be cut."""

from pathlib import Path

from redis import Redis, ResponseError

from tests.services.redis import OPTIONS, RedisServer
from tests.services.waiting import eventually

SERVICE = "mymaster"
TIMES = {"down-after-milliseconds": 500, "failover-timeout": 5_000}


class Watched:
    """Its Sentinel promotes the replica half a second after the primary is gone."""

    def __init__(self, home: Path, *, sentinel_password: str = "") -> None:
        self._password = sentinel_password
        for name in ("primary", "replica", "sentinel"):
            (home / name).mkdir(parents=True)
        self.primary = RedisServer(home / "primary")
        following = ("--replicaof", "127.0.0.1", str(self.primary.port))
        self.replica = RedisServer(home / "replica", options=(*OPTIONS, *following))
        config = home / "sentinel" / "sentinel.conf"
        said = [f"sentinel monitor {SERVICE} 127.0.0.1 {self.primary.port} 1"]
        said += [f"sentinel {name} {SERVICE} {ms}" for name, ms in TIMES.items()]
        if sentinel_password:
            said += [f"requirepass {sentinel_password}", f"sentinel sentinel-pass {sentinel_password}"]
        config.write_text("\n".join(said) + "\n")
        self.sentinel = RedisServer(home / "sentinel", options=("--sentinel",), config=config)

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/{SERVICE}/0"

    def start(self) -> "Watched":
        self.primary.start()
        self.replica.start()
        self.follows()
        self.sentinel.start()
        return self

    def stop(self) -> None:
        for server in (self.sentinel, self.replica, self.primary):
            server.stop()

    def follows(self) -> None:
        """Returns once the replica has all that the primary has."""
        with self.primary.client() as client:
            state = lambda: client.info("replication").get("slave0", {}).get("state") == "online" or None  # noqa: E731
            eventually(state, "the replica", 20)

    def cut_link(self) -> None:
        """The replica hears no more of its primary: what it would have to say for itself is refused."""
        with self.replica.client() as client:
            client.config_set("masterauth", "wrong")
            client.config_set("masteruser", "nobody")
            client.execute_command("CLIENT", "KILL", "TYPE", "master")

            def is_down() -> bool | None:
                return client.info("replication")["master_link_status"] == "down" or None

            eventually(is_down, "the cut", 10)

    def change_over(self) -> None:
        """The Sentinel is told to promote the replica while the primary is there; just started, it does not know yet
        of a replica that is good enough."""

        def is_taken() -> bool | None:
            try:
                return bool(client.execute_command("SENTINEL", "FAILOVER", SERVICE))
            except ResponseError as error:
                if not str(error).startswith("NOGOODSLAVE"):
                    raise
                return None

        with Redis(port=self.sentinel.port, password=self._password or None) as client:
            eventually(is_taken, "a replica that the Sentinel takes", 30)

    def promoted(self) -> None:
        """Returns once the replica leads."""
        with self.replica.client() as client:
            eventually(lambda: client.info("replication")["role"] == "master" or None, "the promotion", 30)
