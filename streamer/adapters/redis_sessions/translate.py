"""Errors of redis-py as errors of streamer: the one table."""

from redis import exceptions as redis_errors

from streamer.errors import ConfigurationError, PermanentError, StreamerError, TransientError

REPLIES: tuple[tuple[str, type[StreamerError], str], ...] = (
    ("OOM command not allowed", TransientError, "Redis is full: raise its maxmemory, or wait until sessions are swept"),
    ("NOAUTH", ConfigurationError, "Redis wants a password: put it into redis.url"),
    ("WRONGPASS", ConfigurationError, "Redis refused user or password: correct redis.url"),
    ("NOPERM", ConfigurationError, "the Redis user lacks a right: give it ~<key_prefix>:* and +@all -@dangerous +info"),
    ("MISCONF", ConfigurationError, "Redis cannot save to its disk and takes no writes: mend the disk"),
    ("READONLY", TransientError, "this Redis has become a replica"),
    ("LOADING", TransientError, "Redis is loading its data"),
    ("MASTERDOWN", TransientError, "this Redis is a replica without its primary"),
    ("NOREPLICAS", TransientError, "Redis has too few replicas to take writes"),
    ("BUSY", TransientError, "Redis is busy with a script"),
    ("CLUSTERDOWN", TransientError, "the Redis cluster is down"),
    ("TRYAGAIN", TransientError, "the Redis cluster is moving slots"),
    ("max number of clients", TransientError, "Redis takes no more connections: raise maxclients"),
)
"""What an error reply says → what to do about it."""


def translate(error: Exception) -> StreamerError:
    """The error to raise instead. Redis' own words are kept: they hold names of commands and keys, never values."""
    said = str(error)
    # redis-py strips a code that it has a class for, so the class is looked at as well as the words.
    names = {
        redis_errors.OutOfMemoryError: "OOM command not allowed",
        redis_errors.AuthenticationError: "WRONGPASS",
        redis_errors.NoPermissionError: "NOPERM",
        redis_errors.ReadOnlyError: "READONLY",
        redis_errors.BusyLoadingError: "LOADING",
    }
    code = next((words for kind, words in names.items() if isinstance(error, kind)), "")
    for words, kind, remedy in REPLIES:
        if words == code or words in said:
            return kind(f"{remedy} ({said})")
    if isinstance(error, redis_errors.ResponseError):
        return PermanentError(f"Redis refused: {said}")
    return TransientError(f"Redis does not answer: {said or type(error).__name__}")
