"""Rules that contradict each other, [sessions] or [[judges]]."""

from collections.abc import Iterator

from streamer.core.rules import Rule
from streamer.core.words import lasting
from streamer.settings.known import nearest
from streamer.settings.rules import DEFAULT_RULE, name_of
from streamer.settings.tables import Settings


def paces(settings: Settings) -> Iterator[str]:
    """Durations of each rule, inherited ones included."""
    s = settings.sessions
    for key, rule in _rules(settings):
        own = {name: _own(settings, key, name) for name in ("idle_gap_ms", "settle_ms", "max_age_ms")}
        if rule.settle_ms >= rule.idle_gap_ms:
            yield (
                f"{own['settle_ms']}, {lasting(rule.settle_ms)}, must be shorter than {own['idle_gap_ms']}: an "
                f"explicit end would close a session no sooner than silence; set it below {lasting(rule.idle_gap_ms)}"
            )
        if rule.max_age_ms <= rule.idle_gap_ms:
            yield (
                f"{own['max_age_ms']} must be longer than {own['idle_gap_ms']}: sessions would be cut before they "
                f"can fall quiet; set it above {lasting(rule.idle_gap_ms)}"
            )
        if s.trace_timeout_ms < rule.idle_gap_ms:
            yield (
                f"{at(settings, 'sessions.trace_timeout_ms')} must be at least {own['idle_gap_ms']}: a trace "
                "without its root keeps its session open longer than a whole one, never shorter; raise it"
            )


def sizes(settings: Settings) -> Iterator[str]:
    """What may close a session before it is everybody's."""
    for key, rule in _rules(settings):
        if rule.max_turns is not None and rule.max_turns >= settings.sessions.traces_max:
            yield (
                f"{_own(settings, key, 'max_turns')} must be below {at(settings, 'sessions.traces_max')}: a session "
                "with so many traces is everybody's and not judged at all; lower it"
            )


def _rules(settings: Settings) -> Iterator[tuple[str, Rule]]:
    """[sessions] first, then each rule."""
    *rules, default = settings.core_rules()
    yield "sessions", default
    yield from ((f"rules[{n}]", rule) for n, rule in enumerate(rules))


def names(settings: Settings) -> Iterator[str]:
    """Of rules and of the judges that they name."""
    judges = [judge.row_name for judge in settings.judges]
    seen: dict[str, int] = {}
    for n, rule in enumerate(settings.rules):
        name = name_of(rule, n)
        if name == DEFAULT_RULE:
            yield f"{at(settings, f'rules[{n}].name')} is what [sessions] is called; choose another"
        if name in seen:
            yield f"rules[{seen[name]}] and rules[{n}] have the same name: nobody could tell which matched; set name"
        seen[name] = n
        for m, judge in enumerate(rule.judges or ()):
            if judge not in judges:
                near = nearest(judge, judges)
                known = f"did you mean {near}?" if near else f"known are {', '.join(judges)}"
                yield f"{at(settings, f'rules[{n}].judges')} names no judge with its entry {m + 1}; {known}"


def order(settings: Settings) -> Iterator[str]:
    """What can never match, or never happen."""
    for n, rule in enumerate(settings.rules):
        if rule.is_for_all and n + 1 < len(settings.rules):
            yield (
                f"{at(settings, f'rules[{n}]')} has no condition, so that rules[{n + 1}] could never "
                "match; put it last, or give it a condition"
            )
        if rule.reopen_max and rule.rescore == "never":
            yield (
                f"{at(settings, f'rules[{n}].reopen_max')} renews verdicts, and rescore is never; take one of the "
                "two out"
            )


def _own(settings: Settings, key: str, name: str) -> str:
    """The rule's own setting, or that of [sessions] where it says none."""
    table = settings.rules[int(key[6:-1])] if key.startswith("rules[") else None
    return at(settings, f"sessions.{name}" if table is None or getattr(table, name) is None else f"{key}.{name}")


def at(settings: Settings, key: str) -> str:
    """A setting's name, and where its value comes from."""
    return f"{key} ({settings.origin(key)})"
