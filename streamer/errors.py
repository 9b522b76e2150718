"""What can go wrong, by what the reader of the error should do about it.

    StreamerError
    ├── ConfigurationError   somebody must change a setting; the message names it and the remedy
    ├── TransientError       try again, not before retry_after_ms; the call may have happened all the same
    │   └── Reconnected      the connection to a Redis primary was replaced: what was acknowledged may be gone
    ├── PermanentError       trying again will not help
    ├── StateLost            Redis was emptied under this process: say so and end
    ├── FuseBlown            no topic is left whose records can be decoded: mend the encoding, then start again
    ├── Stuck                nothing moves though there is work: end, so that somebody starts the process again
    └── OwnershipLost        another worker holds the session now: stop, write nothing more

CallFailed stands beside them: it is caught where the model is asked, and becomes a judge's failure.

Adapters translate their library's errors into these, once, at the border. Loops catch these names, never `Exception`.
"""

from streamer.core.model import Completion
from streamer.core.verdict import FailureKind


class StreamerError(Exception):
    """Base of every error that streamer raises on purpose."""


class ConfigurationError(StreamerError):
    """A setting is wrong or missing. The message names the setting and the remedy."""


class TransientError(StreamerError):
    """The call failed for now. Where `maybe_done`, it may have happened all the same: only idempotent calls may be
    repeated. False only if the request certainly never reached the other side."""

    def __init__(self, message: str, retry_after_ms: int | None = None, *, maybe_done: bool = True) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms
        self.maybe_done = maybe_done


class Reconnected(TransientError):
    """The connection to a Redis primary was replaced; its last acknowledged writes may be lost."""


class PermanentError(StreamerError):
    """The call was refused and would be refused again."""


class StateLost(StreamerError):
    """What this process rests on is gone. The message says what, and what to do."""


class FuseBlown(StreamerError):
    """Nothing more is read: hardly anything on any topic can be decoded. The message names topics and remedy."""


class Stuck(StreamerError):
    """A part of this process no longer moves. The message says which; only a new start helps."""


class OwnershipLost(StreamerError):
    """The lease of a session ran out or another worker claimed it."""


class CallFailed(Exception):
    """A model call gave no answer. Raised by Ask and Model; ends up as a JudgeFailure."""

    def __init__(
        self, kind: FailureKind, detail: str, retry_after_ms: int | None = None, *, billed: Completion | None = None
    ) -> None:
        """`billed`: the provider did reply, and is paid for it, though nobody can use what it said."""
        super().__init__(f"{kind}: {detail}")
        self.billed = billed
        self.kind: FailureKind = kind
        self.detail = detail
        self.retry_after_ms = retry_after_ms
