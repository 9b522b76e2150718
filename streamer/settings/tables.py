"""The settings as tables: every key, its default and the reason for it."""

import re
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, ValidationError

from streamer.core.feed import UserIds
from streamer.core.fuse import FuseLimits
from streamer.core.judges import JudgeSpec
from streamer.core.lifecycle import DAY_MS, Limits
from streamer.core.model import canonical
from streamer.core.reading import Start
from streamer.core.rules import Rule
from streamer.core.session_id import SESSION_KEYS
from streamer.core.terms import Terms
from streamer.core.wire.caps import Caps
from streamer.core.wire.rules import CutRules
from streamer.errors import ConfigurationError
from streamer.settings.addresses import HeaderSecret, HeaderText, HttpUrl, RedisUrl
from streamer.settings.evaluate import EvaluateTable
from streamer.settings.judges import JudgeTable
from streamer.settings.kinds import (
    Address,
    Fallback,
    Filled,
    FirstOffset,
    Ms,
    Name,
    Option,
    Prefix,
    RecordEncoding,
    Share,
    SomeMs,
    TopicName,
    Topics,
    Usd,
    Whole,
    start_of,
)
from streamer.settings.rules import RuleTable, rule_from
from streamer.settings.table import Table


class Kafka(Table):
    bootstrap: Address = Field("127.0.0.1:9092", description="Kafka's own default port on this machine")
    group: Filled = Field("streamer", description="one group reads; more workers of it share the partitions")
    options: dict[str, Option] = Field(
        default_factory=dict, description="passed to librdkafka as they are: security.protocol, sasl.username …"
    )

    def connection(self) -> dict[str, str | int | bool]:
        """What every client of this process needs, secrets in plain text."""
        return {
            "bootstrap.servers": self.bootstrap,
            **{name: option.get_secret_value() for name, option in self.options.items()},
        }


class Source(Table):
    name: Name = Field("default", description="sessions of different sources never meet")
    topics: Topics = Field(("otlp_spans",), description="the Collector's Kafka exporter writes here by default")
    tenant: Filled = Field("default", description="one tenant unless said otherwise")
    tenant_header: Filled | None = Field(None, description="a record header that names the tenant")
    tenant_resource: Filled | None = Field(
        None, description="a resource attribute that does, before the header: whoever writes spans can set it"
    )
    encoding: RecordEncoding = Field(
        "auto", description="headers and first bytes tell; a name here is believed instead"
    )
    keep: Literal["genai", "listed", "all"] = Field("genai", description="a topic carries the whole company's spans")
    services: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    session_keys: tuple[Filled, ...] = Field(
        SESSION_KEYS, description="span attributes by priority: a browser's session.id may span several conversations"
    )
    session_fallbacks: tuple[Fallback, ...] = Field(
        (), description="where no span names a session: header:<name>, key, resource:<attribute>"
    )
    start: FirstOffset = Field("now", description="old conversations cost money only when asked for; 2h, 0, beginning")
    offset_gap: Literal["stop", "skip"] = Field("stop", description="records that Kafka has deleted are a loss: say so")

    def first_offset(self, now_ms: int) -> Start:
        """Where a group that has never read begins."""
        return start_of(self.start, now_ms)

    def reads(self, topic: str) -> bool:
        """As librdkafka matches names and regexes."""
        return any(topic == name or (name.startswith("^") and re.match(name, topic)) for name in self.topics)

    def cut_rules(self) -> CutRules:
        return CutRules(
            tenant=self.tenant,
            tenant_header=self.tenant_header,
            tenant_resource=self.tenant_resource,
            encoding=self.encoding,
            keep=self.keep,
            services=frozenset(self.services),
            scopes=frozenset(self.scopes),
            session_keys=self.session_keys,
            session_fallbacks=self.session_fallbacks,
        )


class Redis(Table):
    url: RedisUrl = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Redis' own default port")
    key_prefix: Prefix = Field("st", description="short, since it stands before every key")
    ca_file: str | None = Field(None, description="CA certificates in PEM, believed beside those of the system")
    cert_file: str | None = Field(None, description="a client certificate in PEM, where Redis asks for one")
    key_file: str | None = Field(None, description="its key, where that is not in cert_file")
    sentinel_user: str | None = Field(None, description="Sentinels have users and passwords of their own")
    sentinel_password: SecretStr | None = None


