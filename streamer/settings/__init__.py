"""One TOML file and the environment become frozen values.

Rule: unknown keys are refused with the nearest known one; secrets come from the environment or from a file.
"""

from streamer.settings.loading import load
from streamer.settings.showing import Shown, shown
from streamer.settings.tables import Settings, Source

__all__ = ["Settings", "Shown", "Source", "load", "shown"]
