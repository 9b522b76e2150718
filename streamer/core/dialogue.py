"""A conversation that somebody has as a list of messages, as turns: `[{"role": "user", "content": "…"}, …]`.

Rule: a user's message after an answer begins a turn. Ids and times are made up from the order, so that the same
messages are always the same transcript.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streamer.core.ids import digest
from streamer.core.turn import ToolEvent, Turn

ROLES = ("system", "developer", "user", "assistant", "tool")
TURN_NS = 1_000_000_000


@dataclass(slots=True)
class _Heard:
    """One turn, as far as it was read."""

    user: list[str] = field(default_factory=list)
    assistant: list[str] = field(default_factory=list)
    tools: list[ToolEvent] = field(default_factory=list)


def turns_of_messages(session_id: str, messages: Iterable[Mapping[str, Any]]) -> dict[str, Turn]:
    """By trace id. Of an answer in several messages the last stands; tools are those that OpenAI's `tool_calls` and
    `tool` messages name. ValueError names the message that is none."""
    heard, system, called = [_Heard()], list[str](), dict[str, tuple[str, str]]()
    for number, message in enumerate(messages):
        role, text = _role(message, number), _text(message.get("content"))
        if role in ("system", "developer"):
            system.append(text)
            continue
        if role == "user" and heard[-1].assistant:
            heard.append(_Heard())
        turn = heard[-1]
        if role == "user":
            turn.user.append(text)
        elif role == "tool":
            name, arguments = called.get(str(message.get("tool_call_id")), (str(message.get("name", "tool")), ""))
            turn.tools.append(ToolEvent(name=name, arguments=arguments, result=text))
        else:
            called |= _calls(message)
            turn.assistant += [text] if text else []
    told = [one for one in heard if one.user or one.assistant or one.tools]
    made = [_turn(session_id, number, one, system) for number, one in enumerate(told)]
    return {turn.trace_id: turn for turn in made}


def _turn(session_id: str, number: int, heard: _Heard, system: list[str]) -> Turn:
    return Turn(
        trace_id=digest(("transcript", session_id, str(number))).hex()[:32],
        version=0,
        start_ns=(number + 1) * TURN_NS,
        end_ns=(number + 1) * TURN_NS + TURN_NS // 2,
        user="\n".join(heard.user) or None,
        assistant=heard.assistant[-1] if heard.assistant else None,
        system="\n".join(system) or None if number == 0 else None,
        tools=tuple(heard.tools),
        session_id=session_id,
        unscorable=None if any(heard.user) or any(heard.assistant) else "no_content",
    )


def _role(message: Mapping[str, Any], number: int) -> str:
    role = message.get("role")
    if role not in ROLES:
        raise ValueError(f"message {number} has the role {role!r}; known are {', '.join(ROLES)}")
    return str(role)


def _text(content: object) -> str:
    """What is said: text, or the text parts of a list of parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    said = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    return "\n".join(text for text in said if isinstance(text, str))


def _calls(message: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Name and arguments of what the assistant has called, by the call's id."""
    found = {}
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        given = function.get("arguments", "")
        arguments = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        found[str(call.get("id"))] = (str(function.get("name", "tool")), arguments)
    return found
