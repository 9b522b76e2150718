"""The same work on quixstreams: cut, hop by session, keep in state. Runs in an environment of its own.

    python quixstreams_program.py BOOTSTRAP TOPIC STATE_DIR   prints its CPU seconds once nothing comes any more

Fair to the peer: it uses our own cutter and compressor, so that only what the framework does is compared.
"""

import resource
import sys
from collections.abc import Iterator
from typing import Any

from quixstreams import Application

from streamer.core.wire.cut import CutRules, Cutter
from streamer.core.wire.records import Record

IDLE_S = 8.0
"""Without a new message for so long it stops."""


def main() -> None:
    bootstrap, name, state_dir = sys.argv[1:4]
    app = Application(
        broker_address=bootstrap,
        consumer_group=f"{name}-quix",
        auto_offset_reset="earliest",
        state_dir=state_dir,
        loglevel="WARNING",
    )
    cutter = Cutter(CutRules())

    def split(value: bytes) -> Iterator[bytes]:
        for fragment in cutter.cut(Record(name, 0, 0, 0, value)).fragments:
            session = (fragment.candidates or ("",))[0].encode()
            yield b"%b%c%b%b" % (fragment.digest, len(session), session, fragment.frame)

    def keep(value: bytes, state: Any) -> None:
        state.set_bytes(value[:16].hex(), value[17 + value[16] :])

    topic = app.topic(name, value_deserializer="bytes")
    frame = app.dataframe(topic).apply(split, expand=True)
    frame = frame.group_by(by_session, name="session", value_serializer="bytes", value_deserializer="bytes")
    frame.update(keep, stateful=True)
    before = cpu()
    app.run(timeout=IDLE_S)
    print("cpu", cpu() - before)


def by_session(value: bytes) -> str:
    return value[17 : 17 + value[16]].decode()


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
