"""Which stream of verdicts a conversation belongs to: what is learned and tested is one series.

Rule: a series' text is one line, the same everywhere and for good: it names keys in Redis, episodes and Alertmanager's
labels.
"""

from typing import NamedTuple
from urllib.parse import unquote

from streamer.core.feed_text import joined

ALL_VERSIONS = "*"
"""In a series' text, instead of a version; a version that is called so is written %2A."""


class SeriesKey(NamedTuple):
    """Verdicts of one judge about what one agent (or service) says to the users of one tenant."""

    tenant: str
    who: str
    """The agent, else the service, else empty."""
    version: str | None
    """service.version; empty where the application does not say it; None: all of them together."""
    judge: str
    judge_version: str

    def __str__(self) -> str:
        tenant, who, judge = joined(self.tenant), joined(self.who), joined(self.judge, self.judge_version)
        version = ALL_VERSIONS if self.version is None else joined(self.version)
        return f"{tenant}|{who}|{version}|{judge}"

    @property
    def parent(self) -> "SeriesKey":
        """All versions together. A detector's state is kept under it: versions are tested within."""
        return self._replace(version=None)

    @property
    def title(self) -> str:
        """For people: `refund-bot 1.4.2 · user_frustration`, with the tenant where it is not the only one's name."""
        who = f"{self.who or 'no agent'} {self.version or ''}".rstrip()
        tenant = "" if self.tenant == "default" else f"{self.tenant}: "
        return f"{tenant}{who} · {self.judge}"

    @classmethod
    def read(cls, text: str) -> "SeriesKey":
        """The inverse of `str`. ValueError if `text` is no series."""
        parts = text.split("|")
        if len(parts) != len(cls._fields):
            raise ValueError("a series has five parts, tenant|who|version|judge|judge version")
        version = None if parts[2] == ALL_VERSIONS else unquote(parts[2])
        tenant, who, judge, judge_version = (unquote(parts[n]) for n in (0, 1, 3, 4))
        return cls(tenant, who, version, judge, judge_version)
