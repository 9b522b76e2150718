"""Metrics: one closed list of names, and every call in the code keeps to it."""

import ast
from pathlib import Path

import pytest

import streamer
from streamer.adapters.prometheus_metrics import PrometheusMetrics
from streamer.metrics import METRICS, PREFIX

KINDS = {"count": "counter", "gauge": "gauge", "observe": "histogram"}


def calls_in(path: Path) -> list[tuple[str, str, frozenset[str]]]:
    """(method, metric, label names) of every `….metrics.count("name", …)` in a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in KINDS):
            continue
        if ast.unparse(node.func.value).endswith("metrics"):
            assert isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}: the name must be written out"
            labels = frozenset(keyword.arg for keyword in node.keywords if keyword.arg and keyword.arg != "by")
            found.append((node.func.attr, str(node.args[0].value), labels))
    return found


CALLS = [(path, *call) for path in sorted(Path(streamer.__file__).parent.rglob("*.py")) for call in calls_in(path)]


def test_calls_are_found_at_all() -> None:
    assert len(CALLS) > 30


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[0].stem}-{call[2]}")
def test_every_call_in_the_code_names_a_metric_of_its_kind_with_its_labels(
    call: tuple[Path, str, str, frozenset[str]],
) -> None:
    path, method, name, labels = call
    assert name in METRICS, f"{path}: add {name} to streamer/metrics.py"
    assert METRICS[name].kind == KINDS[method]
    assert set(METRICS[name].labels) == labels


def test_every_metric_is_told_by_somebody() -> None:
    """One that always stands at 0 would be a false statement."""
    assert set(METRICS) == {name for _, _, name, _ in CALLS}


def test_what_was_told_stands_in_the_registry() -> None:
    metrics = PrometheusMetrics()
    metrics.count("closings", reason="quiet")
    metrics.count("closings", 2, reason="quiet")
    metrics.gauge("paused", 1)
    metrics.observe("model_call_seconds", 0.2, judge="j")
    value = metrics.registry.get_sample_value
    assert value(f"{PREFIX}closings_total", {"reason": "quiet"}) == 3
    assert value(f"{PREFIX}paused") == 1
    assert value(f"{PREFIX}model_call_seconds_count", {"judge": "j"}) == 1


def test_an_unknown_name_a_wrong_kind_and_a_wrong_label_are_refused() -> None:
    metrics = PrometheusMetrics()
    with pytest.raises(KeyError):
        metrics.count("surprises")
    with pytest.raises(ValueError, match="is a counter, not a gauge"):
        metrics.gauge("releases", 1)
    with pytest.raises(ValueError, match="has labels"):
        metrics.count("closings", session="s")


def test_two_registries_do_not_meet() -> None:
    one, two = PrometheusMetrics(), PrometheusMetrics()
    one.count("releases")
    assert two.registry.get_sample_value(f"{PREFIX}releases_total") == 0
