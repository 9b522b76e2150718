"""An alert in words: a title of one line, and lines below it.

Rule: what users and judges said is data. It is made one line, without control characters, and where a channel reads
markup that is taken out too: an alert must not be able to call a channel, hide a link or colour a terminal.
"""

import re
import unicodedata

from streamer.core.alerts.notice import MINUTE_MS, Notice
from streamer.core.alerts.story import Example
from streamer.core.words import clock, lasting

TITLE_CHARS_MAX = 200
_BREAKS = frozenset("\u2028\u2029")
_CALLS = re.compile(r"(?<!\w)@(?=\w)")
"""Of everybody, and of one person: Mattermost, Telegram and Discord know them without any markup."""
_LINK = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*)://")
_WWW = re.compile(r"(?i)\bwww\.(?=\w)")
_MARKUP = str.maketrans({"<": "‹", ">": "›", "&": "＆", "*": "∗", "`": "ˋ", "[": "［", "]": "］", "|": "¦"})
"""Look-alikes, so that the words stay readable in Slack's mrkdwn, in Markdown and in HTML alike."""


def plain(text: str) -> str:
    """One line that can only be read: control, format (bidirectional overrides, zero width) and line characters become
    a space."""
    kept = (
        " " if char in _BREAKS or unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char
        for char in text
    )
    return " ".join("".join(kept).split())


def inert(text: str) -> str:
    """`plain`, and nothing in it that a chat would act on: no mention, no link, no markup."""
    said = _CALLS.sub("@\u200b", plain(text).translate(_MARKUP))
    return _WWW.sub("www. ", _LINK.sub(r"\1: //", said))


def title(notice: Notice) -> str:
    name = inert(notice.key.title)
    if notice.kind == "test":
        return "TEST: streamer reaches this channel; nothing has happened"
    if notice.kind == "resolve":
        how = {"new_normal": "accepted as the new normal", "silent": "no conversations any more"}
        now = "" if notice.share_after is None else f"now {notice.share_after:.0%}, "
        was = f"{now}it was {notice.share:.0%} instead of {notice.baseline:.0%}"
        return f"resolved: {name}, {how.get(notice.ending, was)}"[:TITLE_CHARS_MAX]
    if notice.kind == "ask":
        asked = f"the new normal? still {notice.share:.0%} instead of {notice.baseline:.0%} after days: {name}"
        return asked[:TITLE_CHARS_MAX]
    head = f"{notice.severity}: {name}: {notice.share:.0%} instead of {notice.baseline:.0%}"
    return head[:TITLE_CHARS_MAX]


def _figures(notice: Notice) -> str:
    low, high = notice.interval
    counted = f"{notice.hits} of {notice.conversations} conversations ({low:.0%} to {high:.0%})"
    if notice.kind == "resolve" and notice.resolved_at_ms is not None:
        lasted = lasting(max(0, notice.resolved_at_ms - notice.since_ms))
        return f"From {clock(notice.since_ms)} to {clock(notice.resolved_at_ms)}, {lasted}; raised at {counted}."
    return f"{counted} since {clock(notice.since_ms)}; noticed after {lasting(int(notice.minutes * MINUTE_MS))}."


def _example(example: Example) -> str:
    """The user's words; the judge's only where those are not known."""
    name = f"session {inert(example.session_id)}"
    if example.quote:
        return f"{name}{f', turn {example.turn}' if example.turn else ''}: “{inert(example.quote)}”"
    return f"{name}; the judge: {inert(example.reason)}" if example.reason else name


def lines(notice: Notice) -> list[str]:
    """What stands below the title; every line is inert."""
    if notice.kind == "test":
        return ["Sent by: streamer alerts send-test"]
    said = [_figures(notice)]
    if notice.explained_by:
        part = notice.explained_by
        said.append(
            f"{inert(part.dimension)} {inert(part.value)} explains {part.explains:.0%} of it with {part.traffic:.0%} "
            f"of the traffic ({part.hits} of {part.judged})."
        )
    if notice.new_version and notice.new_version_since_ms is not None:
        said.append(f"version {inert(notice.new_version)} is new: first seen {clock(notice.new_version_since_ms)}.")
    said += [f"{one.named_by} of {one.of} judges' reasons name: {inert(one.words)}." for one in notice.reasons]
    said += [_example(example) for example in notice.examples]
    if notice.late_ms is not None:
        said.append(f"At this traffic such an alert can be {lasting(notice.late_ms)} late.")
    said.append(f"rule {inert(notice.rule)}, episode {notice.episode}: streamer alerts list | mute {notice.episode}")
    return said
