"""Records what real SDKs send: tests/fixtures/wire/<name>-NN.bin and their expected results in the manifest.

    python tools/record/record.py NAME… | all      (NAME: a case, or a beginning of several)
    python tools/record/record.py --list
    python tools/record/record.py --lock ENVIRONMENT…   (resolve requirements/*.in anew)

Each case runs a program of programs/ in an environment of its own, made from a pinned list, against servers on
loopback. Everything stands under --home (/app), because SDKs write the paths of programs into spans and a fixture must
not name one machine. Run it with the project's .venv, which has uv and the OTLP schema.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cases_agents
import cases_clients
import cases_texts
import cases_tracing
from case import Case
from endpoints import Model, receiver, serve
from evidence import Trace, binary, strings_of, traces_of, turn_of, where
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HERE = Path(__file__).resolve().parent
_PLAIN: list[Case] = [*cases_tracing.CASES, *cases_agents.CASES, *cases_clients.CASES]
CASES: list[Case] = [*_PLAIN, *cases_texts.more_of(_PLAIN)]
FIXTURES = HERE.parent.parent / "tests" / "fixtures" / "wire"
KEY = "sk-never-on-the-wire"
PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
"""The system's: another one's path may be a machine's own."""


class Refused(Exception):
    """A case that gives no fixture; the others go on."""


@dataclass
class Recorded:
    """What one run of a program sent, and what it said."""

    traces: list[bytes] = field(default_factory=list)
    logs: list[bytes] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None, seconds: int = 480) -> None:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        raise Refused(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-600:]}")


def uv() -> str:
    return shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") or "uv"


def lock(environment: str) -> None:
    pins = HERE / "requirements" / environment
    if pins.is_dir():
        lockfile = ("--package-lock-only", "--omit-lockfile-registry-resolved")
        run("npm", "install", *lockfile, "--no-audit", "--no-fund", cwd=pins)
        return
    python = ("--python-version", "3.11", "--prerelease=if-necessary-or-explicit")
    run(uv(), "pip", "compile", "-q", "--no-header", "--no-annotate", *python, f"{pins}.in", "-o", f"{pins}.txt")


def environment_of(case: Case, home: Path) -> list[str]:
    """The command that runs the case's program, its packages installed."""
    place = home / case.environment
    if case.program.endswith(".mjs"):
        if not (place / "node_modules").exists():
            place.mkdir(parents=True, exist_ok=True)
            for file in (HERE / "requirements" / case.environment).iterdir():
                shutil.copy(file, place / file.name)
            run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=place)
        for file in (HERE / "programs").glob("*.mjs"):
            shutil.copy(file, place / file.name)
        return ["node", str(place / case.program)]
    if not (place / "bin" / "python").exists():
        run(uv(), "venv", "-q", "--python", PYTHON, str(place))
        pins = str(HERE / "requirements" / f"{case.environment}.txt")
        run(uv(), "pip", "install", "-q", "--python", str(place / "bin" / "python"), "-r", pins)
    return [str(place / "bin" / "python"), case.program]