class Mlflow(Table):
    tracking_uri: HttpUrl = Field("http://127.0.0.1:5000", description="the address that `mlflow server` prints")
    token: HeaderSecret | None = None
    user: str | None = None
    password: SecretStr | None = None
    ca_file: str | None = None
    workspace: HeaderText | None = None
    experiment_ids: tuple[Filled, ...] = Field((), description="where `streamer check` looks for MLflow's own scorers")
    experiments: dict[str, Filled] = Field(
        default_factory=dict,
        description="tenant → experiment: `streamer check` says whose traces are elsewhere; rows find traces by id",
    )
    namespace: Filled = Field("streamer", description="two deployments on one MLflow need two")


class Sessions(Table):
    idle_gap_ms: SomeMs = Field(900_000, description="15 min, as Opik and AgentCore; MLflow's 5 min splits slow users")
    settle_ms: Ms = Field(10_000, description="spans still come after an explicit end: SDKs batch for 5 s")
    max_age_ms: Ms = Field(DAY_MS, description="a session that never falls quiet is judged once a day")
    max_turns: Whole | None = Field(
        None, ge=1, description="so many new ones are judged for the time being; none: only quiet, an end or age close"
    )
    max_bytes: Whole | None = Field(
        None, ge=1, le=2**53, description="the same of new text, so that a judge's context cannot be outgrown unseen"
    )
    trace_timeout_ms: Ms = Field(1_200_000, description="a trace without its root keeps its session open so long")
    late_ms: Ms = Field(600_000, description="raw spans outlive the verdict by this, for late ones")
    parked_ms: Ms = Field(3_600_000, description="a trace that no span gives a session is kept so long")
    trace_wait_ms: Ms = Field(600_000, description="MLflow may be behind: a Collector retries for 5 min")
    return_ms: Ms = Field(30 * DAY_MS, description="a session that comes back later is a new one")
    traces_max: Whole = Field(2_000, ge=1, description="more traces under one id are everybody's, not a conversation")
    clock_skew_ms_max: Ms = Field(5_000, description="producers' clocks may be ahead by this")
    redis_loss_window_ms: Ms = Field(5_000, description="what a Redis fail-over may lose is read again")


class Turns(Table):
    text_bytes_max: Whole = Field(262_144, ge=1_024, description="no judge reads more; a longer text is cut")
    spans_max: Whole = Field(10_000, ge=1, description="of one trace; what begins last is left out")
    bytes_max: Whole = Field(
        67_108_864, ge=1_048_576, le=67_108_864, description="of one trace, unpacked: a claim holds it in memory"
    )

    def caps(self) -> Caps:
        return Caps(self.text_bytes_max, self.spans_max, self.bytes_max)


class Fuse(Table):
    share: Share = Field(
        0.5, gt=0, le=1, description="half unreadable is a wrong topic or encoding, not a bad producer"
    )
    records_min: Whole = Field(100, ge=1, description="undecodable records: fewer are set aside and the topic read on")
    window_records: Whole = Field(
        1_000, ge=1, le=100_000, description="the last ones of a topic: a good past must not hide what it is now"
    )

    def limits(self) -> FuseLimits:
        return FuseLimits(share=self.share, records_min=self.records_min, window_records=self.window_records)


class Models(Table):
    concurrency: Whole = Field(8, ge=1, description="calls at once to one provider, below the smallest paid tiers")


class Spending(Table):
    usd_per_day: Usd = Field(
        5.0, description="a mistake costs a coffee, not a salary; 0 buys nothing that has a price, and there is no off"
    )
    tokens_per_day: Whole = Field(
        2_000_000, ge=0, le=2**53, description="counts where a model's price is unknown; 0 calls no such model"
    )


class Judging(Table):
    sessions_at_once: Whole = Field(16, ge=1, description="threads for MLflow's judges, which are synchronous")


class Feed(Table):
    topic: TopicName = Field("assessments", description="the topic of verdicts")
    user_ids: UserIds = Field(
        "hashed",
        description="readers of the feed can count users and not name them; or plain, or left_out",
    )


class Http(Table):
    host: str = Field("127.0.0.1", description="nothing listens to the network unless told to")
    port: Whole = Field(9464, ge=0, le=65_535, description="OpenTelemetry's port for Prometheus; 0 is off")


