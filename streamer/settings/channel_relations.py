"""What `[[channels]]` and `[alerting]` must agree on; relations.py says how such a sentence reads."""

from collections.abc import Iterator
from itertools import combinations

from streamer.settings.rule_relations import at
from streamer.settings.tables import Settings

VARIABLE = "STREAMER_ALERTING__SECRETS"


def channels(settings: Settings) -> Iterator[str]:
    for (a, one), (b, other) in combinations(enumerate(settings.channels), 2):
        if one.name == other.name:
            yield f"channels[{a}] and channels[{b}] have the same name: what is owed to each is kept by it; rename one"
    known, secrets = {channel.name for channel in settings.channels}, settings.alerting.secrets
    for name in sorted(set(secrets) - known):
        yield f"alerting.secrets has an entry {name!r:.70}, and no [[channels]] is called so; correct one of them"
    for n, channel in enumerate(settings.channels):
        if channel.type in ("webhook", "apprise") and channel.name not in secrets:
            what = "the key it is signed with" if channel.type == "webhook" else "its address, as apprise writes it"
            yield f'channels[{n}] ({channel.name}) lacks {what}: set {VARIABLE}={{"{channel.name}": "…"}}'
        if channel.type == "kafka" and channel.topic == settings.feed.topic:
            yield f"{at(settings, f'channels[{n}].topic')} is the feed's; give alerts a topic of their own"
