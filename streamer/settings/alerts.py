"""One `[[alerts]]` table.

Rule: a table that could never raise anybody, or whose hits nobody can know, is refused before anything is started.
"""

from collections.abc import Iterator, Sequence
from typing import Self

from pydantic import Field, model_validator

from streamer.core.alerts.rule import AlertKind, AlertRule, Severity, as_label, default_rules, labels_of
from streamer.core.judges import JudgeSpec
from streamer.settings.kinds import Filled, RuleName, Scalar, Share, SomeMs, Whole
from streamer.settings.table import Table

LIMIT_ONLY = ("limit", "conversations_min", "window_ms")


class AlertTable(Table):
    judge: Filled = Field(description="name of a judge, as its row in MLflow is called")
    name: RuleName | None = Field(None, description="<judge>-<kind> unless said")
    labels: tuple[Scalar, ...] = Field(
        (), description="what counts as bad; by default unresolved, no or false, as MLflow's prompts define them"
    )
    refusals: bool = Field(False, description="a judge's refusal counts as bad, too: some decline the angry ones")
    tenant: Filled | None = None
    agent: Filled | None = None
    service: Filled | None = None
    version: Filled | None = Field(None, description="service.version")
    environment: Filled | None = Field(None, description="deployment.environment.name")
    kind: AlertKind = Field(
        "spike",
        description="above what is usual; limit: above a share; version: a new one worse than its neighbours",
    )
    severity: Severity = "warn"
    conversations_per_false_alarm: Whole = Field(
        300_000, ge=1_000, description="the budget: ten times more costs some 16 conversations of delay"
    )
    days_per_false_alarm: Whole | None = Field(
        None, ge=1, description="for each series instead: where traffic is low, 300,000 conversations are years"
    )
    strict: bool = Field(False, description="keep the budget by proof, not by measurement; later by some conversations")
    limit: Share | None = Field(None, gt=0, le=1, description="of kind limit: the share")
    conversations_min: Whole = Field(50, ge=1, description="of kind limit: fewer in its window say nothing")
    window_ms: SomeMs = Field(3_600_000, ge=60_000, description="of kind limit")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if wrong := list(_wrong(self)):
            raise ValueError("; it ".join(wrong))
        return self

    @property
    def rule_name(self) -> str:
        return self.name or f"{self.judge}-{self.kind}"

    def rule(self, labels: tuple[str, ...]) -> AlertRule:
        """`labels`: the judge's bad ones, where the table names none."""
        return AlertRule(
            name=self.rule_name,
            judge=self.judge,
            labels=tuple(as_label(label) for label in self.labels) or labels,
            refusals=self.refusals,
            tenant=self.tenant,
            agent=self.agent,
            service=self.service,
            version=self.version,
            environment=self.environment,
            kind=self.kind,
            severity=self.severity,
            conversations_per_false_alarm=float(self.conversations_per_false_alarm),
            days_per_false_alarm=None if self.days_per_false_alarm is None else float(self.days_per_false_alarm),
            strict=self.strict,
            limit_share=self.limit,
            conversations_min=self.conversations_min,
            window_ms=self.window_ms,
        )


def _wrong(table: AlertTable) -> Iterator[str]:
    if table.kind == "limit" and table.limit is None:
        yield 'needs limit = 0.2, the share above which kind = "limit" is raised'
    if table.kind != "limit" and (given := [name for name in LIMIT_ONLY if name in table.model_fields_set]):
        yield f'has {", ".join(given)}, which only kind = "limit" reads; take it out'
    if table.kind == "version" and table.version is not None:
        yield 'compares versions and names only one; take version out, or choose kind = "spike"'


def rules_from(tables: Sequence[AlertTable], specs: Sequence[JudgeSpec]) -> tuple[AlertRule, ...]:
    """The rules in force: those of [[alerts]], else one for each judge whose bad labels are known."""
    if not tables:
        return default_rules(specs)
    known = {spec.name: labels_of(spec) for spec in specs}
    return tuple(table.rule(known.get(table.judge, ())) for table in tables)
