"""One TOML file and the environment become frozen values.

Rule: unknown keys are refused with the nearest known one; secrets come from the environment or from a file, and are
never seen in a repr, an error or a listing.
"""

from streamer.settings.judges import spec_named
from streamer.settings.kinds import ago_named, encoding_named
from streamer.settings.loading import load
from streamer.settings.reading import Source
from streamer.settings.showing import Shown, shown
from streamer.settings.table import without_credentials
from streamer.settings.tables import Settings

__all__ = [
    "Settings",
    "Shown",
    "Source",
    "ago_named",
    "encoding_named",
    "load",
    "shown",
    "spec_named",
    "without_credentials",
]
