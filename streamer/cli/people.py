"""Commands that look or switch: config, pause, resume, explain, feed."""

import typer


def add_to(cli: typer.Typer) -> None:
    return None
