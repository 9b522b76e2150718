"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file; else $STREAMER_CONFIG, else ./streamer.toml")
]
JsonOption = Annotated[bool, typer.Option("--json", help="for machines")]
