"""A synthetic conversation that shows that streamer works, from its first span to its verdict (`streamer probe`).

Rule: it is judged like any other and counted in no share. Its spans carry PROBE_KEY, its turn the flag `probe`, every
feed record of it `origin: probe`. It ends itself, so that nobody waits for a quiet gap, and its session id is drawn so
that it is in the sample of every rule with a share of SHARE_MIN or more: what keeps a probe from being judged is a rule
that wants no judge at all, and its closing on the feed names it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamer.core.ids import Scope, digest, session_key
from streamer.core.judges import JudgeSpec
from streamer.core.sampling import draw
from streamer.core.verdict import VerdictValue
from streamer.core.wire.encode import any_value, pack
from streamer.core.wire.rules import END_KEYS, PROBE_KEY
from streamer.core.wire.schema import Request, Resource, Span
from streamer.core.wire.schema import Scope as WireScope

PREFIX = "streamer-probe-"
"""Of its session ids."""
SHARE_MIN = 0.001
DRAWS_MAX = 100_000
"""One id in 1,000 fits; that none of so many does has a chance of 1e-43."""
USER = "This is a test of the monitoring. What are your opening hours?"
ASSISTANT = "We are open from nine to five, Monday to Friday."
NAMED_BY = "session.id"
LASTS_MS = 20


class ProbeTurn(NamedTuple):
    """One trace, as an application would send it."""

    session_id: str
    trace_id: str
    """32 hexadecimal digits."""
    request: bytes
    """An OTLP ExportTraceServiceRequest: a record's value, or the body of a POST to /v1/traces."""


def naming(session_keys: Sequence[str]) -> str:
    """The attribute that names the session, of those that the source looks at."""
    return NAMED_BY if NAMED_BY in session_keys else session_keys[0]


def probe_turn(scope: Scope, nonce: str, now_ms: int, named_by: str, resource: Mapping[str, str]) -> ProbeTurn:
    """The conversation that ends at `now_ms`; another `nonce` gives another one."""
    session_id = _session_id(scope, nonce)
    trace_id = digest(("probe's trace", session_id)).hex()[:32]
    said = {
        named_by: session_id,
        PROBE_KEY: True,
        END_KEYS[0]: True,
        "mlflow.spanType": json.dumps("AGENT"),
        "mlflow.spanInputs": json.dumps({"messages": [{"role": "user", "content": USER}]}),
        "mlflow.spanOutputs": json.dumps({"choices": [{"message": {"role": "assistant", "content": ASSISTANT}}]}),
    }
    span = Span(
        trace_id=bytes.fromhex(trace_id),
        span_id=bytes.fromhex(trace_id[:16]),
        name=b"streamer probe",
        start=(now_ms - LASTS_MS) * 1_000_000,
        end=now_ms * 1_000_000,
        attributes=_attributes(said),
    )
    request = Request()
    part = request.resource_spans.add(resource=pack(Resource(attributes=_attributes(resource))))
    part.scope_spans.add(scope=pack(WireScope(name=b"streamer.probe")), spans=[pack(span)])
    return ProbeTurn(session_id, trace_id, pack(request))


def _session_id(scope: Scope, nonce: str) -> str:
    ids = (f"{PREFIX}{nonce}-{n}" for n in range(DRAWS_MAX))
    return next(one for one in ids if draw(session_key(scope, one)) < SHARE_MIN)


def _attributes(values: Mapping[str, object]) -> dict[str, bytes]:
    return {name: pack(any_value(value)) for name, value in values.items()}


@dataclass(slots=True)
class Hearing:
    """What the feed has said of one probe."""

    session_id: str
    waited: set[str]
    """Judges whose answer is still to come."""
    verdicts: dict[str, VerdictValue] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """By judge, the rule because of which it did not read the session."""
    failures: dict[str, str] = field(default_factory=dict)
    closed: bool = False

    @classmethod
    def of(cls, session_id: str, specs: Iterable[JudgeSpec]) -> "Hearing":
        """Nobody expects anything of a probe: a judge that reads expectations cannot judge it."""
        known = list(specs)
        unable = {spec.name: "it reads expectations, and a probe has none" for spec in known if spec.reads_expectations}
        return cls(session_id, {spec.name for spec in known} - unable.keys(), left_out=unable)

    def hear(self, value: Mapping[str, Any]) -> None:
        """A record of the feed, in any order and any number of times."""
        if value["session"]["id"] != self.session_id:
            return
        judge = value.get("judge", "")
        if value["kind"] == "closing":
            self.closed = True
            for decision in value["judges"]:
                if decision["state"] in ("filtered", "sampled_out"):
                    self._leave_out(
                        decision["judge"], f"{decision['state']}, by rule {decision['inclusion']['rule']!r}"
                    )
        elif value["kind"] == "verdict":
            self.verdicts.setdefault(judge, value["value"])
            self.waited.discard(judge)
        elif value["kind"] == "failure" and judge not in self.left_out:
            self.failures[judge] = value["failure"]["kind"]
            self.waited.discard(judge)

    def _leave_out(self, judge: str, why: str) -> None:
        self.left_out.setdefault(judge, why)
        self.waited.discard(judge)

    @property
    def is_over(self) -> bool:
        """The feed has nothing more to say."""
        return self.closed and not self.waited

    @property
    def problem(self) -> str:
        """Why it is no success, once it is over; "" if it is one."""
        if self.failures:
            return "; ".join(f"{judge} failed: {kind}" for judge, kind in sorted(self.failures.items()))
        if not self.verdicts:
            return "no judge read it: " + "; ".join(f"{judge} {why}" for judge, why in sorted(self.left_out.items()))
        return ""
