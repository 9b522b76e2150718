"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file; else $STREAMER_CONFIG, else ./streamer.toml")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on standard output, for machines")]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="where a group that has never read begins: now, beginning, an offset, or how far back (2h). What it would "
        "cost, before it costs it: run --dry-run --from 2h",
    ),
]
