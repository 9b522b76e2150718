"""Mistakes in sampling, filters and re-scoring."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from streamer.core.choosing import choices
from streamer.core.ledger import Entry
from streamer.core.lifecycle import Closing
from streamer.core.sampling import Inclusion, draw
from streamer.core.turn import Turn
from streamer.loops.held import Held
from streamer.loops.scoring import Scoring


def drawn(held: Held, turns: Iterable[Turn], closed: Closing, key: str) -> dict[str, Inclusion]:
    return choices(closed.rule, names_of(held), held.claim.state.ledger, draw(key), turns)


def names_of(held: Held) -> list[str]:
    return [spec.name for spec in held.terms.specs]


class SamplesByAttempt(Scoring):
    def _choices(self, held: Held, turns: Iterable[Turn], closed: Closing) -> dict[str, Inclusion]:
        return drawn(held, turns, closed, f"{held.claim.session.key}{held.claim.token}")


class SamplesByJudge(Scoring):
    def _choices(self, held: Held, turns: Iterable[Turn], closed: Closing) -> dict[str, Inclusion]:
        said, key = list(turns), held.claim.session.key
        return {spec.name: drawn(held, said, closed, key + spec.name)[spec.name] for spec in held.terms.specs}


class ForgetsInclusion(Scoring):
    """A session that was judged falls out of the sample when another rule matches it."""

    def _choices(self, held: Held, turns: Iterable[Turn], closed: Closing) -> dict[str, Inclusion]:
        return choices(closed.rule, names_of(held), {}, draw(held.claim.session.key), turns)


class AlwaysRenews(Scoring):
    async def _entry(self, held: Held, spec: Any, transcript: Any, closed: Closing, chosen: Inclusion) -> Entry:
        rule = replace(closed.rule, rescore="every_pause", reopen_max=None)
        return await super()._entry(held, spec, transcript, closed._replace(rule=rule), chosen)


class FilteredStaysInterim(Scoring):
    async def _entry(self, held: Held, spec: Any, transcript: Any, closed: Closing, chosen: Inclusion) -> Entry:
        old = held.claim.state.ledger.get(spec.name)
        if chosen.is_in or old is None or not old.interim:
            return await super()._entry(held, spec, transcript, closed, chosen)
        return await super()._entry(held, spec, transcript, closed._replace(reason="max_age"), chosen)


class AsksEveryJudge(Scoring):
    def _choices(self, held: Held, turns: Iterable[Turn], closed: Closing) -> dict[str, Inclusion]:
        return super()._choices(held, turns, closed._replace(rule=replace(closed.rule, judges=None)))
