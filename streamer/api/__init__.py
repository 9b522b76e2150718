"""streamer as a library: `from streamer import judge_traces, judge_session, judge_transcript, verdicts, feed`.

Rule: the same judges, the same way to the model and the same words as the command line's. docs/python.md is its guide.
"""

from streamer.api.judging import Judgement, judge_session, judge_traces, judge_transcript
from streamer.api.reading import Feed, feed, verdicts
from streamer.api.specs import Judge
from streamer.core.feed_event import FeedEvent

__all__ = [
    "Feed",
    "FeedEvent",
    "Judge",
    "Judgement",
    "feed",
    "judge_session",
    "judge_traces",
    "judge_transcript",
    "verdicts",
]
