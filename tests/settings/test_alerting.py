"""[alerting] and [[channels]]: a destination that could never be told anything is refused at the start."""

from pathlib import Path

import pytest

from tests.settings.conftest import Given

SECRETS = {"STREAMER_ALERTING__SECRETS": '{"hook": "C4nary"}'}


def channel(text: str) -> str:
    return f'[[channels]]\nname = "hook"\n{text}'


def test_a_webhook_with_its_secret_from_the_environment(given: Given) -> None:
    settings = given.loads(channel('type = "webhook"\nurl = "https://host/hook?token=x"'), SECRETS)
    assert settings.alerting.secrets["hook"].get_secret_value() == "C4nary"
    assert "C4nary" not in repr(settings)
    assert "token=x" not in repr(settings)


def test_a_secret_from_a_file(given: Given, tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text('{"hook": "json://host"}')
    env = {"STREAMER_ALERTING__SECRETS_FILE": str(file)}
    assert given.loads(channel('type = "apprise"'), env).alerting.secrets["hook"].get_secret_value() == "json://host"


@pytest.mark.parametrize(
    ("text", "env", "said"),
    [
        ('type = "webhook"\nurl = "https://h/"', {}, "lacks the key it is signed with"),
        ('type = "apprise"', {}, "lacks its address, as apprise writes it"),
        ('type = "webhook"', SECRETS, "needs url"),
        ('type = "alertmanager"', {}, "needs url"),
        ('type = "alertmanager"\nurl = "nowhere"', {}, "must be a URL"),
        ('type = "kafka"\nurl = "https://h/"', {}, "has a url, which kafka does not read"),
        ('type = "webhook"\nurl = "https://h/"\ntopic = "x"', SECRETS, "has a topic, which only kafka reads"),
        ('type = "kafka"\ntopic = "assessments"', {}, "is the feed's"),
        ('type = "pigeon"', {}, "channels"),
        ('type = "kafka"', {"STREAMER_ALERTING__SECRETS": '{"hok": "C4nary"}'}, "no [[channels]] is called so"),
    ],
)
def test_what_cannot_work_is_a_sentence(given: Given, text: str, env: dict[str, str], said: str) -> None:
    refusal = given.refused(channel(text), env)
    assert said in refusal
    assert "C4nary" not in refusal


def test_two_channels_of_one_name_are_refused(given: Given) -> None:
    assert "have the same name" in given.refused(channel('type = "kafka"\n') + channel('type = "kafka"\ntopic = "b"'))
