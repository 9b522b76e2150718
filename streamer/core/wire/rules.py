"""What of a topic is ours: which records are kept, whose they are, which attributes name a session or end one."""

from dataclasses import dataclass
from typing import Literal

from streamer.core.session_id import SESSION_KEYS

END_KEYS = ("session.end", "conversation_end", "streamer.session.end")
"""Span attributes that end a session when true."""

PROBE_KEY = "streamer.probe"
"""Marks the spans of `streamer probe` when true: their session is judged, and counted in no share."""

JUDGE_KEY = "streamer.judge"
"""Marks spans of streamer's own judge calls, on the span or on its resource (design 23)."""

GENAI_MARKERS = (
    b"gen_ai.",
    b"mlflow.span",
    b"openinference.",
    b"llm.input_messages",
    b"input.value",
    b"traceloop.",
    b"langfuse.",
    b"langsmith.",
    b"ai.prompt",
    b"ai.operationId",
    b"ai.telemetry",
    b"pydantic_ai.",
    b"gcp.vertex.agent",
    b"voltagent.",
    b"lk.user_",
    b"lk.response",
    b"lmnr.",
    b"claude_code.",
    b"gemini_cli.",
)
"""Beginnings of attribute keys that only traces of LLM applications have (wire.md 2.1). Commonest first."""


Encoding = Literal["auto", "otlp_proto", "otlp_json", "mlflow_json", "cloudevents", "control"]
"""How records are written; named as the Collector's Kafka exporter names them. `auto` looks at headers and bytes;
`control` is for a topic of control records alone, which `auto` reads as well."""

NOT_READ = ("jaeger_proto", "jaeger_json", "zipkin_proto", "zipkin_json", "zipkin_thrift", "avro")
"""Encodings that people will ask for, and a Collector converts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRules:
    """`keep`: `genai` keeps records that name a GenAI key or a session, `listed` the spans of `services` and
    `scopes`, `all` everything. The tenant is the header's value where there is one (design 22)."""

    tenant: str = "default"
    tenant_header: str | None = None
    tenant_resource: str | None = None
    """A resource attribute that names the tenant, where a record holds several. Whoever writes spans can set it."""
    keep: Literal["genai", "listed", "all"] = "genai"
    services: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    encoding: Encoding = "auto"
    value_bytes_max: int = 16 * 1024 * 1024
    unpacked_bytes_max: int = 64 * 1024 * 1024
    """What a record that its application compressed may unpack to."""
    end_keys: tuple[str, ...] = END_KEYS
    session_keys: tuple[str, ...] = SESSION_KEYS
    session_fallbacks: tuple[str, ...] = ()
    """Where no span names a session: `header:<name>`, `key`, `resource:<attribute>`, in this order."""
