"""Somebody is forgotten in the middle of everything: a session is erased whatever its worker is doing.

Rule: it draws from a source of its own, so that the other faults of a seed stay what they were.
"""

import random
from typing import TYPE_CHECKING

from streamer.core.session import Claim, SessionRef
from streamer.errors import TransientError
from streamer.loops.forgetting import erase
from tests.simulation.world import pause

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster
    from tests.simulation.laws import Laws

SOME_SEEDS, EVERY_MS = 0.4, 4_000


async def forget_now_and_then(cluster: "Cluster", seed: int) -> None:
    w, r = cluster.world, random.Random(f"forget {seed}")
    if r.random() >= SOME_SEEDS:
        return
    while w.faults:
        await pause(r.randint(500, 2 * EVERY_MS))
        known = sorted({s.ref for bucket in cluster.redis.buckets.values() for s in bucket.sessions()})
        if known and r.random() < 0.3:
            await _forget(cluster, r.choice(known))


async def _forget(cluster: "Cluster", ref: SessionRef) -> None:
    try:
        gone = await erase(cluster.parts.eraser(cluster.redis), ref.key, {})
    except TransientError:
        return
    if gone is not None and gone.traces:
        cluster.laws.erased.update(gone.traces)
        cluster.world.rare["a session was erased"] += 1
        cluster.world.tell("erased", ref.session_id, *sorted(gone.traces))
        row = cluster.redis.buckets[ref.bucket].session(ref.key)
        if row is not None and row.answers:
            cluster.world.violate("erased", f"answers about {ref.session_id} are kept")


def check_answer(laws: "Laws", claim: Claim, call_key: str) -> None:
    """What was bought by a claim of before the erasure comes too late to be kept."""
    row = laws.c.redis.buckets[claim.bucket].session(claim.session.key)
    if row is not None and row.erased > claim.token and call_key in row.answers:
        laws.w.violate("erased", f"an answer about {claim.session.session_id} was saved after its erasure")


def check_erased(laws: "Laws") -> None:
    """Nothing may speak of a trace that was erased: no spans, no turn with words, no row on it."""
    for bucket in laws.c.redis.buckets.values():
        for key, row in bucket.keys.items():
            if key[0] == "t" and key[1].rpartition("|")[2] in laws.erased and row.frames:
                laws.w.violate("erased", f"spans of {key[1]} are kept")
        for s in bucket.sessions():
            words = [turn.trace_id for turn in s.turns.values() if turn.trace_id in laws.erased and turn.version]
            if words:
                laws.w.violate("erased", f"{s.ref.session_id} still has turns of {words}")
    for stored in laws.c.mlflow.rows.values():
        if stored.ours and stored.ref.trace_id.removeprefix("tr-") in laws.erased:
            laws.w.violate("erased", f"a row stands on {stored.ref.trace_id}")
