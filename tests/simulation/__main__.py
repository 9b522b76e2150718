"""Run seeds of the whole system, or prove that a planted mistake is found.

    python -m tests.simulation --seeds 2000                 seeds 0..1999
    python -m tests.simulation --seconds 30                 fresh seeds for so long
    python -m tests.simulation --seed 17 [--plant NAME]     one seed, with its story
    python -m tests.simulation --planted no_retraction      exits 0 when the mistake is found
    python -m tests.simulation --planted all                the table of seeds needed

The last line is `N seeds, 0 violations`; else the exit code is 1 and each violation has the command that replays it.
"""

import argparse
import multiprocessing
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count

from tests.simulation.cluster import run
from tests.simulation.planted import PLANTS

RARE = (
    "MLflow has no trace of the session",
    "a call happened long after it had failed",
    "a claim put its session back",
    "a fail-over lost a claim",
    "a judge failed for good",
    "a parked trace expired",
    "a partition was added",
    "a partition waited for the slowest",
    "a row stands on the next earliest trace",
    "a saved answer was used again",
    "a judge was filtered",
    "a session was erased",
    "a session was sampled out",
    "a verdict stands of a judge that was left out",
    "a verdict was not renewed",
    "an interim verdict became the last word",
    "another intent was open at begin",
    "closed by an end",
    "closed by its number of turns",
    "closed by maximum age",
    "closed by the length of what was said",
    "fail-over",
    "first trace moved after a write",
    "ingest sought back after a fail-over",
    "judged because of an error",
    "lease lost between answer and write",
    "re-opened and judged again",
    "retraction",
    "stale completion",
    "the configuration changed",
    "the feed went on while MLflow was down",
    "the first trace was awaited",
)
RARE_SEEDS_MIN = 2_000
"""From so many seeds on, a rare state that was never reached fails the run."""
PLANT_SEEDS_MAX = 4_000

Job = tuple[int, str | None]
Result = tuple[int, dict[str, str], Counter[str]]


def outcome(job: Job) -> Result:
    seed, plant = job
    world = run(seed, PLANTS[plant].parts() if plant else None)
    return seed, world.broken, Counter(world.rare.keys())


def results(jobs: Iterable[Job]) -> Iterator[Result]:
    with multiprocessing.Pool() as pool:
        yield from pool.imap_unordered(outcome, jobs, chunksize=4)


def search(seeds: Iterable[int], seconds: float | None) -> int:
    """Print what was found; 1 if anything was."""
    began, done, violations = time.monotonic(), 0, 0
    rare: Counter[str] = Counter()

    def jobs() -> Iterator[Job]:
        for seed in seeds:
            if seconds is not None and time.monotonic() - began > seconds:
                return
            yield seed, None

    for seed, broken, seen in results(jobs()):
        done += 1
        rare.update(seen)
        for law, what in broken.items():
            violations += 1
            print(f"{law}: {what}\n    replay: python -m tests.simulation --seed {seed}")
        if done % 500 == 0:
            print(f"{done} seeds, {violations} violations, {time.monotonic() - began:.0f} s", flush=True)
    never = [state for state in RARE if not rare[state]]
    for state in RARE:
        print(f"{rare[state]:7} seeds reached: {state}")
    if never and done >= RARE_SEEDS_MIN:
        print("never reached:", "; ".join(never))
        violations += 1
    print(f"{done} seeds, {violations} violations")
    return int(violations > 0)


def find(name: str, seeds_max: int) -> tuple[int, str] | None:
    """(seeds needed, the law that found it)."""
    expected = set(PLANTS[name].law.split())
    for needed, (_, broken, _) in enumerate(results((seed, name) for seed in range(seeds_max)), start=1):
        if found := expected & set(broken):
            return needed, ", ".join(sorted(found))
    return None


def prove(names: Iterable[str], seeds_max: int) -> int:
    missed = 0
    for name in names:
        found = find(name, seeds_max)
        missed += found is None
        verdict = f"found by {found[1]} within {found[0]} seeds" if found else f"NOT FOUND in {seeds_max} seeds"
        print(f"{name:22} {verdict:40} {PLANTS[name].mistake}", flush=True)
    return int(missed > 0)


def tell(seed: int, plant: str | None) -> int:
    world = run(seed, PLANTS[plant].parts() if plant else None, telling=True)
    for moment in world.story:
        print(*moment)
    for law, what in world.broken.items():
        print(f"{law}: {what}")
    print(f"1 seeds, {len(world.broken)} violations")
    return int(bool(world.broken))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=500, help="how many seeds (default 500)")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, help="fresh seeds for so long, instead of --seeds")
    parser.add_argument("--seed", type=int, help="one seed, with its story")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="with --seed: under this mistake")
    parser.add_argument("--planted", metavar="NAME", help="exit 0 when this mistake is found; `all` for the table")
    parser.add_argument("--seeds-max", type=int, default=PLANT_SEEDS_MAX, help="with --planted: give up after so many")
    args = parser.parse_args()
    if args.planted:
        if args.planted != "all" and args.planted not in PLANTS:
            parser.error(f"no such plant; there are {', '.join(PLANTS)}")
        return prove(PLANTS if args.planted == "all" else [args.planted], args.seeds_max)
    if args.seed is not None:
        return tell(args.seed, args.plant)
    first = secrets.randbelow(10**9) if args.seconds else args.first_seed
    print(f"seeds from {first}", flush=True)
    return search(count(first) if args.seconds else range(first, first + args.seeds), args.seconds)


if __name__ == "__main__":
    sys.exit(main())
