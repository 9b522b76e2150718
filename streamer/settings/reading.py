"""`[kafka]` and `[[sources]]`: what is read, and how Kafka is spoken to."""

import re
from typing import Literal

from pydantic import Field

from streamer.core.reading import Start
from streamer.core.session_id import SESSION_KEYS
from streamer.core.wire.rules import CutRules
from streamer.settings.kinds import (
    Address,
    Fallback,
    Filled,
    FirstOffset,
    Name,
    Option,
    RecordEncoding,
    Topics,
    start_of,
)
from streamer.settings.table import Table


class Kafka(Table):
    bootstrap: Address = Field("127.0.0.1:9092", description="Kafka's own default port on this machine")
    group: Filled = Field("streamer", description="one group reads; more workers of it share the partitions")
    options: dict[str, Option] = Field(
        default_factory=dict, description="passed to librdkafka as they are: security.protocol, sasl.username …"
    )

    @property
    def monitor_group(self) -> str:
        """Of the monitor alone: Faust divides partitions in its own way."""
        return f"{self.group}-monitor"

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
