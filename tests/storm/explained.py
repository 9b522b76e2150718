"""What `streamer explain` says of the sessions to which most happened, and whether their exported cases replay."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.storm.checker import Report
from tests.storm.observed import Told


def eventful(told: Iterable[Told], count: int) -> list[str]:
    """Those that were claimed most often, by the highest token that the feed has of them."""
    claims: dict[str, int] = {}
    for one in told:
        claims[one.session] = max(claims.get(one.session, 0), one.token)
    return sorted(claims, key=lambda session: (-claims[session], session))[:count]


def explain(report: Report, config: Path, sessions: Iterable[str], into: Path) -> None:
    """One file of stories for people to read. A story that cannot be told, or replays otherwise, is a violation."""
    stories = []
    for number, session in enumerate(sessions):
        case = config.parent / f"case-{number}.json"
        asked = ["explain", session, "-c", str(config)]
        for command in (asked, [*asked, "--export", str(case)], ["replay", str(case)]):
            run = [sys.executable, "-m", "streamer", *command]
            done = subprocess.run(run, capture_output=True, text=True, timeout=120)
            stories.append(f"$ streamer {' '.join(command)}\n{done.stdout}")
            if done.returncode:
                what = f"streamer {command[0]} exits {done.returncode}: {done.stderr[-300:]}"
                report.violate("explain", session, what)
    into.write_text("\n".join(stories))
