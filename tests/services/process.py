"""Programs of tests are started as those of the demo are."""

from streamer.embedded.program import Program, free_port

__all__ = ["Program", "free_port"]
