"""A coverage-guided search for bytes that make reading a record raise or hang (libFuzzer through atheris).

    make fuzz                 # a minute; FUZZ_SECONDS=600 for longer
    python -m tests.fuzz.records FILE   # one finding again

Seeds are the fixtures; what it finds on the way is kept in .cache/fuzz. A finding is put into tests/fuzz/corpus, where
make test reads it for ever.
"""

import sys

import atheris

with atheris.instrument_imports(include=["streamer.core"]):
    from tests.core.wire.mutations import read


def one(value: bytes) -> None:
    read(value)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
