"""What `[[alerts]]` and `[[judges]]` must agree on; relations.py says how such a sentence reads."""

from collections.abc import Iterator
from itertools import combinations

from streamer.core.alerts.rule import as_label, labels_of
from streamer.core.judges import JudgeSpec
from streamer.settings.known import nearest
from streamer.settings.rule_relations import at
from streamer.settings.tables import Settings


def alerts(settings: Settings) -> Iterator[str]:
    specs = {spec.name: spec for spec in settings.judge_specs()}
    for (a, one), (b, other) in combinations(enumerate(settings.alerts), 2):
        if one.rule_name == other.rule_name:
            yield f"alerts[{a}] and alerts[{b}] have the same name: their episodes would mix; set name"
    for n, table in enumerate(settings.alerts):
        spec = specs.get(table.judge)
        if spec is None:
            near = nearest(table.judge, list(specs))
            known = f"did you mean {near}?" if near else f"known are {', '.join(specs)}"
            yield f"{at(settings, f'alerts[{n}].judge')} names no judge; {known}"
        elif not table.labels and not labels_of(spec):
            yield (
                f"alerts[{n}] has no labels, and which of {table.judge}'s are bad is not known: set labels = [...] to "
                "those that count"
            )
        else:
            yield from _never(settings, n, table.labels, spec)


def _never(settings: Settings, n: int, labels: tuple[object, ...], spec: JudgeSpec) -> Iterator[str]:
    """A label that the judge never gives would never be counted."""
    if not spec.labels:
        return
    given = {as_label(label) for label in spec.labels}
    for label in labels:
        if isinstance(label, bool | int | float | str) and as_label(label) not in given:
            known = ", ".join(sorted(given))
            yield f"{at(settings, f'alerts[{n}].labels')} has one that {spec.name} never gives; it gives {known}"