def perform(case: Case, home: Path) -> Recorded:
    """Runs the program between the two servers."""
    command = environment_of(case, home)
    work = home / "run"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(HERE / "programs", work, ignore=shutil.ignore_patterns("__pycache__"))
    recorded = Recorded()
    keep = {"traces": recorded.traces, "logs": recorded.logs}
    otlp = receiver(lambda signal, request: keep[signal].append(binary(request)) if signal in keep else None)
    model = serve(Model)
    here = {
        "PATH": f"{Path(command[0]).parent}:/usr/bin:/bin",
        "HOME": str(work),
        "LOGNAME": "app",
        "LANG": "C.UTF-8",
        "NOTES": str(work / "notes"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{otlp.server_port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://localhost:{otlp.server_port}/v1/traces",  # MLflow 3.1
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_SERVICE_NAME": "support-bot",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_RESOURCE_ATTRIBUTES": "host.name=example-host,host.id=0,os.version=6",  # logfire asks for the machine's
        "OPENAI_BASE_URL": f"http://localhost:{model.server_port}/v1",
        "OPENAI_API_KEY": KEY,
        "MODE": case.mode,
        "OTLP_PORT": str(otlp.server_port),
    }
    try:
        run(*command, cwd=work, env=here | case.variables, seconds=180)
    finally:
        otlp.shutdown()
        model.shutdown()
    recorded.said = [json.loads(line) for line in (work / "notes").read_text().splitlines()]
    documents = work / "notes.documents"
    recorded.documents = documents.read_text().splitlines() if documents.exists() else []
    return recorded


def leaks() -> re.Pattern[str]:
    """What belongs to this machine only: paths, host, registries, and the key."""
    names = [KEY, str(HERE), "pypi", "npmjs"]
    if (file := Path("/etc/machine-id")).exists() and file.read_text().strip():
        names.append(file.read_text().strip())
    words = [r"/(?:root|tmp|home)\b", rf"\b{re.escape(socket.gethostname())}\b", *map(re.escape, names)]
    return re.compile("|".join(words))


def refuse_leaks(recorded: Recorded) -> None:
    """None of it may be in a fixture."""
    pattern = leaks()
    texts = [text for request in recorded.traces for text in strings_of(request, logs=False)]
    texts += [text for request in recorded.logs for text in strings_of(request, logs=True)]
    for text in texts + recorded.documents:
        if leak := pattern.search(text):
            raise Refused(f"a fixture would hold {leak.group()!r}: …{text[max(0, leak.start() - 200) :][:400]}")


def entry_of(case: Case, recorded: Recorded) -> dict[str, Any]:
    """The manifest's entry. The n-th trace by start is the n-th turn that the program noted."""
    traces = [
        trace for trace in traces_of(recorded.traces, recorded.logs) if not case.skip or not _is(trace, case.skip)
    ]
    if len(traces) != len(recorded.said):
        raise Refused(f"{case.name}: {len(recorded.said)} turns were said, {len(traces)} traces came: {names(traces)}")
    pairs = list(zip(traces, recorded.said, strict=True))
    places: dict[str, set[str]] = {}
    for trace, said in pairs:
        for what, found in where(trace, said).items():
            places.setdefault(what, set()).update(found)
    turns = [turn_of(trace, said) | case.expected for trace, said in pairs]
    return {
        "turns": turns,
        "recorded": {
            "sdk": case.sdk,
            "mode": case.says,
            "by": f"record.py {case.name}",
            "where": {what: sorted(found) for what, found in sorted(places.items())},
        },
    }


def _is(trace: Trace, name: str) -> bool:
    return trace.root is not None and re.fullmatch(name, trace.root.name) is not None


def names(traces: list[Trace]) -> list[list[str]]:
    return [[span.name for span in trace.spans] for trace in traces]


def write(case: Case, recorded: Recorded) -> None:
    """Files and entry of a case, in place of what it had before."""
    manifest = json.loads((FIXTURES / "manifest.json").read_text())
    old = manifest.get(case.name, {})
    for file in [*old.get("files", []), *old.get("logs", [])]:
        (FIXTURES / file).unlink(missing_ok=True)
    requests = [request for request in recorded.traces if ExportTraceServiceRequest.FromString(request).resource_spans]
    files = {f"{case.name}-{n:02}.bin": request for n, request in enumerate(requests)}
    logs = {f"{case.name}-log-{n:02}.bin": request for n, request in enumerate(recorded.logs)}
    for name, request in (files | logs).items():
        (FIXTURES / name).write_bytes(request)
    entry = {"files": list(files)} | ({"logs": list(logs)} if logs else {}) | entry_of(case, recorded)
    manifest[case.name] = entry
    write_documents(case, recorded, manifest)
    ordered = dict(sorted(manifest.items()))
    (FIXTURES / "manifest.json").write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")


def write_documents(case: Case, recorded: Recorded, manifest: dict[str, Any]) -> None:
    """MLflow's whole-trace documents: the same turns as their traces, one file each, under a name of their own."""
    if not recorded.documents:
        return
    name = case.name.replace("mlflow-dual-", "mlflow-trace-json-")
    files = {f"{name}-{n:02}.json": text for n, text in enumerate(recorded.documents)}
    for file, text in files.items():
        (FIXTURES / file).write_text(text + "\n")
    entry = manifest[case.name]
    told = {"session_id": "sess-42", "session_id_source": "mlflow.trace.session", "user_id": "u-7", "io_source": "root"}
    manifest[name] = {
        "files": list(files),
        "turns": [turn | told | case.document for turn in entry["turns"]],
        "recorded": entry["recorded"] | {"mode": f"Trace.to_json() of {case.name}", "where": {}},
    }


def record(case: Case, home: Path) -> bool:
    try:
        recorded = perform(case, home)
        refuse_leaks(recorded)
        write(case, recorded)
    except (Refused, subprocess.TimeoutExpired) as why:
        print(f"{case.name}: {why}", file=sys.stderr)
        return False
    print(f"{case.name}: {len(recorded.traces)} requests, {len(recorded.logs)} of logs", flush=True)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--list", action="store_true", help="say which cases there are")
    parser.add_argument("--lock", action="store_true", help="NAMES are environments: resolve their pins anew")
    parser.add_argument("--home", type=Path, default=Path("/app"), help="where environments and programs stand")
    parser.add_argument("--keep", action="store_true", help="leave the environments there for the next run")
    asked = parser.parse_args()
    if asked.lock:
        for name in asked.names:
            lock(name)
        return
    if asked.list or not asked.names:
        print("\n".join(f"{case.name:36} {case.sdk:32} {case.says}" for case in CASES))
        return
    chosen = [case for case in CASES if asked.names == ["all"] or case.name.startswith(tuple(asked.names))]
    try:
        failed = [case.name for case in chosen if not record(case, asked.home)]
    finally:
        if not asked.keep:
            for name in {case.environment for case in chosen} | {"run"}:
                shutil.rmtree(asked.home / name, ignore_errors=True)
    if failed:
        raise SystemExit(f"not recorded: {', '.join(failed)}")


if __name__ == "__main__":
    main()
