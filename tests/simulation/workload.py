"""What applications, operators and bad luck do to the system."""

import json
from collections import defaultdict
from random import Random
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from streamer.core.wire.containers.control import record_of
from streamer.core.wire.containers.opening import Ended
from tests.builders import descending
from tests.simulation.services import Broker, Mlflow
from tests.simulation.terms import PLAN, PLANS
from tests.simulation.world import EPOCH_MS, World, pause


class SimulatedSpan(NamedTuple):
    id: str
    session: str | None
    root: bool
    start_ms: int
    slow: bool
    """Comes from the service that a rule gives the larger gap."""
    ends: bool = False
    plan: str = ""
    """What the rules of terms.py go by."""
    error: bool = False


def encode(trace_id: str, spans: tuple[SimulatedSpan, ...], batch: int, *, backwards: bool = False) -> bytes:
    """Spans of one trace as an SDK writes them, or `backwards`, as the Collector does; re-batched spans make other
    bytes."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    service = resource.resource.attributes.add(key="service.name")
    service.value.string_value = "slow" if spans[0].slow else "quick"
    scope = resource.scope_spans.add()
    scope.scope.name = f"app{batch}"
    for s in spans:
        span = scope.spans.add(
            trace_id=bytes.fromhex(trace_id),
            span_id=s.id.encode().ljust(8, b"."),
            name="turn" if s.root else "chat",
            start_time_unix_nano=s.start_ms * 1_000_000,
            end_time_unix_nano=(s.start_ms + 1) * 1_000_000,
        )
        if not s.root:
            span.parent_span_id = b"root...."
        texts = {
            "mlflow.spanType": "AGENT" if s.root else "LLM",
            "mlflow.spanInputs": f"{s.id} asks {trace_id[-6:]}",
            "mlflow.spanOutputs": f"{s.id} answers {trace_id[-6:]}",
        }
        if s.session:
            texts["session.id"] = s.session
        if s.plan:
            texts[PLAN] = s.plan
        if s.error:
            span.status.code = Status.STATUS_CODE_ERROR
        for key, text in texts.items():
            span.attributes.add(key=key).value.string_value = text
        if s.ends:
            span.attributes.add(key="session.end").value.bool_value = True
    return descending(request) if backwards else request.SerializeToString()


class Applications:
    """Traces of a few sessions: any partition, any order, repeated, re-batched, with conflicting or missing ids."""

    def __init__(self, world: World, broker: Broker, mlflow: Mlflow) -> None:
        self.w, self.broker, self.mlflow = world, broker, mlflow
        self.truth: defaultdict[str, dict[str, SimulatedSpan]] = defaultdict(dict)
        self.count = 0
        self.clock_ahead_ms = world.random.choice([0, 0, 5_000])
        self.backwards = world.random.random() < 0.3
        # Of their own, so that a seed from before there were rules still meets the same weather.
        self.traits = Random(f"{world.seed} rules")
        self.plans = {f"s{n}": self.traits.choice(PLANS) for n in range(4)}

    async def run(self) -> None:
        r = self.w.random
        while self.w.faults:
            await pause(r.choice([500, 3_000, 9_000, 25_000]))
            self._trace(f"s{r.randint(0, 3)}")
            if r.random() < 0.04:
                self._end(f"s{r.randint(0, 5)}")
            if r.random() < 0.05:
                self._later(0, b"\xff" * r.randint(1, 9), (), readable=False)

    def _end(self, session: str) -> None:
        """A control record: now or of a while ago, in any order to the session's turns."""
        r = self.w.random
        at_ms = r.choice([None, self.w.now - r.randint(0, 12_000), self.w.now + 60_000])
        value = json.dumps(record_of(Ended(session, at_ms=at_ms))).encode()
        self._later(r.choice([0, r.randint(0, 20_000)]), value, ())

    def _trace(self, session: str) -> None:
        r = self.w.random
        trace_id = f"{r.getrandbits(96):024x}{self.count:08x}"
        self.count += 1
        spans = self._spans(session)
        conflict = any(s.session and s.session != session for s in spans)
        missing = 10**15 if r.random() < 0.3 else 0
        self.mlflow.arrives[trace_id] = self.w.now + r.choice([0, 0, 0, r.randint(0, 110_000), missing])
        self.truth[trace_id] = {s.id: s for s in spans}
        for batch in range(1 if r.random() > 0.15 else 2):
            rest = spans[:]
            r.shuffle(rest)
            while rest:
                n = r.randint(1, len(rest))
                part, rest = tuple(sorted(rest[:n])), rest[n:]
                far = r.randint(0, 90_000) if r.random() < (0.9 if conflict else 0.25) else 0
                delay = r.choice([0, 0, r.randint(0, 6_000), far])
                if conflict and self.w.p_late_root and r.random() < self.w.p_late_root:
                    delay = r.randint(16_000, 34_000) if any(s.root for s in part) else 0
                for copy in range(1 if r.random() > 0.1 else 2):
                    value = encode(trace_id, part, batch, backwards=self.backwards)
                    self._later(delay + copy * r.randint(0, 20_000), value, (trace_id,))

    def _spans(self, session: str) -> list[SimulatedSpan]:
        r = self.w.random
        start, slow = self.w.now - r.choice([0, 0, r.randint(0, 6_000)]), r.random() < 0.15
        named, ends = r.random() > 0.06, r.random() < 0.12
        own = session if named else None
        plan = "" if self.traits.random() < self.w.p_plan_missing else self.plans[session]
        wrong = self.traits.random() < 0.15
        spans = (
            [SimulatedSpan("root", own, True, start, slow, ends, plan, wrong)] if r.random() > self.w.p_rootless else []
        )
        for n in range(r.randint(0 if spans else 1, 2)):
            conflicting = r.random() < self.w.p_conflict * 0.6
            other = f"s{r.randint(4, 5)}" if conflicting else None if spans else own
            spans.append(SimulatedSpan(f"c{n}", other, False, start + 1 + n, slow, False, plan))
        return spans

    def _later(self, delay_ms: int, value: bytes, traces: tuple[str, ...], readable: bool = True) -> None:
        async def deliver() -> None:
            r = self.w.random
            late = r.choice([0, 0, r.randint(0, 1_500)])
            stamp = max(EPOCH_MS, self.w.now - late + r.randint(0, self.clock_ahead_ms))
            self.broker.append(r.randrange(len(self.broker.log)), stamp, value, traces, readable)

        self.w.spawn(None, deliver(), delay_ms)
