"""The page "03:00, the page fires" of docs/operations.md is right: every command of it is run, in its order and as it
stands there, in the middle of an episode."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from streamer.embedded.demo.pager import Pager
from streamer.embedded.demo.refunds import AGENT
from streamer.embedded.demo.spike import Spike
from streamer.embedded.demo.stage import Stage
from tests.test_operations import SECTIONS

(PAGE,) = (section for section in SECTIONS if section.startswith("03:00, the page fires"))
COMMANDS = re.findall(r"`(streamer [^`]+)`", PAGE.replace(re.findall(r"```.*?```", PAGE, re.DOTALL)[0], ""))


def test_the_page_has_commands_to_look_to_mute_and_to_end_it() -> None:
    said = " ".join(COMMANDS)
    for words in ("alerts list", "series", "explain", "alerts mute", "alerts unmute", "alerts accept", "alerts test"):
        assert f"streamer {words}" in said


@pytest.mark.slow
def test_every_command_of_the_page_works_in_the_middle_of_an_episode(stage: Stage, tmp_path: Path) -> None:
    with Pager(stage, AGENT).open() as pager:
        spike = Spike(stage, pager)
        spike.hold_history()
        spike.tell_history()
        notice = spike.break_refunds()
        names = {"EPISODE": notice.episode, "RULE": notice.rule, "SESSION": notice.examples[0].session_id}
        said = {}
        for command in COMMANDS:
            real = re.sub(r"\b(EPISODE|RULE|SESSION)\b", lambda found: names[found[1]], command)
            streamer = f"{shlex.quote(sys.executable)} -m streamer"
            wired = re.sub(r"^streamer (.*?)( >|$)", rf"{streamer} \1 -c {shlex.quote(str(pager.config))}\2", real)
            done = subprocess.run(
                wired, shell=True, cwd=tmp_path, env=stage.environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
            said[command] = done.stdout
        ended = pager.run("alerts", "list", "--all")
    assert notice.episode in said["streamer alerts list"]
    assert AGENT in said["streamer series"]
    assert "unresolved" in said["streamer explain SESSION"]
    assert re.search(rf"{notice.episode}.*resolved", ended)
