"""A session of a bench as a case."""

from dataclasses import replace

from streamer.core.case import Case, Settings, recorded
from streamer.core.sampling import draw
from streamer.core.session import SessionRef
from streamer.core.wire.caps import Caps
from tests.loops.bench import Bench


async def case_of(bench: Bench, session: str) -> Case:
    """With its words, as `streamer explain --export --with-text` takes it out."""
    ref = SessionRef(bench.scope, session)
    found = await bench.store.session(ref.key)
    row = bench.redis.buckets[ref.bucket].session(ref.key)
    assert found is not None
    assert row is not None
    case = Case(
        session=ref,
        settings=Settings(
            limits=bench.limits,
            rules=bench.rules,
            caps=Caps(),
            judges=[spec.name for spec in bench.specs],
        ),
        state=found[1],
        facts=await bench.store.facts(ref.scope, sorted(found[1].members)),
        log=row.log,
        number=draw(ref.key),
        at_ms=bench.now,
    )
    return replace(case, decided=recorded(case))
