"""Errors of redis-py as errors of streamer: the one table."""

from redis import exceptions as redis_errors

from streamer.core.tls_words import tls_trouble
from streamer.errors import ConfigurationError, PermanentError, StreamerError, TransientError

RIGHT = 'the Redis user lacks a right: see "Rights in Redis" in docs/operations.md'
REPLIES: tuple[tuple[str, type[StreamerError], str], ...] = (
    ("OOM command not allowed", TransientError, "Redis is full: raise its maxmemory, or wait until sessions are swept"),
    ("Authentication required", ConfigurationError, "Redis wants a password: put it into redis.url"),
    ("NOAUTH", ConfigurationError, "Redis wants a password: put it into redis.url"),
    ("WRONGPASS", ConfigurationError, "Redis refused user or password: correct redis.url"),
    ("access one of the keys", ConfigurationError, f"{RIGHT}: ~<redis.key_prefix>:*"),
    ("NOPERM", ConfigurationError, RIGHT),
    ("ACL failure in script", ConfigurationError, RIGHT),
    ("MISCONF", ConfigurationError, "Redis cannot save to its disk and takes no writes: mend the disk"),
    ("READONLY", TransientError, "this Redis has become a replica"),
    ("LOADING", TransientError, "Redis is loading its data"),
    ("MASTERDOWN", TransientError, "this Redis is a replica without its primary"),
    ("NOREPLICAS", TransientError, "Redis has too few replicas to take writes"),
    ("BUSY", TransientError, "Redis is busy with a script"),
    ("CLUSTERDOWN", TransientError, "the Redis cluster is down"),
    ("TRYAGAIN", TransientError, "the Redis cluster is moving slots"),
    ("MOVED ", TransientError, "the Redis cluster has moved slots"),
    ("ASK ", TransientError, "the Redis cluster is moving slots"),
    ("non local key", TransientError, "the Redis cluster is moving slots"),
    ("not allowed in cluster mode", ConfigurationError, "redis.url names a database, and a cluster has none but 0"),
    ("cluster support disabled", ConfigurationError, "this Redis is no cluster: begin redis.url with redis://"),
    (
        "Timeout connecting",
        TransientError,
        "Redis does not answer; if it is there, does it speak TLS as redis.url says?",
    ),
    (
        # The alert of a TLS server that misses our certificate is lost where it closes before we have read.
        "reset by peer",
        TransientError,
        "Redis does not answer, it broke off: does it speak TLS as redis.url says? If it wants a client certificate "
        "that it trusts, set redis.cert_file",
    ),
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
        redis_errors.MasterDownError: "MASTERDOWN",
        redis_errors.ClusterDownError: "CLUSTERDOWN",
        redis_errors.TryAgainError: "TRYAGAIN",
        redis_errors.MovedError: "MOVED ",
        redis_errors.AskError: "ASK ",
    }
    code = next((words for kind, words in names.items() if isinstance(error, kind)), "")
    for words, kind, remedy in REPLIES:
        if words == code or words in said:
            return kind(f"{remedy} ({said})")
    if isinstance(error, redis_errors.ResponseError):
        return PermanentError(f"Redis refused: {said}")
    tls = tls_trouble(said, whom="Redis", ca="redis.ca_file", cert="redis.cert_file")
    if tls:
        return (ConfigurationError if tls.lasting else TransientError)(f"{tls.said} ({said})")
    return TransientError(f"Redis does not answer: {said or type(error).__name__}")
