"""A storm over streamer's real processes, judged from outside.

    python -m tests.storm --sessions 300 --minutes 2 --seed 7 [--report FILE]

Two ingest and two judge processes; every second one that has lived its time is killed (-9); Kafka
and MLflow are killed and come back, and a Redis replica whose link was cut is promoted. Then the wind drops, and what
stands must be right. Exit code 1 names each violation. The seed chooses who says what when, and who is killed.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from typing import Any

from tests.storm import checker, explained, observed
from tests.storm.checker import Allowed, Report
from tests.storm.plan import Conversation, conversations
from tests.storm.stage import FEED, LETTERS, TOPIC, Stage

GAP_S = 4.0
EVERY_S = 30.0
"""One of the services meets with something that often."""
CALM_S = 240
"""For what was said last to be judged once the wind has dropped: leases, retries, first traces that came late."""
LOSS_MS = 10_000
"""redis_loss_window_ms, and what is read again and judged again after it."""
CALL_MS = 3_000
STORIES = 10


def blow(stage: Stage, r: random.Random, seconds: float, say: Callable[[str], None]) -> None:
    """Faults for so long, and until every service is back; services meet theirs beside the kills."""
    services = cycle([("Kafka", stage.restart_kafka), ("Redis", stage.fail_over), ("MLflow", stage.restart_mlflow)])
    end, next_s = time.monotonic() + seconds, time.monotonic() + EVERY_S / 2
    down: dict[str, threading.Thread] = {}
    failed: list[BaseException] = []

    def meet(name: str, fault: Callable[[], None]) -> None:
        try:
            fault()
            say(f"{name} is back")
        except BaseException as error:  # noqa: BLE001 – told by the main thread, which ends the storm
            failed.append(error)

    while (time.monotonic() < end or any(one.is_alive() for one in down.values())) and not failed:
        time.sleep(1)
        if overdue := stage.overdue():
            stage.kill(r.choice(overdue))
        if next_s < time.monotonic() < end:
            next_s = time.monotonic() + EVERY_S
            name, fault = next(services)
            if name not in down or not down[name].is_alive():  # one that is slow to come back holds up no other's
                down[name] = threading.Thread(target=meet, args=(name, fault))
                down[name].start()
    for one in down.values():
        one.join()
    if failed:
        raise failed[0]


def settled(stage: Stage, said: list[Conversation], say: Callable[[str], None]) -> None:
    """Returns when every row is right, or after CALM_S."""
    end = time.monotonic() + CALM_S
    while time.monotonic() < end:
        for role in stage.ended():
            say(f"a {role} process has ended by itself, and is started again")
        report = Report()
        checker.check_rows(report, said, observed.rows(stage.mlflow.url, stage.experiment))
        if not report.violations:
            return
        say(f"{len(report.violations)} sessions not right yet")
        time.sleep(5)


def judge(stage: Stage, said: list[Conversation], sent: list[dict[str, Any]], failed: list[str]) -> Report:
    report = Report()
    rows = observed.rows(stage.mlflow.url, stage.experiment)
    told = observed.told(stage.kafka.bootstrap, FEED)
    faults, allowed = stage.faults, Allowed(CALL_MS, LOSS_MS, GAP_S * 1000)
    checker.check_rows(report, said, rows)
    checker.check_feed(report, said, told, rows)
    breaking = [fault for fault in faults if fault.kind in ("kill judge", "failover")]
    checker.check_calls(report, observed.calls(stage.model_log), breaking, allowed)
    checker.check_time(report, sent, told, faults, allowed)
    checker.count_faults(report, faults)
    report.told_in_the_storm = len({one.event_id for one in told if one.scored_at_ms < faults[-1].ended_ms})
    report.dead_letters = len(observed.topic(stage.kafka.bootstrap, LETTERS))
    if report.dead_letters:
        report.violate("lost", "all", f"{report.dead_letters} good records are dead letters")
    for what in failed:
        report.violate("storm", "generator", what)
    explained.explain(report, stage.config, explained.eventful(told, STORIES), stage.home / "explained.txt")
    return report


def storm(home: Path, sessions: int, seconds: float, seed: int, say: Callable[[str], None]) -> Report:
    """What was found; the sessions to which most happened are explained in home/explained.txt."""
    said = conversations(seed, sessions, seconds * 0.8, GAP_S)
    chance = random.Random(f"kills {seed}")
    with Stage(home, int(GAP_S * 1000), chance, say) as stage:
        plan = {
            "seed": seed, "sessions": sessions, "seconds": seconds * 0.8, "gap_s": GAP_S, "topic": TOPIC,
            "kafka": stage.kafka.bootstrap, "mlflow": stage.mlflow.url, "experiment": stage.experiment,
            "began_ns": time.time_ns(),
        }  # fmt: skip
        (home / "plan.json").write_text(json.dumps(plan))
        with subprocess.Popen([sys.executable, "-m", "tests.storm.generator", str(home)]) as generator:
            try:
                blow(stage, chance, seconds, say)
                say("the wind drops")
                generator.wait(600)
            finally:
                generator.kill()
        settled(stage, said, say)
        sent = [json.loads(line) for line in (home / "sent.jsonl").read_text().splitlines()]
        return judge(stage, said, sent, json.loads((home / "sent.json").read_text())["failed"])


def table(report: Report) -> str:
    figures = {name: value for name, value in asdict(report).items() if isinstance(value, int)}
    lines = [f"  {name.replace('_', ' '):28} {value:>8,}" for name, value in figures.items()]
    lines += [f"  {'fault: ' + name:28} {value:>8,}" for name, value in report.faults.items()]
    shown = report.violations[:40]
    more = [f"  … and {len(report.violations) - len(shown)} more"] if len(report.violations) > len(shown) else []
    return "\n".join([*lines, *(f"  VIOLATION {what}" for what in shown), *more])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=Path(".cache/storm.json"))
    parser.add_argument("--home", type=Path, help="where logs and data are kept; default: a folder that goes")
    args = parser.parse_args()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # everything that was started goes with it

    def say(what: str) -> None:
        print(f"  {time.monotonic() - began:6.1f} s  {what}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        home = args.home or Path(folder)
        report = storm(home, args.sessions, args.minutes * 60, args.seed, say)
        args.report.parent.mkdir(parents=True, exist_ok=True)
        args.report.with_suffix(".txt").write_text((home / "explained.txt").read_text())
    how = {"seed": args.seed, "minutes": args.minutes, "took_s": round(time.monotonic() - began)}
    args.report.write_text(json.dumps({**how, **asdict(report)}, indent=2))
    print(table(report))
    print(f"  written to {args.report}; {STORIES} sessions explained in {args.report.with_suffix('.txt')}")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
