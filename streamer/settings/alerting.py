"""`[alerting]` and `[[channels]]`: what an alert tells, and where it goes.

Rule: a destination is configured, never taken from a record; its secrets come from the environment
(STREAMER_ALERTING__SECRETS, or …_FILE: a JSON object, channel → secret), as an entry of `alerting.secrets`.
"""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from streamer.settings.addresses import ServiceUrl
from streamer.settings.kinds import Name, SomeMs, TopicName, Whole
from streamer.settings.table import Table


class Alerting(Table):
    text: Literal["excerpt", "none"] = Field(
        "excerpt", description="what a user said and what the judge wrote, shortened; none: counts and links only"
    )
    mlflow_url: ServiceUrl = Field(None, description="for links, where people reach MLflow by another address")
    series_max: Whole = Field(
        1_000,
        ge=1,
        le=100_000,
        description="per tenant and judge; what comes beyond is counted as `other`; one leaves after 8 silent days",
    )
    resend_ms: SomeMs = Field(60_000, ge=1_000, description="Alertmanager forgets an alert that is not repeated")
    secrets: dict[str, SecretStr] = Field(
        default_factory=dict, description="by channel: a webhook's signing key, apprise's address, user:password"
    )


class ChannelTable(Table):
    name: Name
    type: Literal["kafka", "alertmanager", "webhook", "apprise"]
    url: ServiceUrl = Field(None, description="of Alertmanager, or of a webhook's receiver")
    topic: TopicName = Field("alerts", description="of a kafka channel")
    severity: Literal["warn", "critical"] = Field("warn", description="the least that it is told of")
    per_minute: Whole = Field(20, ge=1, description="more waits, and is not lost: a storm must not close the channel")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if wrong := list(_wrong(self)):
            raise ValueError("; it ".join(wrong))
        return self


def _wrong(channel: ChannelTable) -> Iterator[str]:
    by_url = channel.type in ("alertmanager", "webhook")
    if by_url and channel.url is None:
        yield "needs url, as in https://host:9093"
    if not by_url and channel.url is not None:
        yield f"has a url, which {channel.type} does not read; take it out (apprise's stands in alerting.secrets)"
    if channel.type != "kafka" and "topic" in channel.model_fields_set:
        yield "has a topic, which only kafka reads; take it out"
