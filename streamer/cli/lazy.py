"""Commands that are imported when they are called: `streamer --help` is an answer, not a wait.

Rule: a command's module may import *modules* of streamer.app at its top (`from streamer.app import people as app`):
they are executed at their first use. A name taken out of one is taken at once, and costs every help page a second. What
it asks of streamer.settings it asks through cli/configured.py.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

PACKAGES = ("streamer.app.", "streamer.settings")


class Place(NamedTuple):
    """Where a command is, `module:attribute`, and the line that the help has of it."""

    where: str
    says: str


def lazy_group(places: Mapping[str, Place]) -> type[TyperGroup]:
    """A group of these commands, in this order."""

    class Group(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 – typer brings a click of its own
            return list(places)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
            if cmd_name in places and cmd_name not in self.commands:
                self.commands[cmd_name] = command_at(cmd_name, places[cmd_name])
            return self.commands.get(cmd_name)

        def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
            with formatter.section("Commands"):
                formatter.write_dl([(name, place.says) for name, place in places.items()])

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
            if args and args[0] not in places:  # what was meant is looked for among those that are there
                for name in places:
                    self.get_command(ctx, name)
            return super().resolve_command(ctx, args)

    return Group


def command_at(name: str, place: Place) -> Any:  # noqa: ANN401
    """The command, or the group of commands, as typer runs it."""
    module, _, attribute = place.where.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        made: Any = typer.main.get_group(found)
    else:
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(found)
        made = typer.main.get_command(single)
    made.name = name
    return made


class _WhenUsed(MetaPathFinder):
    """Finds modules of these packages, and has them executed at their first use."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(PACKAGES):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def import_when_used() -> None:
    """From now on, in this process. Repeatable."""
    if not any(isinstance(finder, _WhenUsed) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WhenUsed())
