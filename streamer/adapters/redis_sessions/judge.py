"""The store as the judge needs it: claims, what they read and keep, and the fence around writes to MLflow."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from streamer.adapters.redis_sessions.handle import lost
from streamer.adapters.redis_sessions.ingest import IngestSide, pairs, unpack_candidates
from streamer.adapters.redis_sessions.scripts import WAKE_ADOPTED, Argument
from streamer.core.assessment import RowRef
from streamer.core.claim_log import said_of
from streamer.core.close_reason import CloseReason
from streamer.core.ids import BUCKETS, Scope, bucket_of_session, bucket_of_trace
from streamer.core.ledger import Entry
from streamer.core.model import Completion, micros
from streamer.core.rules import Pace
from streamer.core.session import NEVER, Begun, Claim, Facts, Look, Outcome, SessionRef, SessionState, Size, Wake
from streamer.core.turn import Turn
from streamer.ports import ClaimReply

FLAGS = (
    ("doubtful", "D"),
    ("begun", "B"),
    ("crowded", "C"),
    ("first_missing", "M"),
    ("looking", "L"),
    ("retracted", "R"),
)
"""Letters that end_write.lua knows."""


def read_facts(flat: Sequence[bytes]) -> Facts:
    row = dict(pairs(flat))
    frames = tuple(row[name] for name in sorted(row) if name[:1] == b"f")
    owner = row.get(b"o")
    return Facts(
        candidates=unpack_candidates(row.get(b"c", b"")),
        version=int(row.get(b"v", 0)),
        frames=frames,
        owner=owner.decode() if owner is not None else None,
        swept=b"s" in row,
        erased=b"z" in row,
    )


def write_row(row: RowRef) -> tuple[str, str]:
    return row.assessment_id, f"{row.trace_id}|{row.judge}"


def read_row(name: bytes, value: bytes) -> RowRef:
    trace_id, _, judge = value.decode().partition("|")
    return RowRef(name.decode(), trace_id, judge)


class JudgeSide(IngestSide):
    async def claim(self, limit: int, watermarks: Mapping[str, int], generation: int) -> ClaimReply:
        """Two round trips: how many are due in each bucket, then as many as fit from each."""
        self._turn += 1
        marks: list[Argument] = [part for item in watermarks.items() for part in item]
        buckets = [(self._turn + n) % BUCKETS for n in range(BUCKETS)]
        config = f"{self._s.tag(0)}config"
        # The epoch goes into the claims as it was before they were asked for: a claim must not outlive its primary.
        epoch = self._seen
        due = await self._run([self._call("due", bucket, (limit, *marks)) for bucket in buckets])
        ((in_force, paused, rebuilt),) = await self._ask([("HMGET", config, "generation", "paused", "rebuilt")])
        reply = ClaimReply([], int(in_force or 1), paused == b"1")
        calls, left = [], limit
        for bucket, found in zip(buckets, due, strict=True):
            share = min(found, left)
            left -= share
            if share:
                calls.append(self._call("claim", bucket, (share, generation, self._turn, *marks)))
        claims = [
            self._read_claim(raw, int(said[0]), watermarks, generation, epoch, int(rebuilt or 0))
            for said in (await self._run(calls) if calls else ())
            for raw in said[1:]
        ]
        return reply._replace(claims=claims)

    def _read_claim(
        self,
        raw: Sequence[Any],
        now_ms: int,
        watermarks: Mapping[str, int],
        generation: int,
        epoch: int,
        rebuilt_ms: int,
    ) -> Claim:
        _, index, interrupted, flat, members, turns, ledger = raw
        row = dict(pairs(flat))
        session, state = read_ref(row), self._read_state(row, members, turns, ledger)
        return Claim(
            session=session,
            token=int(row[b"token"]),
            generation=generation,
            watermark_ms=watermarks.get(session.scope.source, -1),
            claimed_at_ms=now_ms,
            due="quiet" if index == b"quiet" else "again",
            interrupted=interrupted == b"1",
            state=state,
            epoch=epoch,
            backfill=state.handed or state.activity_ms <= rebuilt_ms,
        )

    def _read_state(
        self, row: Mapping[bytes, bytes], members: Sequence[bytes], turns: Sequence[bytes], ledger: Sequence[bytes]
    ) -> SessionState:
        def number(name: bytes) -> int | None:
            return int(row[name]) if name in row else None

        return SessionState(
            version=number(b"version") or 0,
            judged=number(b"judged") or 0,
            activity_ms=number(b"activity") or 0,
            opened_ms=number(b"opened"),
            ended_ms=number(b"ended"),
            pace=read_pace(row),
            looks=number(b"looks") or 0,
            mend=b"mend" in row,
            reason=cast(CloseReason, row[b"reason"].decode()) if b"reason" in row else None,
            closed_size=Size(number(b"closed_turns") or 0, number(b"closed_bytes") or 0),
            span_bytes=number(b"span_bytes") or 0,
            full_ms=number(b"full"),
            shared=b"shared" in row,
            wipe=b"wipe" in row,
            handed=b"handed" in row,
            missing_since_ms=number(b"missing"),
            members={name.decode(): int(version) for name, version in pairs(members)},
            turns={name.decode(): self._s.codec.unpack(raw.partition(b":")[2]) for name, raw in pairs(turns)},
            ledger={name.decode(): Entry.from_json(raw) for name, raw in pairs(ledger)},
        )

    async def session(self, key: str) -> tuple[SessionRef, SessionState] | None:
        base = f"{self._s.tag(bucket_of_session(key))}s:{key}"
        keys = (base, f"{base}:m", f"{base}:t", f"{base}:l")
        flat, *parts = await self._ask([("HGETALL", name) for name in keys])
        row = dict(pairs(flat))
        return (read_ref(row), self._read_state(row, *parts)) if row else None

    async def renew(self, claims: Sequence[Claim]) -> frozenset[tuple[str, int]]:
        epoch = self._s.primary.epoch
        gone = {claim.name for claim in claims if claim.epoch != epoch}
        by_bucket: dict[int, list[Argument]] = defaultdict(list)
        for claim in claims:
            if claim.epoch == epoch:
                by_bucket[claim.bucket] += claim.name
        if by_bucket:
            self._seen = epoch
            replies = await self._run([self._call("renew", bucket, names) for bucket, names in by_bucket.items()])
            gone |= {(key.decode(), int(token)) for reply in replies for key, token in pairs(reply)}
        return frozenset(gone)

    async def facts(self, scope: Scope, trace_ids: Sequence[str]) -> Mapping[str, Facts]:
        keys = [f"{self._s.tag(bucket_of_trace(trace_id))}t:{scope}|{trace_id}" for trace_id in trace_ids]
        rows = await self._ask([("HGETALL", key) for key in keys]) if keys else []
        return {trace_id: read_facts(flat) for trace_id, flat in zip(trace_ids, rows, strict=True) if flat}

    async def adopt(self, scope: Scope, trace_id: str, session: SessionRef, activity_ms: int) -> None:
        arguments = (f"{scope}|{trace_id}", session.session_id)
        (version,) = await self._run([self._call("adopt", bucket_of_trace(trace_id), arguments)])
        wake = Wake(session, trace_id, int(version), activity_ms)
        if wake.version:
            await self._run(list(self._wake_calls(WAKE_ADOPTED, [wake])))

    async def release(self, claim: Claim, pace: Pace, wait_until_ms: int, look: Look = NEVER) -> None:
        await self._of_claim("release", claim, *pace, wait_until_ms, claim.state.version, *look)

    async def put_back(self, claim: Claim, in_ms: int) -> None:
        await self._of_claim("put_back", claim, in_ms)

    async def keep_turns(self, claim: Claim, turns: Sequence[Turn], pace: Pace) -> None:
        arguments: list[Argument] = [*pace]
        for turn in turns:
            arguments += (turn.trace_id, b"%d:%b" % (turn.version, self._s.codec.pack(turn)))
        if not await self._of_claim("keep_turns", claim, *arguments):
            raise lost(claim)

    async def holds(self, claim: Claim) -> None:
        if not await self._of_claim("holds", claim):
            raise lost(claim)

    async def find_answer(self, claim: Claim, call_key: str) -> Completion | Literal["paused"] | None:
        found = await self._of_claim("find_answer", claim, call_key)
        if found[0] == b"lost":
            raise lost(claim)
        if found[0] == b"answer":
            return Completion.from_json(found[1])
        return "paused" if found[0] == b"paused" else None

    async def save_answer(self, claim: Claim, call_key: str, answer: Completion) -> None:
        tokens = answer.input_tokens + answer.output_tokens
        price = "" if answer.cost_usd is None else micros(answer.cost_usd)
        arguments = (claim.session.key, claim.token, call_key, answer.to_json(), tokens, price)
        (kept,) = await self._run([self._call("save_answer", claim.bucket, arguments)])  # whatever became of the claim
        if not kept:
            raise lost(claim)

    async def begin_write(self, claim: Claim, rows: Sequence[RowRef]) -> Begun:
        arguments = [part for row in rows for part in write_row(row)]
        reply = await self._of_claim("begin_write", claim, *arguments, confirm=True)
        if not reply:
            raise lost(claim)
        return Begun(frozenset(read_row(*pair) for pair in pairs(reply[1:])), reply[0] == b"1")

    async def end_write(self, claim: Claim, outcome: Outcome) -> bool:
        flags = "".join(letter for name, letter in FLAGS if getattr(outcome, name))
        wait = "" if outcome.next_in_ms is None else outcome.next_in_ms
        counts = (len(outcome.entries), len(outcome.rows), len(outcome.placed))
        lists: list[Argument] = [said_of(outcome.entries)]
        lists += [p for judge, entry in outcome.entries.items() for p in (judge, entry.to_json())]
        lists += [part for row in outcome.rows for part in write_row(row)]
        lists += outcome.placed
        head = (flags, outcome.version, wait, outcome.reason or "", *outcome.size, *outcome.look)
        return bool(await self._of_claim("end_write", claim, *head, *counts, *lists))


def read_pace(row: Mapping[bytes, bytes]) -> Pace | None:
    parts = (row.get(b"gap"), row.get(b"settle"), row.get(b"age"))
    return Pace(*(int(part) for part in parts if part)) if all(parts) else None


def read_ref(row: Mapping[bytes, bytes]) -> SessionRef:
    return SessionRef(Scope(row[b"source"].decode(), row[b"tenant"].decode()), row[b"id"].decode())
