"""[[alerts]]: what is refused, and what it comes to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from streamer.errors import ConfigurationError
from streamer.settings import Settings, load

JUDGE = '[[judges]]\ntype = "user_frustration"\n'
OWN = '[[judges]]\ntype = "make_judge"\nname = "tone"\ninstructions = "{{ conversation }}"\n'
Loading = Callable[[str], Settings]


@pytest.fixture
def loading(tmp_path: Path) -> Loading:
    def read(text: str) -> Settings:
        file = tmp_path / "streamer.toml"
        file.write_text(text)
        return load(file, {})

    return read


def test_without_a_table_each_judge_whose_bad_labels_are_known_has_a_rule(loading: Loading) -> None:
    rules = loading(JUDGE + '[[judges]]\ntype = "conversational_safety"\nname = "safe"\n' + OWN).alert_rules()
    assert [(rule.name, rule.labels, rule.kind, rule.severity) for rule in rules] == [
        ("user_frustration-spike", ("unresolved",), "spike", "warn"),
        ("safe-spike", ("no",), "spike", "warn"),
    ]


@pytest.mark.parametrize(
    ("more", "labels"),
    [
        ('labels = ["yes", "no"]\n', ("no", "false")),
        ('value_type = "bool"\n', ("false",)),
        ('labels = ["polite", "rude"]\n', ()),
        ("", ()),
    ],
)
def test_labels_of_ones_own_judge(loading: Loading, more: str, labels: tuple[str, ...]) -> None:
    assert [rule.labels for rule in loading(OWN + more).alert_rules()] == ([labels] if labels else [])


def test_a_table_is_a_rule(loading: Loading) -> None:
    (rule,) = loading(
        JUDGE + '[[alerts]]\njudge = "user_frustration"\nlabels = ["Unresolved", "resolved"]\nagent = "bot"\n'
        'kind = "limit"\nlimit = 0.2\nwindow_ms = "30m"\nseverity = "critical"\n'
    ).alert_rules()
    assert (rule.name, rule.labels) == ("user_frustration-limit", ("unresolved", "resolved"))
    assert (rule.limit_share, rule.window_ms, rule.severity, rule.agent) == (0.2, 1_800_000, "critical", "bot")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('judge = "user_frustation"', "names no judge; did you mean user_frustration?"),
        ('judge = "user_frustration"\nkind = "limit"', "needs limit = 0.2"),
        ('judge = "user_frustration"\nlimit = 0.2', 'has limit, which only kind = "limit" reads'),
        ('judge = "user_frustration"\nkind = "version"\nversion = "2"', "compares versions and names only one"),
        ('judge = "user_frustration"\nconversations_per_false_alarm = 5', "conversations_per_false_alarm"),
        ('judge = "tone"', "alerts[0] has no labels"),
        ('judge = "user_frustration"\n[[alerts]]\njudge = "user_frustration"', "have the same name"),
    ],
)
def test_what_could_never_raise_anybody_is_refused(loading: Loading, table: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        loading(JUDGE + OWN + "[[alerts]]\n" + table + "\n")
    assert said in str(error.value)


def test_a_label_that_the_judge_never_gives_is_refused(loading: Loading) -> None:
    table = '[[alerts]]\njudge = "tone"\nlabels = ["rud"]\n'
    with pytest.raises(ConfigurationError, match="has one that tone never gives; it gives polite, rude"):
        loading(OWN + 'labels = ["polite", "rude"]\n' + table)
