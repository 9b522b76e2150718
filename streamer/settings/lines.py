"""On which line of the file a key stands.

Rule: TOML is read by tomllib alone. Lines are added to a statement until tomllib takes it, so comments, strings of many
lines and inline tables are its business; a key whose line is not certain has only the file.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

ENDS = ('"""', "'''", "]", "}")
"""One of these stands on the last line of every statement of several lines."""


class Statement(NamedTuple):
    line: int
    text: str
    parsed: dict[str, Any]

    @property
    def first_line(self) -> str:
        return self.text.split("\n", 1)[0]


def origins_of(text: str, values: Mapping[str, Any], file: str) -> dict[str, str]:
    """`judges[1].model` comes from `streamer.toml:12`. `values` is what tomllib made of `text`."""
    lines = dict(_lines(text))
    return {key: f"{file}:{lines[key]}" if key in lines else file for key in _keys(values, "")}


def joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _keys(value: object, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield joined(path, key)
            yield from _keys(inner, joined(path, key))
    elif isinstance(value, list):
        for n, entry in enumerate(value):
            if isinstance(entry, Mapping):
                yield f"{path}[{n}]"
                yield from _keys(entry, f"{path}[{n}]")


def _statements(text: str) -> Iterator[Statement]:
    lines = text.replace("\r\n", "\n").split("\n")
    first = 0
    for last, line in enumerate(lines):
        if last > first and not any(end in line for end in ENDS):
            continue
        chunk = "\n".join(lines[first : last + 1])
        try:
            parsed = tomllib.loads(chunk)
        except ValueError:
            continue  # it goes on in the next line
        yield Statement(first + 1, chunk, parsed)
        first = last + 1


def _lines(text: str) -> Iterator[tuple[str, int]]:
    table, latest = "", dict[str, int]()
    for statement in _statements(text):
        if statement.text.lstrip().startswith("["):
            table = _opened(statement.parsed, latest)
            yield table, statement.line
        else:
            yield from _within(statement, statement.parsed, table)


def _opened(parsed: dict[str, Any], latest: dict[str, int]) -> str:
    """The path of a header. `latest`: the number of the last entry of each list of tables, brought up to date."""
    path, value = "", parsed
    while value:
        ((key, inner),) = value.items()
        path = joined(path, key)
        if isinstance(inner, list):
            latest[path] = latest.get(path, -1) + 1
            inner = inner[0]
        if path in latest:
            path += f"[{latest[path]}]"
        value = inner
    return path


def _within(statement: Statement, value: object, path: str) -> Iterator[tuple[str, int]]:
    """On a statement of several lines only the first key of each table is certain, if its first line has it."""
    one_line = "\n" not in statement.text
    if isinstance(value, dict):
        for n, (key, inner) in enumerate(value.items()):
            if not one_line and (n or key not in statement.first_line):
                return
            yield joined(path, key), statement.line
            yield from _within(statement, inner, joined(path, key))
    elif isinstance(value, list) and one_line:
        for n, entry in enumerate(value):
            yield f"{path}[{n}]", statement.line
            yield from _within(statement, entry, f"{path}[{n}]")
