"""The file and the environment become settings.

Rule: only this file reads the environment. An error names the setting and the remedy, never a value.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from streamer.errors import ConfigurationError
from streamer.settings.tables import (
    Feed,
    Http,
    JudgeTable,
    Judging,
    Kafka,
    Log,
    Mlflow,
    Models,
    Redis,
    RuleTable,
    Sessions,
    Settings,
    Source,
    Spending,
    Table,
)

PREFIX = "STREAMER_"
PLAIN = {"KAFKA": "kafka.bootstrap", "REDIS_URL": "redis.url", "MLFLOW_TRACKING_URI": "mlflow.tracking_uri"}


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of `path`, else of $STREAMER_CONFIG, else of ./streamer.toml if there is one, under the environment.

    Raises ConfigurationError: the message names the setting and the remedy.
    """
    env = os.environ if environment is None else environment
    values, origins = _file(path, env)
    _overlay(values, origins, env)
    try:
        settings = Settings.model_validate({**values, "origins": origins})
    except ValidationError as error:
        raise ConfigurationError("\n".join(_explained(problem) for problem in error.errors())) from None
    _check_relations(settings)
    return settings


def _file(path: Path | None, env: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    named = path or (Path(env["STREAMER_CONFIG"]) if env.get("STREAMER_CONFIG") else None)
    chosen = named or Path("streamer.toml")
    if not chosen.exists():
        if named:
            raise ConfigurationError(f"there is no configuration file {named}")
        return {}, {}
    try:
        values = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{chosen} is no TOML: {error}") from None
    origins = dict.fromkeys(values, chosen.name)
    origins |= {f"{t}.{key}": chosen.name for t, table in values.items() if isinstance(table, dict) for key in table}
    return values, origins


def _overlay(values: dict[str, Any], origins: dict[str, str], env: Mapping[str, str]) -> None:
    """STREAMER_<TABLE>__<KEY>, the three plain addresses, and `…_FILE` for secrets."""
    named = {name: key for name, key in PLAIN.items() if env.get(name)}
    for name in env:
        if name.startswith(PREFIX) and "__" in name:
            named[name] = name.removeprefix(PREFIX).lower().replace("__", ".", 1)
    for name, key in named.items():
        table, _, field = key.partition(".")
        value = env[name]
        if field.endswith("_file") and table in ("mlflow", "redis") and field != "ca_file":
            field, value = field.removesuffix("_file"), _secret(name, value)
        if not isinstance(values.setdefault(table, {}), dict):
            raise ConfigurationError(f"{name}: {table} is a list of tables and can only be set in the file")
        values[table][field] = value
        origins[f"{table}.{field}"] = name


def _secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{name} names {path}, which cannot be read: {error.strerror}") from None


def _explained(problem: Any) -> str:  # noqa: ANN401 – pydantic's ErrorDetails
    """One sentence; the value itself is left out, it may be a secret."""
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        return f"{where}: {problem['msg']}"
    near = difflib.get_close_matches(str(problem["loc"][-1]), _known(problem["loc"][:-1]), n=1, cutoff=0.5)
    return f"{where} is not a setting" + (f"; did you mean {near[0]}?" if near else "")


def _known(loc: tuple[Any, ...]) -> list[str]:
    tables: dict[str, type[Table]] = {
        "kafka": Kafka,
        "sources": Source,
        "redis": Redis,
        "mlflow": Mlflow,
        "sessions": Sessions,
        "rules": RuleTable,
        "judges": JudgeTable,
        "judging": Judging,
        "models": Models,
        "spending": Spending,
        "feed": Feed,
        "http": Http,
        "log": Log,
    }
    return list(tables[str(loc[0])].model_fields) if loc and loc[0] in tables else list(tables)


def _check_relations(settings: Settings) -> None:
    """Limits that contradict each other would be noticed at night; here they are a sentence."""
    s, limits = settings.sessions, settings.limits()
    names = [judge.name or judge.type for judge in settings.judges]
    wrong = [
        (s.settle_ms >= limits.gap_ms_min, "sessions.settle_ms must be shorter than every idle_gap_ms"),
        (s.max_age_ms <= limits.gap_ms_min, "sessions.max_age_ms must be longer than idle_gap_ms"),
        (s.trace_wait_ms >= limits.zombie_ms_max, "sessions.trace_wait_ms must be under an hour"),
        (len(set(names)) < len(names), "two [[judges]] have the same name; a row in MLflow needs its own"),
        (not settings.judges, "no [[judges]]: without one nothing is ever judged"),
        (len({source.name for source in settings.sources}) < len(settings.sources), "two [[sources]] have one name"),
    ]
    wrong += [
        (
            judge.type == "make_judge" and "{{ conversation }}" not in (judge.instructions or ""),
            f"judge {judge.name or judge.type}: make_judge needs instructions with {{{{ conversation }}}}",
        )
        for judge in settings.judges
    ]
    wrong += [
        (
            judge.type == "conversational_guidelines" and not judge.guidelines,
            f'judge {judge.name or judge.type}: conversational_guidelines needs guidelines = ["…"]',
        )
        for judge in settings.judges
    ]
    if said := [sentence for is_wrong, sentence in wrong if is_wrong]:
        raise ConfigurationError("\n".join(said))
