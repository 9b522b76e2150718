"""Rules and what they did, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from streamer.cli.text import Text
from streamer.core.ledger import Entry
from streamer.core.rules import Rule
from streamer.core.words import lasting

if TYPE_CHECKING:
    from streamer.settings import Settings

RESCORES = {"every_pause": "", "final_only": "renewed only when it is final", "never": "never renewed"}
UNRENEWED = {
    "rescore_never": "later turns are not judged: the rule never renews a verdict",
    "rescore_final_only": "later turns are judged when the session is ended",
    "reopen_max": "later turns are not judged: it was renewed as often as the rule allows",
}
REASONS = {
    "all": "every session of the rule is judged",
    "error": "judged because of an error",
    "thumbs_down": "judged because of a thumbs-down",
}


def show_rules(console: Console, settings: Settings) -> None:
    """In the order in which they are tried, with what [sessions] adds."""
    table = Table("rule", "sessions", "what it does")
    for rule in settings.core_rules():
        table.add_row(Text(rule.name), Text(of_which(rule)), Text(in_words(rule)))
    console.print(table)
    console.print(Text(f"hash of judges and rules: {settings.terms().hash}"))


def of_which(rule: Rule) -> str:
    """The conditions; all others where it has none."""
    named = ((name, getattr(rule, name)) for name in ("tenant", "service", "agent", "environment"))
    said = [f"{name} = {value}" for name, value in (*named, *rule.attributes) if value is not None]
    return " and ".join(said) or "all others"


def rule_line(rule: Rule, *, is_read: bool) -> str:
    """`is_read`: a claim has kept turns of the session; before, nobody knows what it is."""
    if is_read:
        return f"rule {rule.name}: {in_words(rule)}"
    return f"rule {rule.name}, unless its turns turn out to fall under another: no claim has read them yet"


def in_words(rule: Rule) -> str:
    return ", ".join(_words(rule))


def _words(rule: Rule) -> Iterator[str]:
    yield f"closes after {lasting(rule.idle_gap_ms)}"
    yield f"{lasting(rule.settle_ms)} after an end, at the latest after {lasting(rule.max_age_ms)}"
    if rule.max_turns is not None:
        yield f"at {rule.max_turns} turns"
    if rule.max_bytes is not None:
        yield f"at {rule.max_bytes} bytes"
    if rule.judges is not None:
        yield f"judged by {', '.join(rule.judges)}" if rule.judges else "not judged"
    if rule.sampling < 1:
        always = f" and those with {' or '.join(rule.always_judge)}" if rule.always_judge else ""
        yield f"{rule.sampling:.3g} of the sessions{always}"
    if RESCORES[rule.rescore]:
        yield RESCORES[rule.rescore]
    if rule.reopen_max is not None:
        yield f"renewed at most {rule.reopen_max} times"


def left_out(entry: Entry) -> str:
    """Why a judge does not read the session."""
    chosen = entry.inclusion
    stands = f"; its last verdict, {entry.verdict.value}, stands" if entry.verdict else ""
    if entry.state == "filtered":
        return f"not asked: the rule {chosen.rule} does not name it{stands}"
    return f"not asked: not in the share of {chosen.probability:.3g} that the rule {chosen.rule} judges{stands}"


def why_included(entry: Entry) -> str:
    """And why the verdict is not of all turns, if it is not."""
    chosen = entry.inclusion
    why = REASONS.get(chosen.reason, f"in the share of {chosen.probability:.3g}") + f" (rule {chosen.rule})"
    return f"{why}; {UNRENEWED[entry.unrenewed]}" if entry.unrenewed else why
