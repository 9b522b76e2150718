"""Mistakes of erasing: something of what was said outlives it."""

from collections.abc import Mapping

from streamer.core.ledger import Entry
from streamer.core.session import SessionRef
from streamer.core.turn import Turn
from tests.fakes.erasing import Erased
from tests.fakes.session_store import FakeSessionStore


class ErasureForgetsRows(FakeSessionStore):
    """Rows go from Redis with the rest: no claim knows what is to be taken back from MLflow."""

    async def erase(self, session: SessionRef, version: int, entries: Mapping[str, Entry], turn: Turn | None) -> Erased:
        said = await super().erase(session, version, entries, turn)
        row = self.redis.buckets[session.bucket].session(session.key)
        if row is not None and said == "erased":
            row.rows = set()
        return said


class ErasureKeepsAnswers(FakeSessionStore):
    async def erase(self, session: SessionRef, version: int, entries: Mapping[str, Entry], turn: Turn | None) -> Erased:
        bucket = self.redis.buckets[session.bucket]
        before = bucket.session(session.key)
        answers = dict(before.answers) if before is not None else {}
        said = await super().erase(session, version, entries, turn)
        after = bucket.session(session.key)
        if after is not None and said == "erased":
            after.answers = answers
        return said
