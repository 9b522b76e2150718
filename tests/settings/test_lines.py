"""Every key of the file knows its line, or says only the file."""

import tomllib

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from streamer.settings import shown
from streamer.settings.lines import origins_of
from tests.settings.conftest import Given

FILE = '''# [kafka]
[kafka] # bootstrap = "x"
bootstrap = "a:1"
options = { "security.protocol" = "SSL", "ssl.ca.location" = "/ca" }

[[sources]]
topics = [
  "a",  # start = "now"
  "b",
]
start = "beginning"
[[judges]]
type = "make_judge"
instructions = """
[[judges]]
model = "no"
{{ conversation }}"""
name = "n"
[[judges]]
type = "user_frustration"
model = "m:/1"
  [judges.parameters]
  temperature = 0
[[rules]]
  "idle_gap_ms" = "1m"
[sessions]
settle_ms=1
'''


def test_every_setting_of_the_file_is_shown_with_its_line(given: Given) -> None:
    lines = {line.setting: line.origin for line in shown(given.loads(FILE))}
    assert {key: origin for key, origin in lines.items() if origin != "default"} == {
        "kafka.bootstrap": "streamer.toml:3",
        "kafka.options": "streamer.toml:4",
        "sources[0].topics": "streamer.toml:7",
        "sources[0].start": "streamer.toml:11",
        "judges[0].type": "streamer.toml:13",
        "judges[0].instructions": "streamer.toml:14",
        "judges[0].name": "streamer.toml:18",
        "judges[1].type": "streamer.toml:20",
        "judges[1].model": "streamer.toml:21",
        "judges[1].parameters": "streamer.toml:22",
        "rules[0].idle_gap_ms": "streamer.toml:25",
        "sessions.settle_ms": "streamer.toml:27",
    }


def test_an_error_names_the_line(given: Given) -> None:
    said = given.refused(FILE.replace('model = "m:/1"', "model = 1"))
    assert said == "judges[1].model (streamer.toml:21) must be text in quotes"
    said = given.refused('[[rules]]\ntenant = "a"\n\n[[judges]]\nname = "n"')
    assert said == "judges[0].type (streamer.toml:4) is missing; add it"


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("judges = [{type = 1}, {type = 2}]", {"judges": "f:1", "judges[1]": "f:1", "judges[1].type": "f:1"}),
        ("judges = [\n{type = 1},\n{type = 2}]", {"judges": "f:1", "judges[0].type": "f", "judges[1].type": "f"}),
        ('a = {b = """\n""", c = 1}', {"a": "f:1", "a.b": "f:1", "a.c": "f"}),
        ("a.b = [\n]\na.c = 1", {"a.b": "f:1", "a.c": "f:3"}),
        ("\r\n[a.b]\r\nc = '''\r\nd = 1'''\r\ne = 2", {"a": "f", "a.b": "f:2", "a.b.c": "f:3", "a.b.e": "f:5"}),
        ("[[a]]\n[[a.b]]\n[[a.b]]\nx = 1\n[[a]]\n[[a.b]]\nx = 2", {"a[0].b[1].x": "f:4", "a[1].b[0].x": "f:7"}),
        ("a = '\u2028\u0085'\nb = 1", {"a": "f:1", "b": "f:2"}),
    ],
)
def test_only_the_file_is_said_where_the_line_is_not_certain(text: str, origins: dict[str, str]) -> None:
    found = origins_of(text, tomllib.loads(text), "f")
    assert {key: found[key] for key in origins} == origins


PIECES = {
    "comment": '# k = 1 """ [[l]]',
    "blank": " \t",
    "plain": "k{n} = 1 # [t]",
    "quoted": '"k{n}" = \'"""\'',
    "long": 'k{n} = """\n[t]\nk = 1\n\\""" ]\n"""',
    "raw": "k{n} = '''[[l]]\n# '' \n'''",
    "list": "k{n} = [ # ]\n  [1, 2],\n  ']',\n]",
    "inline": "k{n} = {{ x = 1, y = {{ z = 2 }} }}",
    "table": "[t{n}]",
    "entry": "[[l]]",
}


@drawn(st.lists(st.sampled_from(sorted(PIECES)), max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_the_line_is_right_whatever_stands_around(kinds: list[str], newline: str) -> None:
    lines: list[str] = []
    expected: dict[str, str] = {}
    table, entries = "", 0
    for n, kind in enumerate(kinds):
        here = f"f:{len(lines) + 1}"
        if kind in ("table", "entry"):
            table = f"t{n}" if kind == "table" else f"l[{entries}]"
            entries += kind == "entry"
            expected[table] = here
        elif kind not in ("comment", "blank"):
            key = f"{table}.k{n}".removeprefix(".")
            expected[key] = here
            if kind == "inline":
                expected |= dict.fromkeys([f"{key}.x", f"{key}.y", f"{key}.y.z"], here)
        lines += PIECES[kind].format(n=n).split("\n")
    text = newline.join(lines)
    found = origins_of(text, tomllib.loads(text), "f")
    assert {key: origin for key, origin in found.items() if key != "l"} == expected
