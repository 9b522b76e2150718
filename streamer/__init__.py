"""Judges traced LLM conversations as they go quiet and keeps one verdict per judge on their first trace.

As a library: `from streamer import judge_traces, judge_session, judge_transcript, verdicts, feed` (docs/python.md).
They are imported at their first use, so that `import streamer` costs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamer.api import (
        Feed,
        FeedEvent,
        Judge,
        Judgement,
        feed,
        judge_session,
        judge_traces,
        judge_transcript,
        verdicts,
    )

__version__ = "0.1.0"
__all__ = [
    "Feed",
    "FeedEvent",
    "Judge",
    "Judgement",
    "__version__",
    "feed",
    "judge_session",
    "judge_traces",
    "judge_transcript",
    "verdicts",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 – a module's attribute
    if name not in __all__:
        raise AttributeError(f"module 'streamer' has no attribute {name!r}")
    from streamer import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return __all__
