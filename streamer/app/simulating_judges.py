"""Who judges simulated conversations: the judges here, or the live path, which is listened to."""

import asyncio
import threading

from streamer.app import feeding, judging, session_end
from streamer.app.judging import Purchases
from streamer.app.people import now_ms
from streamer.app.simulated import Report, Wanted
from streamer.core.evaluating import Found, Judged
from streamer.core.feed_event import Buried, FeedEvent
from streamer.core.gate import Scored
from streamer.core.simulation import Held
from streamer.core.verdict import JudgeFailure
from streamer.errors import ConfigurationError
from streamer.settings import Settings

STORED_MS, LOOK_MS = 30_000, 500
"""MLflow's client exports traces behind the agent's back: so long they may take to be found."""


async def judge_here(settings: Settings, wanted: Wanted, purchases: Purchases, report: Report) -> None:
    """From MLflow, where the simulator has traced them."""
    held = [one for one in report.conversations if one.trace_ids]
    found = await asyncio.gather(*(_stored(settings, wanted, one) for one in held))
    names = {one.session_id: one.case.name for one in held}
    async for done in judging.judged(settings, wanted.specs, found, purchases=purchases):
        session_id = done.ref.session_id
        report.first_traces[session_id] = f"tr-{done.transcript.traces[0]}"
        for said in done.judged:
            report.paid(said.calls, said.tokens, said.cost_usd)
            report.add(session_id, _scored(said, names[session_id]))


def _scored(said: Judged, name: str) -> Scored:
    outcome = said.outcome
    if isinstance(outcome, JudgeFailure):
        return Scored(said.spec.name, name, failure=f"{outcome.kind}: {outcome.detail}")
    return Scored(said.spec.name, name, outcome.value, outcome.rationale)


async def _stored(settings: Settings, wanted: Wanted, conversation: Held) -> Found:
    """As soon as MLflow has every trace of it."""
    for left in reversed(range(STORED_MS // LOOK_MS)):
        try:
            found = await judging.in_mlflow(settings, wanted.experiment, conversation.session_id)
        except ConfigurationError:
            if not left:
                raise
        else:
            if len(found.turns) >= conversation.turns or not left:
                return found
        await asyncio.sleep(LOOK_MS / 1000)
    raise AssertionError("unreachable")


class Listening:
    """The live path judges; the feed is heard from before the first conversation on."""

    def __init__(self, settings: Settings, wanted: Wanted) -> None:
        self._settings, self._wanted = settings, wanted
        self._began_ms, self._stopping = now_ms(), threading.Event()

    async def verdicts(self, report: Report) -> None:
        """Until every judge has spoken of every conversation, or for `wait_ms`: who is missing then has failed."""
        source = self._settings.sources[0].name
        names = {one.session_id: one.case.name for one in report.conversations if one.trace_ids}
        for session_id in names:  # nothing more comes: no quiet gap is waited for
            ended = session_end.session_end(self._settings, session_id, source, None, None)
            await session_end.send(self._settings, ended)
        missing = {(session_id, spec.name) for session_id in names for spec in self._wanted.specs}
        try:
            async with asyncio.timeout(self._wanted.wait_ms / 1000):
                await asyncio.to_thread(self._listen, missing, names, report)
        except TimeoutError:
            why = f"the live path gave no verdict within {self._wanted.wait_ms // 1000} s"
            for session_id, judge in sorted(missing):
                report.add(session_id, Scored(judge, names[session_id], failure=why))
        finally:
            self._stopping.set()

    def _listen(self, missing: set[tuple[str, str]], names: dict[str, str], report: Report) -> None:
        for event in feeding.followed(self._settings, self._began_ms, lambda: self._stopping.is_set() or not missing):
            if not isinstance(event, Buried) and self._is_wanted(event, missing):
                missing.discard((event.session_id, event.judge))
                report.first_traces[event.session_id] = event.first_trace_id or ""
                name = names[event.session_id]
                report.add(event.session_id, Scored(event.judge, name, event.value, event.rationale, event.failure))

    def _is_wanted(self, event: FeedEvent, missing: set[tuple[str, str]]) -> bool:
        said = event.kind in ("verdict", "failure") and not event.interim
        return said and (event.session_id, event.judge) in missing and not self._stopping.is_set()
