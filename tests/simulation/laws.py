"""The laws of the system, each as a check.

S1 S2 S3 S7 S8 S10 and the index sentence are looked at whenever something happens, S4 S5 S6 L1 L2 when all is at rest.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamer.core.close_reason import INTERIM, CloseReason
from streamer.core.ids import bucket_of_trace
from streamer.core.ledger import Entry
from streamer.core.rules import Rule
from streamer.core.session import Claim
from streamer.core.turn import Turn
from streamer.loops.choke_point import Account
from tests.fakes.redis_state import Bucket, SessionRow
from tests.simulation.forgetting import check_erased
from tests.simulation.judged_check import JudgedCheck
from tests.simulation.policies import Policies
from tests.simulation.services import Logged
from tests.simulation.terms import specs
from tests.simulation.truth import newest, read
from tests.simulation.world import Worker

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

STARTING_MS = 12_000
"""For the first seconds of a partition just added S8 is best effort (metadata are refreshed every 10 s)."""


@dataclass
class Purchase:
    worker: Worker
    life: int
    since_ms: int


class Laws:
    def __init__(self, cluster: "Cluster") -> None:
        self.c, self.w = cluster, cluster.world
        self.failed_over = False
        self.changed_at: int | None = None
        self.tokens: defaultdict[str, int] = defaultdict(int)
        self.unread: dict[tuple[str, int], list[Logged]] = {}
        self.answers: set[tuple[str, str]] = set()
        self.in_flight: dict[tuple[str, str], Purchase] = {}
        self.swept, self.parked_out, self.erased = set[str](), set[str](), set[str]()
        self.closed_by_age: dict[str, int] = {}
        self.turns_at: dict[tuple[str, int], int] = {}
        self.closed_turns: dict[str, tuple[int, int]] = {}
        """Session's key → token and number of turns of its last completed closing."""
        self.policies = Policies(self)

    # ------------------------------------------------------------ while it runs

    def look_at(self, bucket: Bucket) -> None:
        """An open session stands in exactly one index, one at rest in none; a leased one in `again`."""
        for key in sorted(bucket.touched):  # so that a replay tells the same story in every process
            s = bucket.session(key)
            if s is None:
                continue
            places = bucket.indexes_of(s.ref)
            if len(places) > 1 or (not places and not s.at_rest()):
                self.w.violate("index", f"{s.ref.session_id} stands in {places or 'no index'}")
            if s.lease > self.w.now and places != ["again"]:
                self.w.violate("index", f"{s.ref.session_id} is leased and stands in {places}")

    def claimed(self, claims: Sequence[Claim]) -> None:
        """S3: fencing tokens of a session only grow."""
        for c in claims:
            key = c.session.key
            if c.token <= self.tokens[key]:
                self.w.violate("S3", f"token of {c.session.session_id} given twice")
            self.tokens[key] = max(c.token, self.tokens[key])
            self.unread[c.name] = self.c.broker.unsaved()
            self.w.tell("claimed", c.session.session_id, c.due, "version", c.state.version, "of", c.state.judged)

    def closing(self, c: Claim, turns: Mapping[str, Turn], reason: CloseReason, generation: int) -> None:
        """S8, never early, and the configuration in force."""
        if self.changed_at and c.claimed_at_ms > self.changed_at and generation < self.c.generation:
            self.w.violate("config", f"{c.session.session_id} claimed under an old generation")
        if c.state.judged and c.state.version > c.state.judged:
            self.w.rare["re-opened and judged again"] += 1
        self.turns_at[c.name] = len(turns)
        if not c.state.has_grown and c.state.owes_closing and reason not in INTERIM:
            self.w.rare["an interim verdict became the last word"] += 1
        rule = self.policies.closes(c, turns, reason)
        if reason == "quiet":
            self._closed_as_quiet(c, rule.idle_gap_ms)
        elif reason == "ended":
            self.w.rare["closed by an end"] += 1
            self._closed_by_end(c, rule.settle_ms)
        elif reason == "max_age":
            self.w.rare["closed by maximum age"] += 1
            self._closed_by_age(c)
        elif reason == "max_turns":
            self.w.rare["closed by its number of turns"] += 1
            self._closed_by_turns(c, len(turns), rule)
        elif reason == "max_bytes":
            self.w.rare["closed by the length of what was said"] += 1

    def _closed_as_quiet(self, c: Claim, gap_ms: int) -> None:
        quiet_ms = c.state.activity_ms + gap_ms
        if c.claimed_at_ms < quiet_ms:
            self.w.violate("early", f"{c.session.session_id} closed {quiet_ms - c.claimed_at_ms} ms early")
        self._check_unread(c, quiet_ms)

    def _check_unread(self, c: Claim, until_ms: int) -> None:
        """S8: nothing of the session that Kafka held by then is unread."""
        for logged in self.unread[c.name]:
            mine = any(self.true_owner(trace) == c.session.session_id for trace in logged.traces)
            born_ms = self.c.broker.born[logged.record.partition]
            if mine and logged.appended <= until_ms and logged.appended > born_ms + STARTING_MS:
                self.w.violate("S8", f"{c.session.session_id} judged, its record of {logged.appended} unread")

    def _closed_by_end(self, c: Claim, settle_ms: int) -> None:
        """Not before it has settled, and only if nothing came later than that."""
        settled_ms = (c.state.ended_ms or 0) + settle_ms
        if c.claimed_at_ms < settled_ms:
            self.w.violate("early", f"{c.session.session_id} closed {settled_ms - c.claimed_at_ms} ms before its end")
        if c.state.activity_ms > settled_ms:
            self.w.violate("early", f"{c.session.session_id} closed by an end before its last turn")
        self._check_unread(c, settled_ms)

    def _closed_by_turns(self, c: Claim, turns: int, rule: Rule) -> None:
        """Turns count anew after each completed closing, and after an erasure."""
        token, closed = self.closed_turns.get(c.session.key, (0, 0))
        row = self.c.redis.buckets[c.bucket].session(c.session.key)
        was_erased = row is not None and token < row.erased < c.token
        gained, most = turns - (0 if was_erased else closed), rule.max_turns or 0
        if c.token == self.tokens[c.session.key] and gained < most and not self.failed_over:
            self.w.violate("early", f"{c.session.session_id} closed by its number of turns after {gained}")

    def _closed_by_age(self, c: Claim) -> None:
        """The age counts anew after each completed closing. A zombie may still decide by what it saw before one: the
        fence refuses it."""
        if c.token != self.tokens[c.session.key]:
            return
        last = self.closed_by_age.get(c.session.key)
        fresh = c.state.version > c.state.judged and c.state.judged and not self.failed_over
        if last is not None and fresh and c.watermark_ms - last < self.c.parts.limits.max_age_ms:
            self.w.violate("early", f"{c.session.session_id} closed by age twice within {c.watermark_ms - last} ms")

    def completed(self, c: Claim, reason: CloseReason | None) -> None:
        if reason is not None:
            self.closed_turns[c.session.key] = c.token, self.turns_at.get(c.name, 0)
        if reason == "max_age":
            self.closed_by_age[c.session.key] = c.watermark_ms

    def bought(self, account: Account, call_key: str, worker: Worker) -> None:
        """S7: an answer that reached Redis is never bought again, nor twice at a time by workers that are well."""
        claim = account.held.claim
        self.policies.bought(claim, account.spec.name)
        name, session = (claim.session.key, call_key), claim.session.session_id
        if name in self.answers and not self.failed_over:
            self.w.violate("S7", f"bought {account.spec.name} of {session} again")
        old = claim.state.ledger.get(account.spec.name)
        if old is not None and old.state == "judged" and not self.failed_over:
            said = self.c.seen.get(old.transcript_hash or "")
            if said is not None and account.prompt_hash == old.prompt_hash:
                self.w.violate("S7", f"{account.spec.name} of {session} bought again, though the ledger has it")
        other = self.in_flight.get(name)
        well = other is not None and other.worker.life == other.life and other.worker.paused_until_ms < other.since_ms
        if well and self.w.redis_is_reliable:
            self.w.violate("S7", f"{account.spec.name} of {session} bought twice at a time")
        self.in_flight[name] = Purchase(worker, worker.life, self.w.now)

    # ------------------------------------------------------------ what is true

    def truth_of(self, trace_id: str) -> tuple[str | None, Turn | None]:
        """The owner and the turn that all spans of a trace together give.

        A trace whose root names no session stays, once swept, with the session that has read it (session_id.owner_of):
        the spans that a late, earlier one would have to agree with are gone.
        """
        spans = self.c.apps.truth[trace_id]
        owner, turn = read(trace_id, tuple(sorted(spans.values())))
        kept = self._swept_owner(trace_id)
        named_by_root = any(span.root and span.session for span in spans.values())
        return (kept if kept is not None and not named_by_root else owner), turn

    def _swept_owner(self, trace_id: str) -> str | None:
        row = self.c.redis.buckets[bucket_of_trace(trace_id)].keys.get(("t", f"default|default|{trace_id}"))
        return row.owner if row is not None else None

    def true_owner(self, trace_id: str) -> str | None:
        return self.truth_of(trace_id)[0]

    def told(self, c: Claim, entries: Mapping[str, Entry]) -> None:
        """What the ledger calls told is what a reader of the feed keeps. A fail-over may lose who told more, and nobody
        can know what a lost claim told of a judge that was then taken away."""
        name = c.session.session_id
        for judge, entry in entries.items():
            if not entry.feed or not entry.transcript_hash or entry.state in ("removed", "filtered"):
                continue
            best = newest(self.c.feed, name, judge)
            if best is None:
                self.w.violate("feed", f"{name} {judge}: {entry.state} counts as told")
            elif best.value.get("transcript_hash") != entry.transcript_hash and not self.failed_over:
                self.w.violate("feed", f"{name} {judge}: a reader keeps another than the one that counts as told")

    # ------------------------------------------------------------ when all is at rest

    def check_end(self) -> None:
        expected: defaultdict[str, dict[str, Turn]] = defaultdict(dict)
        for trace_id in self.c.apps.truth:
            owner, turn = self.truth_of(trace_id)
            if owner is not None and turn is not None and trace_id not in self.erased:
                expected[owner][trace_id] = turn
        self._check_reading()
        check_erased(self)
        sessions = {s.ref.session_id: (b, s) for b in self.c.redis.buckets.values() for s in b.sessions()}
        for name, (bucket, s) in sorted(sessions.items()):
            self._check_leftovers(bucket, s)
            self.policies.at_rest(s)
            if name not in expected:
                self._check_empty(name, {*s.ledger, *self._judges_of(s)})
        for name, turns in sorted(expected.items()):
            if name not in sessions:
                self.w.violate("S1", f"{name} is unknown")
                continue
            s = sessions[name][1]
            if s.version != s.judged:
                self.w.violate("L1", f"{name} judged at {s.judged} of {s.version}")
                continue
            for judge in self._judges_of(s):
                JudgedCheck(self, s, turns, judge).check()

    def _judges_of(self, s: SessionRow) -> list[str]:
        generation = max((entry.generation for entry in s.ledger.values()), default=1)
        return [spec.name for spec in specs(generation)]

    def _check_reading(self) -> None:
        """S1, L1: everything readable is saved, everything else is a dead letter."""
        for logged in self.c.broker.unsaved():
            self.w.violate("L1", f"record {logged.record.offset} of partition {logged.record.partition} was not saved")
        for log in self.c.broker.log:
            for logged in log:
                name = (logged.record.partition, logged.record.offset)
                if not logged.readable and name not in self.c.broker.dead_letters:
                    self.w.violate("S1", f"the unreadable record {name} is no dead letter")

    def _check_leftovers(self, bucket: Bucket, s: SessionRow) -> None:
        """L2: leases, intents, in-flight work return to zero; at rest a session stands in no index."""
        if s.lease or s.intents or bucket.indexes_of(s.ref):
            left = f"lease {s.lease}, intents {s.intents}, {bucket.indexes_of(s.ref)}"
            self.w.violate("L2", f"{s.ref.session_id}: {left}")

    def _check_empty(self, name: str, judges: Iterable[str]) -> None:
        """S4: no row for a session without turns, and the feed's readers know. Nobody can know of a judge that was
        taken away after a claim had published for it and before that claim completed."""
        if any(row.session == name for row in self.c.mlflow.rows.values() if row.ours):
            self.w.violate("S4", f"{name} has rows and no turns")
        for judge in judges:
            best = newest(self.c.feed, name, judge)
            if best is not None and best.kind != "retracted":
                self.w.violate("feed", f"{name} was retracted, and a reader keeps its verdict")
