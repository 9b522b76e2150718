"""Which judges read a session, and whether a verdict that stands is renewed.

Rule: sampling is decided for the session, never for a judge or an attempt, and what was included stays included. Of
several inclusions in a session's life (a rule that matches later, another share, an error in the third turn) the one
with the greatest probability holds: that is the chance to have been included by any of them, since they all go by the
same number u.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from streamer.core.close_reason import INTERIM, CloseReason
from streamer.core.ledger import Entry, EntryState, Unrenewed
from streamer.core.rules import AlwaysReason, Rule
from streamer.core.sampling import Inclusion
from streamer.core.scoring import closed_again
from streamer.core.turn import Turn

_STANDING = frozenset({"judged", "failed"})
_DECIDED = frozenset({"judged", "failed", "retrying", "deferred"})
_SET_ASIDE = frozenset({"filtered", "sampled_out", "removed"})


def choices(
    rule: Rule, judges: Iterable[str], ledger: Mapping[str, Entry], number: float, turns: Iterable[Turn]
) -> dict[str, Inclusion]:
    """By judge: whether it reads the session, and why. `number`: the session's own (sampling.draw)."""
    chosen = inclusion_of(rule, ledger.values(), number, turns)
    filtered = Inclusion(0.0, "filtered", rule.name)
    return {judge: chosen if rule.wants(judge) else filtered for judge in judges}


def inclusion_of(rule: Rule, entries: Iterable[Entry], number: float, turns: Iterable[Turn]) -> Inclusion:
    """The session's own, whatever judges the rule wants. `entries`: its ledger, which remembers earlier ones."""
    earlier = [e.inclusion for e in entries if e.inclusion.is_in and (e.revision or e.state in _DECIDED)]
    return max([_drawn(rule, number, turns), *earlier], key=lambda chosen: (chosen.is_in, chosen.probability))


def _drawn(rule: Rule, number: float, turns: Iterable[Turn]) -> Inclusion:
    if rule.sampling >= 1:
        return Inclusion(1.0, "all", rule.name)
    said = reasons_of(turns)
    if always := next((reason for reason in rule.always_judge if reason in said), None):
        return Inclusion(1.0, always, rule.name)
    return Inclusion(rule.sampling, "sample" if number < rule.sampling else "sampled_out", rule.name)


def reasons_of(turns: Iterable[Turn]) -> set[AlwaysReason]:
    """Why a session may be judged whatever the share."""
    said: set[AlwaysReason] = set()
    for turn in turns:
        if turn.error:
            said.add("error")
        if turn.thumbs_down:
            said.add("thumbs_down")
    return said


def left_out(old: Entry | None, chosen: Inclusion, generation: int, judge_version: str, reason: CloseReason) -> Entry:
    """The entry of a judge that does not read the session. What it had said before stands; what it had said for the
    time being becomes its last word with the session's last closing."""
    state: EntryState = "filtered" if chosen.reason == "filtered" else "sampled_out"
    base = closed_again(old, reason) if old else Entry(state=state, generation=generation, judge_version=judge_version)
    return replace(
        base,
        state=state,
        generation=generation,
        failure=None,
        next_at_ms=0,
        unrenewed="",
        inclusion=chosen,
        judged_under=(base.judged_under or base.inclusion) if base.verdict else None,
    )


def resumed(old: Entry | None) -> Entry | None:
    """An entry whose judge reads the session again after a rule, or its removal, had set it aside: as it was."""
    if old is None or old.state not in _SET_ASIDE or old.verdict is None:
        return old
    return replace(old, state="judged", mlflow=False, inclusion=old.judged_under or old.inclusion, judged_under=None)


def unrenewed_by(rule: Rule, old: Entry | None, reason: CloseReason | None, last: CloseReason | None) -> Unrenewed:
    """Why the verdict that was given stays, though the session has gone on; "" if it is to be renewed.

    `reason` closes the session now, `last` did before. `final_only` renews at an explicit end, and where a limit had
    cut the session short. A judge that is at work on it already goes on.
    """
    if old is None or old.revision == 0 or old.state not in _STANDING:
        return ""
    if rule.rescore == "never":
        return "rescore_never"
    is_final = reason == "ended" or (last in INTERIM and reason not in INTERIM)
    if rule.rescore == "final_only" and not is_final:
        return "rescore_final_only"
    if rule.reopen_max is not None and old.revision > rule.reopen_max:
        return "reopen_max"
    return ""


def included(entry: Entry, chosen: Inclusion, generation: int, unrenewed: Unrenewed = "") -> Entry:
    """An entry that stays as it is. Row and feed are told again what else is to be known of it now."""
    told = entry.inclusion == chosen
    return replace(
        entry,
        generation=generation,
        inclusion=chosen,
        unrenewed=unrenewed,
        feed=entry.feed and told,
        mlflow=entry.mlflow and told and entry.unrenewed == unrenewed,
    )
