"""The file and the environment become settings.

Rule: only this file reads the environment. An error names the setting and the remedy, never a value.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from streamer.errors import ConfigurationError
from streamer.settings.environment import overlay
from streamer.settings.explaining import explained
from streamer.settings.lines import origins_of
from streamer.settings.relations import check
from streamer.settings.tables import Settings


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of `path`, else of $STREAMER_CONFIG, else of ./streamer.toml if there is one, under the environment.

    Raises ConfigurationError: the message names the setting and the remedy.
    """
    env = os.environ if environment is None else environment
    named = path or (Path(env["STREAMER_CONFIG"]) if env.get("STREAMER_CONFIG") else None)
    values, origins = _file(named or Path("streamer.toml"), required=named is not None)
    overlay(values, origins, env)
    settings = _checked(values, origins)
    check(settings)
    return settings


def _checked(values: dict[str, Any], origins: dict[str, str]) -> Settings:
    try:
        return Settings.of(values, origins)
    except ValidationError as error:
        wrong = "\n".join(explained(problem, origins) for problem in error.errors(include_url=False))
    # Outside of the except clause: pydantic's error holds the values and would hang on ours as its context.
    raise ConfigurationError(wrong)


def _file(path: Path, *, required: bool) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")  # Windows' editors begin a file with a mark
        values = tomllib.loads(text)
    except FileNotFoundError:
        if not required:
            return {}, {}
        wrong = f"there is no configuration file {path}; create it, or correct --config or STREAMER_CONFIG"
    except OSError as error:
        wrong = f"the configuration file {path} cannot be read: {error.strerror}; name a readable TOML file"
    except UnicodeDecodeError as error:
        wrong = f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8"
    except (ValueError, RecursionError) as error:
        wrong = f"{path} is no TOML: {error}"
    else:
        return values, origins_of(text, values, path.name)
    raise ConfigurationError(wrong)