class Stopping(Table):
    within_ms: Ms = Field(
        9_000, ge=3_000, description="`docker stop` kills after 10 s; raise it with Kubernetes' 30 s for slow models"
    )


class Log(Table):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = Field("text", description="json for machines")


class Settings(Table):
    kafka: Kafka = Kafka()
    sources: tuple[Source, ...] = (Source(),)
    redis: Redis = Redis()
    mlflow: Mlflow = Mlflow()
    sessions: Sessions = Sessions()
    turns: Turns = Turns()
    fuse: Fuse = Fuse()
    rules: tuple[RuleTable, ...] = ()
    judges: tuple[JudgeTable, ...] = (JudgeTable(type="user_frustration"),)
    judging: Judging = Judging()
    models: Models = Models()
    spending: Spending = Spending()
    feed: Feed = Feed()
    http: Http = Http()
    stopping: Stopping = Stopping()
    log: Log = Log()
    evaluate: EvaluateTable = EvaluateTable()
    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)  # no field: a file could set it

    @classmethod
    def of(cls, values: Mapping[str, object], origins: Mapping[str, str]) -> Self:
        settings = cls.model_validate(values)
        settings._origins = dict(origins)
        return settings

    def origin(self, key: str) -> str:
        """Where a value comes from: default, file and line, or the name of an environment variable."""
        return self._origins.get(key, "default")

    def limits(self) -> Limits:
        """Of what closes a session the smallest that any rule gives: until a claim has found the session's."""
        s, rules = self.sessions, self.core_rules()
        return Limits(
            gap_ms_min=min(rule.idle_gap_ms for rule in rules),
            max_age_ms=min(rule.max_age_ms for rule in rules),
            max_turns=min((rule.max_turns for rule in rules if rule.max_turns), default=None),
            max_bytes=min((rule.max_bytes for rule in rules if rule.max_bytes), default=None),
            settle_ms=min(rule.settle_ms for rule in rules),
            settle_ms_max=max(rule.settle_ms for rule in rules),
            trace_timeout_ms=s.trace_timeout_ms,
            late_ms=s.late_ms,
            parked_ms=s.parked_ms,
            trace_wait_ms=s.trace_wait_ms,
            return_ms=s.return_ms,
            traces_max=s.traces_max,
            commit_delay_ms=s.redis_loss_window_ms,
            clock_skew_ms_max=s.clock_skew_ms_max,
        )

    def apart(self, name: str) -> "Settings":
        """With a consumer group and keys of their own: what runs with these disturbs nobody."""
        kafka = self.kafka.model_copy(update={"group": f"{self.kafka.group}-{name}"})
        redis = self.redis.model_copy(update={"key_prefix": f"{self.redis.key_prefix}-{name}"})
        return self.model_copy(update={"kafka": kafka, "redis": redis})

    def starting(self, where: str) -> "Settings":
        """With another `start` for every source, as `--from` gives it. ConfigurationError if it is none."""
        try:
            sources = tuple(Source.model_validate({**dict(source), "start": where}) for source in self.sources)
        except ValidationError as error:
            raise ConfigurationError(f"--from {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
        return self.model_copy(update={"sources": sources})

    def core_rules(self) -> tuple[Rule, ...]:
        """Those of [[rules]], then [sessions]."""
        s = self.sessions
        default = Rule(
            idle_gap_ms=s.idle_gap_ms,
            settle_ms=s.settle_ms,
            max_age_ms=s.max_age_ms,
            max_turns=s.max_turns,
            max_bytes=s.max_bytes,
        )
        return (*(rule_from(rule, n, default) for n, rule in enumerate(self.rules)), default)

    def terms(self) -> Terms:
        """What a judge worker goes by. Its content says also whose a trace is."""
        specs, rules = self.judge_specs(), self.core_rules()
        keys = [[source.name, *source.session_keys] for source in self.sources]
        content = [[[spec.name, spec.version] for spec in specs], [rule.content() for rule in rules], keys]
        return Terms(specs=specs, rules=rules, content=canonical(content).encode())

    def judge_specs(self) -> tuple[JudgeSpec, ...]:
        return tuple(judge.spec() for judge in self.judges)
