"""librdkafka's mock cluster as a stand-in for Kafka, in a process of its own: it aborts its host on an assertion.

    python -m streamer.embedded.mock_broker --topics otlp_spans:4,assessments:2 --address-file FILE

The symbols are in the library that the confluent-kafka wheel brings (rdkafka_mock.h, experimental: pinned and tried at
every test run). Loopback only, nothing on disk, 5 MiB a partition.
"""

import argparse
import ctypes
import signal
import threading
from pathlib import Path

import confluent_kafka.cimpl

from streamer.errors import ConfigurationError

PRODUCER = 0
"""rd_kafka_type_t of the client that hosts the cluster."""


class MockBroker:
    """One broker with the given topics; `bootstrap` is its address."""

    def __init__(self, topics: dict[str, int]) -> None:
        self._library = lib = ctypes.CDLL(_library_path())
        pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        declared: dict[str, tuple[object, list[object]]] = {
            "rd_kafka_conf_new": (pointer, []),
            "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
            "rd_kafka_destroy": (None, [pointer]),
            "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
            "rd_kafka_mock_cluster_destroy": (None, [pointer]),
            "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
            "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
            "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
        }
        for name, (result, arguments) in declared.items():
            function = getattr(lib, name, None)
            if function is None:
                raise ConfigurationError("this confluent-kafka has no mock broker: set KAFKA to a real one")
            function.restype, function.argtypes = result, arguments
        error = ctypes.create_string_buffer(512)
        self._client = lib.rd_kafka_new(PRODUCER, lib.rd_kafka_conf_new(), error, len(error))
        self._cluster = lib.rd_kafka_mock_cluster_new(self._client, 1)
        lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 50)
        for topic, partitions in topics.items():
            lib.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)
        self.bootstrap: str = lib.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


def _library_path() -> str:
    """The very copy that confluent_kafka has loaded into this process."""
    maps = Path("/proc/self/maps")
    if maps.exists():
        for line in maps.read_text().splitlines():
            if "librdkafka" in line:
                return line.split()[-1]
    folder = Path(confluent_kafka.cimpl.__file__).parent.parent
    found = sorted(folder.glob("confluent_kafka.libs/librdkafka*")) + sorted(
        folder.glob("confluent_kafka/.dylibs/librdkafka*")
    )
    if not found:
        raise ConfigurationError("the mock broker needs the confluent-kafka wheel: set KAFKA to a real one")
    return str(found[0])


def main() -> None:
    parser = argparse.ArgumentParser(description="librdkafka's mock cluster")
    parser.add_argument("--topics", required=True, help="name:partitions, comma-separated")
    parser.add_argument("--address-file", type=Path, required=True)
    args = parser.parse_args()
    topics = {name: int(count) for name, count in (topic.split(":") for topic in args.topics.split(","))}
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    broker = MockBroker(topics)
    args.address_file.write_text(broker.bootstrap)
    while not stop.wait(0.2):
        continue
    broker.close()


if __name__ == "__main__":
    main()
