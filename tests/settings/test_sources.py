"""Names and topics: what Redis' keys, Kafka and a regex allow."""

import pytest

from tests.settings.conftest import Given


def source(**values: str) -> str:
    return "[[sources]]\n" + "\n".join(f"{key} = {value}" for key, value in values.items()) + "\n"


@pytest.mark.parametrize("name", ["", "a|b", "{a}", "a b", "ü", "a" * 65, "a\\n"])
def test_a_source_name_that_would_break_keys_is_refused(given: Given, name: str) -> None:
    assert given.refused(source(name=f'"{name}"')).startswith("sources[0].name (streamer.toml:2) must be 1 to 64 of")


@pytest.mark.parametrize("name", ["a", "A-1_b.c", "a" * 64])
def test_a_plain_source_name_is_taken(given: Given, name: str) -> None:
    assert given.loads(source(name=f'"{name}"')).sources[0].name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (source(tenant='" "'), "sources[0].tenant (streamer.toml:2) must not be empty"),
        (source(tenant_header='""'), "sources[0].tenant_header (streamer.toml:2) must not be empty"),
        (source(topics="[]"), "sources[0].topics (streamer.toml:2) must name at least one topic"),
        (source(topics='["a", "a"]'), "sources[0].topics (streamer.toml:2) names a topic twice"),
        (source(topics='"a"'), 'sources[0].topics (streamer.toml:2) must be a list: ["…"]'),
        (source(topics='["a", ""]'), "sources[0].topics[1] (streamer.toml:2) must be a topic's name"),
        (source(topics='["^a("]'), "sources[0].topics[0] (streamer.toml:2) is a regex that does not compile: missing"),
        (source(topics='["^a{9999999999}"]'), "sources[0].topics[0] (streamer.toml:2) is a regex that does not"),
        (
            source(encoding='"jaeger_proto"'),
            "sources[0].encoding (streamer.toml:2) is not read by streamer: let a Coll",
        ),
        (source(encoding='"otlp"'), "sources[0].encoding (streamer.toml:2) must be one of auto, otlp_proto, otlp_json"),
        ("sources = []", "there are no [[sources]]: nothing would be read"),
        ('[kafka]\ngroup = " "', "kafka.group (streamer.toml:2) must not be empty"),
        ('[kafka]\nbootstrap = ""', "kafka.bootstrap (streamer.toml:2) must not be empty"),
        ('[redis]\nkey_prefix = "{a}"', "redis.key_prefix (streamer.toml:2) must be 1 to 64 of"),
        ('[feed]\ntopic = ""', "feed.topic (streamer.toml:2) must be a topic's name as Kafka allows it"),
        ('[feed]\ntopic = "^a"', "feed.topic (streamer.toml:2) must be a topic's name as Kafka allows it"),
        ("[http]\nport = 65536", "http.port (streamer.toml:2) must be at most 65535"),
    ],
)
def test_what_would_read_nothing_is_refused(given: Given, text: str, said: str) -> None:
    assert given.refused(text).startswith(said)


def test_names_and_regexes_may_stand_together(given: Given) -> None:
    """KafkaSource subscribes to both and lists both."""
    assert given.loads(source(topics='["a", "^b.*"]')).sources[0].topics == ("a", "^b.*")


@pytest.mark.parametrize("other", ['["b", "a"]', '["^a$"]', '["^.*"]'])
def test_a_topic_in_two_sources_is_refused(given: Given, other: str) -> None:
    text = source(name='"x"', topics='["a"]') + source(name='"y"', topics=other)
    said = given.refused(text + '[feed]\ntopic = "own"')
    assert said.startswith("sources[0].topics (streamer.toml:3) and sources[1].topics (streamer.toml:6) share a topic")


def test_two_sources_of_one_name_are_refused(given: Given) -> None:
    said = given.refused(source(topics='["a"]') + source(topics='["b"]'))
    assert said.startswith("sources[0] and sources[1] have the same name")


@pytest.mark.parametrize("topic", ["assessments", "^ass.*", "^.*"])
def test_the_feed_is_not_read_by_a_source(given: Given, topic: str) -> None:
    said = given.refused(source(topics=f'["{topic}"]'))
    assert said.startswith("feed.topic (default) is among sources[0].topics (streamer.toml:2)")


@pytest.mark.parametrize("wrong", ["cookie", "header:", "resource", "key:x"])
def test_whose_a_record_may_be_is_said_in_three_ways(given: Given, wrong: str) -> None:
    assert 'must be "header:<name>", "key" or "resource:<attribute>"' in given.refused(
        source(session_fallbacks=f'["{wrong}"]')
    )
    loaded = given.loads(source(session_fallbacks='["header:x-chat", "key", "resource:chat.id"]'))
    assert loaded.sources[0].cut_rules().session_fallbacks == ("header:x-chat", "key", "resource:chat.id")


def test_a_list_of_nothing_is_refused(given: Given) -> None:
    assert 'is "listed" and nothing is listed' in given.refused('[[sources]]\nkeep = "listed"\n')
    given.loads('[[sources]]\nkeep = "listed"\nservices = ["bot"]\n')


def test_dead_letters_are_neither_read_nor_shared_with_the_feed(given: Given) -> None:
    assert "names its own dead letters, a.dlq" in given.refused(source(topics='["a", "a.dlq"]'))
    assert "is where dead letters go" in given.refused(source(topics='["a"]') + '[feed]\ntopic = "a.dlq"')
