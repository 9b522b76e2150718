"""The environment over the file: STREAMER_<TABLE>__<KEY>, the three plain addresses, and `…_FILE`.

Rule: an error names the variable and never its value; not even as a path, for a token may have been put there.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

from streamer.errors import ConfigurationError
from streamer.settings.known import LISTS, TABLES, meant, nearest

PREFIX = "STREAMER_"
PLAIN = {"KAFKA": "kafka.bootstrap", "REDIS_URL": "redis.url", "MLFLOW_TRACKING_URI": "mlflow.tracking_uri"}


def overlay(values: dict[str, Any], origins: dict[str, str], env: Mapping[str, str]) -> None:
    """Puts what the environment says into `values`, and the variables' names into `origins`."""
    wrong: list[str] = []
    said: dict[str, str] = {}
    for name, table, field in _named(env):
        try:
            _put(values, origins, (table, *_read(name, table, field, env[name])), name)
        except ConfigurationError as error:
            wrong.append(str(error))
        stem = f"{table}.{field.removesuffix('_file')}"
        if name not in PLAIN and said.setdefault(stem, name) != name:
            wrong.append(f"{said[stem]} and {name} say the same setting; unset one of them")
    if wrong:
        raise ConfigurationError("\n".join(wrong))


def _named(env: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """The plain names first, so that the longer ones win. One underscore alone is not ours: Kubernetes puts
    STREAMER_PORT and the like into every pod beside a service called streamer."""
    for name, key in PLAIN.items():
        if env.get(name):
            table, _, field = key.partition(".")
            yield name, table, field
    for name in env:
        table, mark, field = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and mark:
            yield name, table, field


def _read(name: str, table: str, field: str, value: str) -> tuple[str, Any]:
    """The key and its value. `name` is the variable's."""
    if table not in TABLES:
        raise ConfigurationError(f"{name}: there is no table {table}; {meant(table, None)}")
    if table in LISTS:
        raise ConfigurationError(f"{name}: {table} is a list of tables and can only be set in the file")
    fields = TABLES[table].model_fields
    if field not in fields and field.endswith("_file") and field.removesuffix("_file") in fields:
        field, value = field.removesuffix("_file"), _content(name, value)
    if field not in fields:
        near = nearest(field, [*fields, *(f"{key}_file" for key in fields)])
        variable = f"did you mean {PREFIX}{table.upper()}__{near.upper()}?" if near else meant(field, table)
        raise ConfigurationError(f"{name}: {table} has no key {field}; {variable}")
    kind = get_origin(fields[field].annotation)
    if kind is tuple:
        return field, _list(name, value)
    return field, _object(name, value) if kind is dict else value


def _put(values: dict[str, Any], origins: dict[str, str], said: tuple[str, str, Any], name: str) -> None:
    table, field, value = said
    inside = values.setdefault(table, {})
    if not isinstance(inside, dict):
        return  # the file has no table here: it is told so when everything is checked
    key, earlier = f"{table}.{field}", inside.get(field)
    if isinstance(value, dict):
        # A password from the environment joins the options of the file.
        origins |= {f"{key}.{option}": name for option in value}
        inside[field] = {**earlier, **value} if isinstance(earlier, dict) else value
        origins[key] = f"{origins[key]}, {name}" if earlier and key in origins else name
    else:
        inside[field] = value
        origins[key] = name


def _content(name: str, path: str) -> str:
    reason = "it is not UTF-8"
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except ValueError:
        pass
    raise ConfigurationError(f"{name}: the file it names cannot be read ({reason}); name a readable one")


def _list(name: str, text: str) -> list[Any]:
    """`1,2` or a JSON array. Ids are text in TOML, but nobody writes quotes into an environment variable."""
    if not text.strip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    found = _json(text)
    if not isinstance(found, list):
        raise ConfigurationError(f'{name}: is no list; write 1,2 or ["1", "2"]')
    return [str(entry) if type(entry) is int else entry for entry in found]


def _object(name: str, text: str) -> dict[str, Any]:
    found = _json(text)
    if not isinstance(found, dict):
        raise ConfigurationError(f'{name}: is no table; write a JSON object, {{"name": "value"}}')
    return found


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
