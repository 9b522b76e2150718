"""Which rules a history is run through."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain, count

from streamer.core.alerts.rule import BAD_LABELS, AlertRule, bad_of
from streamer.errors import ConfigurationError
from streamer.settings import Settings


def rules_for(
    settings: Settings, names: Iterable[str], judges: Mapping[str, set[str]], inline: Iterable[AlertRule]
) -> list[AlertRule]:
    """Those that were asked for; else all of [[alerts]]; else one for every judge of the history whose bad labels are
    known or can be read off its answers."""
    configured = {rule.name: rule for rule in settings.alert_rules()}
    asked = [_named(configured, name) for name in names] + list(inline)
    if asked or settings.alerts:
        return [_labelled(rule, judges) for rule in _told_apart(asked or configured.values())]
    known = {rule.judge for rule in configured.values()}
    more = [
        AlertRule(name=f"{judge}-spike", judge=judge, labels=BAD_LABELS.get(judge, ()))
        for judge in sorted(judges)
        if judge not in known
    ]
    rules = [_labelled(rule, judges) for rule in (*configured.values(), *more)]
    return [rule for rule in rules if rule.labels]


def _told_apart(rules: Iterable[AlertRule]) -> list[AlertRule]:
    """A second one of the same name is called …-2: limits are tried beside each other. The same rule twice is one."""
    found: dict[str, AlertRule] = {}
    for rule in dict.fromkeys(rules):
        name = next(one for one in chain([rule.name], (f"{rule.name}-{n}" for n in count(2))) if one not in found)
        found[name] = replace(rule, name=name)
    return list(found.values())


def _labelled(rule: AlertRule, judges: Mapping[str, set[str]]) -> AlertRule:
    """With labels that the history's judge gives, where the rule's are a default that it never gives: other judges may
    go by the name of one of MLflow's."""
    said = judges.get(rule.judge, set())
    is_default = rule.labels in ((), BAD_LABELS.get(rule.judge, ()))
    if not said or said & set(rule.labels) or not is_default:
        return rule
    return replace(rule, labels=bad_of(said, rule.judge) or rule.labels)


def _named(configured: Mapping[str, AlertRule], name: str) -> AlertRule:
    if name not in configured:
        known = ", ".join(configured) or "none"
        raise ConfigurationError(f"--rule {name}: no rule is called so (known: {known}); or write judge=…,kind=spike")
    return configured[name]
