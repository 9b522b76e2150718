"""One `[[rules]]` table, and what it comes to beside [sessions].

Rule: what a rule does not say is as [sessions] has it, or as if there were no rules; the last rule of all is
[sessions] itself, called `default`.
"""

from typing import Literal, get_args

from pydantic import Field

from streamer.core.rules import DEFAULT_RULE, AlwaysReason, Rescore, Rule, as_text
from streamer.settings.kinds import Filled, Ms, RuleName, Scalar, Share, SomeMs, Whole
from streamer.settings.table import Table

CONDITIONS = ("tenant", "service", "agent", "environment", "attributes")


class RuleTable(Table):
    name: RuleName | None = Field(None, description="as explain, the feed and the row call it; rules[0] unless said")
    tenant: Filled | None = None
    service: Filled | None = Field(None, description="service.name")
    agent: Filled | None = Field(None, description="gen_ai.agent.name, or the name of an agent's root span")
    environment: Filled | None = Field(None, description="deployment.environment.name")
    attributes: dict[str, Scalar] = Field(
        default_factory=dict, description="of the resource or of any span; kept with turns that are read from then on"
    )
    idle_gap_ms: SomeMs | None = Field(None, description="as in [sessions] unless said")
    settle_ms: Ms | None = Field(None, description="as in [sessions] unless said")
    max_age_ms: SomeMs | None = Field(None, description="as in [sessions] unless said")
    max_turns: Whole | None = Field(
        None, ge=1, description="a session that gained so many turns is judged for the time being; as in [sessions]"
    )
    max_bytes: Whole | None = Field(
        None, ge=1, description="the same of what was said in them; as in [sessions] unless said"
    )
    judges: tuple[Filled, ...] | None = Field(None, description="names; every judge unless said, none with []")
    sampling: Share = Field(1.0, ge=0, le=1, description="share of sessions that are judged, the same for every judge")
    always_judge: tuple[Literal["error", "thumbs_down"], ...] = Field(
        (), description="such sessions are judged whatever the share: their number is small, and they are why one looks"
    )
    rescore: Rescore = Field("every_pause", description="a verdict should speak of the whole conversation")
    reopen_max: Whole | None = Field(None, ge=0, description="a verdict is renewed so often; no limit unless said")

    @property
    def is_for_all(self) -> bool:
        return not any(getattr(self, name) for name in CONDITIONS)


def rule_from(table: RuleTable, position: int, default: Rule) -> Rule:
    """`default`: what [sessions] says."""
    texts = ((key, as_text(value) or "") for key, value in table.attributes.items())
    reasons: tuple[AlwaysReason, ...] = tuple(r for r in get_args(AlwaysReason) if r in table.always_judge)
    return Rule(
        name=name_of(table, position),
        tenant=table.tenant,
        service=table.service,
        agent=table.agent,
        environment=table.environment,
        attributes=tuple(sorted(texts)),
        idle_gap_ms=table.idle_gap_ms or default.idle_gap_ms,
        settle_ms=default.settle_ms if table.settle_ms is None else table.settle_ms,
        max_age_ms=table.max_age_ms or default.max_age_ms,
        max_turns=table.max_turns or default.max_turns,
        max_bytes=table.max_bytes or default.max_bytes,
        judges=None if table.judges is None else tuple(sorted(table.judges)),
        sampling=table.sampling,
        always_judge=reasons,
        rescore=table.rescore,
        reopen_max=table.reopen_max,
    )


def name_of(table: RuleTable, position: int) -> str:
    return table.name or f"rules[{position}]"


__all__ = ["CONDITIONS", "DEFAULT_RULE", "RuleTable", "name_of", "rule_from"]
