"""`streamer try`: recent sessions judged before anything runs.

Rule: it writes nothing, joins no group and needs no Redis; only its model calls cost anything.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from streamer.adapters.litellm_model import LitellmModel, missing_keys
from streamer.adapters.mlflow_judges import MlflowJudges
from streamer.app.people import last_records, previewed, record_in
from streamer.core.assemble import assemble, render
from streamer.core.ids import Scope, mlflow_trace_id
from streamer.core.judges import JudgeSpec
from streamer.core.model import Completion, ModelRequest
from streamer.core.preview import Preview
from streamer.core.session import SessionRef
from streamer.core.transcript import Transcript
from streamer.core.turn import Message, Turn
from streamer.core.verdict import JudgeFailure, Verdict
from streamer.errors import CallFailed, ConfigurationError
from streamer.settings import Settings, Source


class Tried(NamedTuple):
    """A session as a judge read it. `outcome` is None, and `requests` what would have been sent, without a model."""

    session: SessionRef
    transcript: Transcript
    said: Sequence[Message]
    outcome: Verdict | JudgeFailure | None
    requests: Sequence[ModelRequest]

    @property
    def first_trace_id(self) -> str:
        return mlflow_trace_id(self.transcript.traces[0])


@dataclass(slots=True)
class _Asking:
    """The model, or only a note of what it would be asked."""

    spec: JudgeSpec
    model: LitellmModel | None
    requests: list[ModelRequest] = field(default_factory=list)

    async def ask(self, request: ModelRequest) -> Completion:
        self.requests.append(request)
        if self.model is None:
            raise CallFailed("internal", "no model was asked")
        return await self.model.complete(request, self.spec.deadline_ms)


def recent(settings: Settings, topic: str | None, files: Sequence[Path], records: int) -> Preview:
    """What is in the last `records` records of a topic, or in files of one record value each."""
    source = _source_of(settings, topic)
    read = map(record_in, files) if files else last_records(settings, topic or source.topics[0], records)
    return previewed(read, source.cut_rules())


def sessions_in(found: Preview) -> list[tuple[SessionRef, dict[str, Turn]]]:
    """Each session with its turns, the one that spoke last first."""
    sessions: defaultdict[SessionRef, dict[str, Turn]] = defaultdict(dict)
    for seen in found.turns:
        if seen.session_id is not None:
            sessions[SessionRef(Scope("", seen.tenant), seen.session_id)][seen.turn.trace_id] = seen.turn
    return sorted(sessions.items(), key=lambda one: -max(turn.end_ns for turn in one[1].values()))


async def judged(
    spec: JudgeSpec, sessions: Iterable[tuple[SessionRef, dict[str, Turn]]], *, with_model: bool
) -> AsyncIterator[Tried]:
    """One after the other, as they are known. ConfigurationError where the model cannot be called."""
    if with_model and spec.asks_model and (missing := missing_keys(spec.model)):
        raise ConfigurationError(
            f"{' and '.join(missing)} not set, which {spec.model} needs: export {missing[0]}=…, name another --model, "
            "or see what would be sent with --no-model"
        )
    judges = MlflowJudges(1)
    try:
        for ref, turns in sessions:
            transcript = assemble(ref.session_id, turns)
            asking = _Asking(spec, LitellmModel() if with_model else None)
            outcome = await judges.judge(spec, transcript, None, asking.ask)
            said = render(transcript, tools=True)
            yield Tried(ref, transcript, said, outcome if with_model else None, asking.requests)
    finally:
        judges.close()


def _source_of(settings: Settings, topic: str | None) -> Source:
    """The source whose topic it is; the first one's rules for a topic that none names."""
    return next((s for s in settings.sources if topic and s.reads(topic)), settings.sources[0])
