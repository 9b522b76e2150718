"""A real Apache Kafka (KRaft, one node) from Maven Central, or the one that KAFKA names.

Rule: missing Java or Maven is an error with its remedy, never a skip. Jars are fetched once, into the user's cache.
"""

import base64
import fcntl
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from tests.services.process import Program, free_port

VERSION = "4.4.0"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.5</version>
    </dependency>
  </dependencies>
</project>
"""
LOGGING = """Configuration:
  status: error
  Appenders: {Console: {name: C, PatternLayout: {pattern: "%d{HH:mm:ss.SSS} %p %c{1} %m%n"}}}
  Loggers: {Root: {level: WARN, AppenderRef: {ref: C}}}
"""
ONE_NODE = {
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # After kill -9 the broker waits for its own old session to end.
    "broker.session.timeout.ms": "2500",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.cleaner.io.buffer.size": "131072",
    "auto.create.topics.enable": "false",
}


def jars() -> Path:
    """The broker's classpath; fetched by Maven the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "streamer-tests" / f"kafka-{VERSION}"
    if (cache / "jars").is_dir():
        return cache / "jars"
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is not on the PATH: install Java 17 and Maven, or set KAFKA to a broker")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / "jars").is_dir():
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                (Path(folder) / "pom.xml").write_text(POM.format(version=VERSION))
                copy = ["mvn", "-B", "-q", COPY, "-DincludeScope=runtime", f"-DoutputDirectory={folder}/jars"]
                done = subprocess.run(
                    copy, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
                )
                if done.returncode:
                    raise RuntimeError(f"Maven could not fetch Kafka:\n{(done.stdout + done.stderr)[-2000:]}")
                (Path(folder) / "jars").rename(cache / "jars")
    return cache / "jars"


class KafkaServer:
    """Data in `home`; killed and started again it keeps its ports and its records."""

    def __init__(
        self, home: Path, settings: Mapping[str, str] | None = None, listeners: Mapping[str, str] | None = None
    ) -> None:
        """`listeners`: further ones, name → protocol."""
        self._home = home
        self._port, self._controller = free_port(), free_port()
        self._more = {name: (protocol, free_port()) for name, protocol in (listeners or {}).items()}
        self._settings = dict(settings or {})
        java = ["java", "-Xmx384m", "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={home / 'log4j2.yaml'}"]
        self._java = [*java, "-cp", f"{jars()}/*"]
        self.program = Program("kafka", [*self._java, "kafka.Kafka", str(home / "server.properties")], home)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    def at(self, listener: str) -> str:
        """The address of a further listener."""
        return f"127.0.0.1:{self._more[listener][1]}"

    def start(self) -> "KafkaServer":
        if not (self._home / "data").exists():
            self._format()
        self.program.start(self._answers, timeout_s=90)
        return self

    def stop(self) -> None:
        self.program.stop()

    def _format(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        (self._home / "log4j2.yaml").write_text(LOGGING)
        controller = f"CONTROLLER://127.0.0.1:{self._controller}"
        open_to_clients = ",".join([f"PLAINTEXT://{self.bootstrap}", *(f"{n}://{self.at(n)}" for n in self._more)])
        protocols = "".join(f",{name}:{protocol}" for name, (protocol, _) in self._more.items())
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": f"{open_to_clients},{controller}",
            "advertised.listeners": open_to_clients,
            "listener.security.protocol.map": f"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}",
            "log.dirs": str(self._home / "data"),
            **ONE_NODE,
            **self._settings,
        }
        file = self._home / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        cluster = "A" + base64.urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_DNS, str(self._home)).bytes).decode()[1:22]
        tool = [*self._java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(file)]
        done = subprocess.run(tool, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Kafka's storage could not be made:\n{(done.stdout + done.stderr)[-2000:]}")

    def _answers(self) -> bool:
        try:
            client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            return bool(client.list_topics(timeout=1).brokers)
        except KafkaException:
            return False


def create_topics(bootstrap: str, topics: Mapping[str, int]) -> None:
    """By name and number of partitions; those that exist stay."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    made = admin.create_topics([NewTopic(name, count, 1) for name, count in topics.items()])
    for future in made.values():
        try:
            future.result(30)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address, shared by all tests: each takes its own topics and group."""
    given = os.environ.get("KAFKA")
    if given:
        yield given
        return
    server = KafkaServer(tmp_path_factory.mktemp("kafka")).start()
    try:
        yield server.bootstrap
    finally:
        server.stop()
