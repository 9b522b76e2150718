"""Lines as a Parquet file, by pyarrow, which MLflow brings."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamer.errors import ConfigurationError

BATCH = 10_000


class ParquetFile:
    def __init__(self, arrow: Any, parquet: Any, file: Path, columns: Mapping[str, str]) -> None:  # noqa: ANN401
        types = {"text": arrow.string(), "int": arrow.int64(), "float": arrow.float64(), "bool": arrow.bool_()}
        self._arrow = arrow
        self._schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[Mapping[str, Any]] = []

    def add(self, line: Mapping[str, Any]) -> None:
        self._waiting.append(line)
        if len(self._waiting) == BATCH:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self._writer.write_table(self._arrow.Table.from_pylist(self._waiting, schema=self._schema))
            self._waiting = []

    def close(self) -> None:
        self._writer.close()


@contextmanager
def writing(file: Path, columns: Mapping[str, str], asked: str = "--out") -> Iterator[ParquetFile]:
    """The file appears when it is whole. `columns`: name → text, int, float or bool; `asked`: the option that names it.
    Raises ConfigurationError."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ConfigurationError(f"{asked} {file} needs pyarrow: pip install pyarrow") from None
    part = file.with_name(f".{file.name}.part")
    made = None
    try:
        made = ParquetFile(pyarrow, parquet, part, columns)
        yield made
        made.flush()
        made.close()
        part.replace(file)
    except OSError as error:
        raise ConfigurationError(f"{asked} {file}: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
