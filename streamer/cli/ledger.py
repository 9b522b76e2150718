"""`streamer ledger`: what every judge has come to, as a table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from streamer.app import ledger as app
from streamer.app import people
from streamer.cli.configured import ago_named, load
from streamer.cli.options import ConfigOption
from streamer.cli.people import with_redis
from streamer.core.words import counted
from streamer.errors import ConfigurationError


def ledger(
    form: Annotated[
        Literal["jsonl", "parquet"], typer.Option("--format", help="parquet needs pyarrow, which MLflow brings")
    ] = "jsonl",
    since: Annotated[
        str | None, typer.Option(help="only of sessions that changed so long ago or later: 2h, 3d")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="this file instead of standard output")] = None,
    with_text: Annotated[
        bool, typer.Option("--with-text", help="the rationale too, which may quote what was said")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """One line per (session, judge): value or failure, revision, cost, where it was delivered. Changes nothing.

    Goes back as far as Redis remembers sessions (sessions.return_ms); the feed has it as it happens.
    Example: streamer ledger --since 1d --format parquet --out verdicts.parquet
    """
    settings = load(config)
    since_ms = None if since is None else people.now_ms() - ago_named("--since", since)
    if form == "jsonl":
        with_redis(settings, lambda redis: _as_lines(redis, out, since_ms, with_text))
        return
    if out is None:
        raise ConfigurationError("--format parquet is no text: say --out FILE")
    count = with_redis(settings, lambda redis: app.to_parquet(redis, out, since_ms, with_text=with_text))
    print(f"{out}: {counted(count, 'line')}", file=sys.stderr)


async def _as_lines(redis: Any, file: Path | None, since_ms: int | None, with_text: bool) -> None:  # noqa: ANN401
    try:
        out = sys.stdout if file is None else file.open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--out {file}: {error.strerror}") from None
    try:
        async for line in app.lines(redis, since_ms, with_text=with_text):
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    finally:
        if out is not sys.stdout:
            out.close()
