"""Settings that contradict each other would be noticed at night; here they are a sentence.

Rule: a sentence names both settings, where they were set, why they cannot be so, and what to change.

`clock_skew_ms_max` has no relation to the gaps on purpose. It is only taken off what records' timestamps prove
(core/watermark.py), so too large a skew closes sessions later, never early, and not even that while the broker tells
where its partitions end. The demo has a skew of 5 s and a gap of 3 s.
"""

import re
from collections.abc import Iterator
from itertools import combinations

from streamer.core.dead_letters import SUFFIX
from streamer.core.redis_url import read_url
from streamer.errors import ConfigurationError
from streamer.settings import alert_relations, channel_relations, rule_relations
from streamer.settings.rule_relations import at
from streamer.settings.tables import Settings


def check(settings: Settings) -> None:
    """Raises ConfigurationError with all contradictions, one a line."""
    if said := [
        *rule_relations.paces(settings),
        *rule_relations.sizes(settings),
        *_durations(settings),
        *_fuse(settings),
        *_redis(settings),
        *_sources(settings),
        *_feed(settings),
        *_judges(settings),
        *rule_relations.names(settings),
        *rule_relations.order(settings),
        *alert_relations.alerts(settings),
        *channel_relations.channels(settings),
    ]:
        raise ConfigurationError("\n".join(said))


def _redis(settings: Settings) -> Iterator[str]:
    redis = settings.redis
    url = read_url(redis.url.get_secret_value())
    for key in ("ca_file", "cert_file", "key_file"):
        if getattr(redis, key) and not url.tls:
            yield (
                f"{at(settings, f'redis.{key}')} is for TLS, and {at(settings, 'redis.url')} is without: begin it "
                "with rediss:// (rediss+sentinel://, rediss+cluster://), or take the file away"
            )
    if redis.key_file and not redis.cert_file:
        yield f"{at(settings, 'redis.key_file')} is the key of no certificate: set redis.cert_file"
    if (redis.sentinel_user or redis.sentinel_password) and url.kind != "sentinel":
        key = "redis.sentinel_user" if redis.sentinel_user else "redis.sentinel_password"
        yield f"{at(settings, key)} is for Sentinels, and {at(settings, 'redis.url')} names none"


def _durations(settings: Settings) -> Iterator[str]:
    s = settings.sessions
    if s.parked_ms < s.trace_timeout_ms:
        yield (
            f"{at(settings, 'sessions.parked_ms')} must be at least {at(settings, 'sessions.trace_timeout_ms')}: "
            "spans would be dropped while the root that names their session is still waited for; raise it"
        )
    if s.return_ms < s.late_ms:
        yield (
            f"{at(settings, 'sessions.return_ms')} must be at least {at(settings, 'sessions.late_ms')}: a session "
            "would be forgotten while its late spans are still waited for; raise it"
        )
    if s.trace_wait_ms >= settings.limits().zombie_ms_max:
        yield (
            f"{at(settings, 'sessions.trace_wait_ms')} must be under an hour: after that a writer that never came "
            "back is given up; lower it"
        )


def _fuse(settings: Settings) -> Iterator[str]:
    if settings.fuse.records_min > settings.fuse.window_records:
        yield (
            f"{at(settings, 'fuse.records_min')} must be at most {at(settings, 'fuse.window_records')}: so many "
            "undecodable records could never be among the last ones; lower it"
        )


def _reads(topic: str, name: str) -> bool:
    """As adapters/kafka/source.py matches them. Two regexes are compared by their text only."""
    return topic == name or (topic.startswith("^") and not name.startswith("^") and re.match(topic, name) is not None)


def _sources(settings: Settings) -> Iterator[str]:
    if not settings.sources:
        yield "there are no [[sources]]: nothing would be read; add one with topics"
    for n, source in enumerate(settings.sources):
        if both := [t for t in source.topics if t.endswith(SUFFIX) and t.removesuffix(SUFFIX) in source.topics]:
            yield f"{at(settings, f'sources[{n}].topics')} names its own dead letters, {both[0]}: take them out"
        if source.keep == "listed" and not (source.services or source.scopes):
            yield (
                f'{at(settings, f"sources[{n}].keep")} is "listed" and nothing is listed: every span would be left '
                "out; name services or scopes"
            )
    for (a, one), (b, other) in combinations(enumerate(settings.sources), 2):
        if one.name == other.name:
            yield f"sources[{a}] and sources[{b}] have the same name: their sessions would mix; give each its own name"
        if any(_reads(x, y) or _reads(y, x) for x in one.topics for y in other.topics):
            yield (
                f"{at(settings, f'sources[{a}].topics')} and {at(settings, f'sources[{b}].topics')} share a topic: "
                "one group reads, so each would get a part of it; name it in one source"
            )


def _feed(settings: Settings) -> Iterator[str]:
    for n, source in enumerate(settings.sources):
        if settings.feed.topic in {f"{topic}{SUFFIX}" for topic in source.topics}:
            yield f"{at(settings, 'feed.topic')} is where dead letters go; give the feed a topic of its own"
        if any(_reads(topic, settings.feed.topic) for topic in source.topics):
            yield (
                f"{at(settings, 'feed.topic')} is among {at(settings, f'sources[{n}].topics')}: streamer would read "
                "its own verdicts; give the feed a topic of its own"
            )


def _judges(settings: Settings) -> Iterator[str]:
    if not settings.judges:
        yield "there are no [[judges]]: nothing would ever be judged; add one with a type"
    for (a, one), (b, other) in combinations(enumerate(settings.judges), 2):
        if one.row_name == other.row_name:
            yield f"judges[{a}] and judges[{b}] have the same name: a row in MLflow needs its own; set name"
