"""One TOML file and the environment become frozen values.

Rule: only this file reads the environment. Unknown keys are refused with the nearest known one; secrets come from the
environment or from a file, and are never printed.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from streamer.core.judges import JudgeSpec, JudgeType
from streamer.core.lifecycle import DAY_MS, Limits, Rule
from streamer.core.verdict import VerdictValue
from streamer.core.wire.rules import CutRules
from streamer.errors import ConfigurationError

PREFIX = "STREAMER_"
PLAIN = {"KAFKA": "kafka.bootstrap", "REDIS_URL": "redis.url", "MLFLOW_TRACKING_URI": "mlflow.tracking_uri"}
UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": DAY_MS}


def _duration(value: object) -> object:
    """`"15m"`, `"2h"`, `"500ms"`, or a number of ms."""
    if not isinstance(value, str) or value.strip().isdigit():
        return value
    text = value.strip()
    for unit in sorted(UNITS_MS, key=len, reverse=True):
        if text.endswith(unit):
            try:
                return round(float(text.removesuffix(unit)) * UNITS_MS[unit])
            except ValueError:
                break
    raise ValueError(f'{value!r} is no duration; write "15m", "2h", "500ms" or a number of ms')


Ms = Annotated[int, BeforeValidator(_duration), Field(ge=0)]


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kafka(Table):
    bootstrap: str = Field("127.0.0.1:9092", description="Kafka's own default port on this machine")
    group: str = Field("streamer", description="one group reads; more workers of it share the partitions")
    options: dict[str, str | int | bool] = Field(
        default_factory=dict, description="passed to librdkafka as they are: security.protocol, sasl.username …"
    )

    def connection(self) -> dict[str, str | int | bool]:
        """What every client of this process needs."""
        return {"bootstrap.servers": self.bootstrap, **self.options}


class Source(Table):
    name: str = Field("default", description="sessions of different sources never meet")
    topics: tuple[str, ...] = Field(
        ("otlp_spans",), description="the Collector's Kafka exporter writes here by default"
    )
    tenant: str = Field("default", description="one tenant unless said otherwise")
    tenant_header: str | None = Field(None, description="a record header that names the tenant")
    keep: Literal["genai", "listed", "all"] = Field("genai", description="a topic carries the whole company's spans")
    services: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    start: Literal["now", "beginning"] = Field("now", description="old conversations cost money only when asked for")
    offset_gap: Literal["stop", "skip"] = Field("stop", description="records that Kafka has deleted are a loss: say so")

    def cut_rules(self) -> CutRules:
        return CutRules(
            tenant=self.tenant,
            tenant_header=self.tenant_header,
            keep=self.keep,
            services=frozenset(self.services),
            scopes=frozenset(self.scopes),
        )


class Redis(Table):
    url: SecretStr = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Redis' own default port")
    key_prefix: str = Field("st", description="short, since it stands before every key")


class Mlflow(Table):
    tracking_uri: str = Field("http://127.0.0.1:5000", description="the address that `mlflow server` prints")
    token: SecretStr | None = None
    user: str | None = None
    password: SecretStr | None = None
    ca_file: str | None = None
    workspace: str | None = None
    experiment_ids: tuple[str, ...] = Field((), description="where `streamer check` looks for MLflow's own scorers")
    namespace: str = Field("streamer", description="two deployments on one MLflow need two")


class Sessions(Table):
    idle_gap_ms: Ms = Field(900_000, description="15 min, as Opik and AgentCore; MLflow's 5 min splits slow users")
    settle_ms: Ms = Field(10_000, description="spans still come after an explicit end: SDKs batch for 5 s")
    max_age_ms: Ms = Field(DAY_MS, description="a session that never falls quiet is judged once a day")
    trace_timeout_ms: Ms = Field(1_200_000, description="a trace without its root keeps its session open so long")
    late_ms: Ms = Field(600_000, description="raw spans outlive the verdict by this, for late ones")
    parked_ms: Ms = Field(3_600_000, description="a trace that no span gives a session is kept so long")
    trace_wait_ms: Ms = Field(600_000, description="MLflow may be behind: a Collector retries for 5 min")
    return_ms: Ms = Field(30 * DAY_MS, description="a session that comes back later is a new one")
    clock_skew_ms_max: Ms = Field(5_000, description="producers' clocks may be ahead by this")
    redis_loss_window_ms: Ms = Field(5_000, description="what a Redis fail-over may lose is read again")


class RuleTable(Table):
    idle_gap_ms: Ms
    tenant: str | None = None
    service: str | None = None
    agent: str | None = None
    environment: str | None = None


class JudgeTable(Table):
    type: JudgeType
    name: str | None = Field(None, description="the row's name in MLflow; the type's unless said otherwise")
    model: str = Field("openai:/gpt-4.1-mini", description="MLflow's own default for judges")
    instructions: str | None = Field(None, description="of make_judge: with {{ conversation }}")
    guidelines: tuple[str, ...] = ()
    value_type: Literal["str", "bool", "int", "float"] = "str"
    labels: tuple[VerdictValue, ...] = Field((), description="the only values that count as a verdict")
    deadline_ms: Ms = Field(60_000, description="above providers' p99 for 30 k tokens of input")
    parameters: dict[str, VerdictValue] = Field(default_factory=dict, description="temperature, max_tokens …")

    def spec(self) -> JudgeSpec:
        return JudgeSpec(
            type=self.type,
            name=self.name or self.type,
            model=self.model,
            instructions=self.instructions,
            guidelines=self.guidelines,
            value_type=self.value_type,
            labels=self.labels,
            deadline_ms=self.deadline_ms,
            parameters=tuple(sorted(self.parameters.items())),
        )


class Models(Table):
    concurrency: int = Field(8, ge=1, description="calls at once to one provider, below the smallest paid tiers")


class Spending(Table):
    usd_per_day: float = Field(5.0, ge=0, description="a mistake costs a coffee, not a salary")
    tokens_per_day: int = Field(2_000_000, ge=0, description="counts where a model's price is unknown")


class Judging(Table):
    sessions_at_once: int = Field(16, ge=1, description="threads for MLflow's judges, which are synchronous")


class Feed(Table):
    topic: str = Field("assessments", description="the topic of verdicts")


class Http(Table):
    host: str = Field("127.0.0.1", description="nothing listens to the network unless told to")
    port: int = Field(9464, ge=0, description="OpenTelemetry's port for Prometheus; 0 is off")


class Log(Table):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = Field("text", description="json for machines")


class Settings(Table):
    kafka: Kafka = Kafka()
    sources: tuple[Source, ...] = (Source(),)
    redis: Redis = Redis()
    mlflow: Mlflow = Mlflow()
    sessions: Sessions = Sessions()
    rules: tuple[RuleTable, ...] = ()
    judges: tuple[JudgeTable, ...] = (JudgeTable(type="user_frustration"),)
    judging: Judging = Judging()
    models: Models = Models()
    spending: Spending = Spending()
    feed: Feed = Feed()
    http: Http = Http()
    log: Log = Log()
    origins: dict[str, str] = Field(default_factory=dict, exclude=True)

    def limits(self) -> Limits:
        s, gaps = self.sessions, [self.sessions.idle_gap_ms, *(rule.idle_gap_ms for rule in self.rules)]
        return Limits(
            gap_ms_min=min(gaps),
            max_age_ms=s.max_age_ms,
            settle_ms=s.settle_ms,
            trace_timeout_ms=s.trace_timeout_ms,
            late_ms=s.late_ms,
            parked_ms=s.parked_ms,
            trace_wait_ms=s.trace_wait_ms,
            return_ms=s.return_ms,
            commit_delay_ms=s.redis_loss_window_ms,
            clock_skew_ms_max=s.clock_skew_ms_max,
        )

    def core_rules(self) -> tuple[Rule, ...]:
        return (*(Rule(**rule.model_dump()) for rule in self.rules), Rule(idle_gap_ms=self.sessions.idle_gap_ms))

    def judge_specs(self) -> tuple[JudgeSpec, ...]:
        return tuple(judge.spec() for judge in self.judges)

    def origin(self, key: str) -> str:
        """Where a value comes from: default, the file, or the name of an environment variable."""
        return self.origins.get(key, "default")


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
