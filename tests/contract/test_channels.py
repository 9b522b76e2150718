"""What every channel does with a notice: on real receivers, and when they refuse."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from importlib.resources import files

import jsonschema
import pytest

from streamer.adapters.kafka import reader as kafka_reader
from streamer.adapters.kafka.alerts import KafkaChannel
from streamer.adapters.kafka.publisher import KafkaPublisher
from streamer.adapters.notifier import Alertmanager, AppriseChannel, Webhook
from streamer.adapters.notifier.webhook import key_of
from streamer.alert_ports import Channel
from streamer.core.alerts.notice import Notice, trial_notice
from streamer.core.alerts.story import Example, Reason, Slice
from streamer.errors import ConfigurationError, PermanentError, TransientError
from tests.services.alertmanager import AlertmanagerServer
from tests.services.kafka import create_topics
from tests.services.process import free_port
from tests.services.receiver import Receiver
from tests.services.waiting import eventually

SCHEMA = json.loads(files("streamer").joinpath("schema/alerts-v1.json").read_text())
NASTY = "<!channel> @here [x](http://evil.test) \x1b[31m\r\n\u202e`rm` *b* & <a href=x>"
SECRET = "hunter2-canary"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def notice(kind: str = "raise", episode: str = "0a1b2c3d4e5f6071") -> Notice:
    now = now_ms()
    return Notice(
        id=f"{episode}-{kind}-1",
        kind=kind,  # type: ignore[arg-type]
        episode=episode,
        rule=f"spike {NASTY}"[:60],
        severity="critical",
        series="default|refund%20bot|1.4.2|user_frustration|v1",
        raised_at_ms=now - 1_000,
        since_ms=now - 600_000,
        resolved_at_ms=now if kind == "resolve" else None,
        ending="recovered" if kind == "resolve" else "",
        share=0.31,
        baseline=0.05,
        interval=(0.2, 0.4),
        conversations=60,
        hits=19,
        explained_by=Slice("version", NASTY, 18, 30, 0.9, 0.3),
        new_version="1.4.2",
        new_version_since_ms=now - 900_000,
        reasons=(Reason("refund", 12, 19),),
        examples=(Example(NASTY, "tr-1", now, NASTY),),
        links=("http://mlflow/#/experiments/7/traces?selectedEvaluationId=tr-1",),
        late_ms=1_200_000,
        published_at_ms=now,
    )


Keep = Callable[[Channel], Channel]


@pytest.fixture
async def keep() -> AsyncIterator[Keep]:
    """Closes what it was given."""
    kept: list[Channel] = []

    def add(channel: Channel) -> Channel:
        kept.append(channel)
        return channel

    yield add
    for channel in kept:
        await channel.close()


@pytest.fixture(params=["webhook", "alertmanager", "apprise"])
def by_http(request: pytest.FixtureRequest, receiver: Receiver, keep: Keep) -> Channel:
    made: dict[str, Callable[[], Channel]] = {
        "webhook": lambda: Webhook("w", f"{receiver.url}/hook", SECRET, now_ms),
        "alertmanager": lambda: Alertmanager("a", receiver.url, None, now_ms, 1_000),
        "apprise": lambda: AppriseChannel("c", receiver.url.replace("http://", "json://")),
    }
    return keep(made[request.param]())


async def test_each_is_taken_and_the_words_cannot_act(by_http: Channel, receiver: Receiver) -> None:
    assert await by_http.send(notice())
    (got,) = receiver.got
    if by_http.name != "w":  # a webhook's reader gets the record as it is: JSON, for machines
        said = json.dumps(got.value, ensure_ascii=False)
        for wrong in ("<!channel>", "@here", "http://evil", "\\u001b", "\x1b", "\u202e", "[x]", "`rm`"):
            assert wrong not in said, wrong
    assert "0a1b2c3d4e5f6071" in got.body.decode()


@pytest.mark.parametrize(("status", "error"), [(503, TransientError), (404, PermanentError), (302, PermanentError)])
async def test_a_refusal_is_an_error_without_the_address(
    by_http: Channel, receiver: Receiver, status: int, error: type[Exception]
) -> None:
    receiver.answers.append((status, {"location": "http://127.0.0.1:1/elsewhere"}))
    with pytest.raises(TransientError if by_http.name == "c" else error) as said:
        await by_http.send(notice())
    assert receiver.url not in str(said.value)
    assert SECRET not in str(said.value)
    assert len(receiver.got) == 1, "a redirect is not followed"


async def test_nobody_there_is_transient(keep: Keep) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    for channel in (Webhook("w", url, SECRET, now_ms), Alertmanager("a", url, None, now_ms, 1_000)):
        with pytest.raises(TransientError):
            await keep(channel).send(notice())


@pytest.mark.parametrize(
    ("at_once", "said"), [(b"HTTP/1.1 200 OK\r\nx: ", None), (b"HTTP/1.1 200 OK\r\n\r\n", "200 OK")]
)
async def test_a_receiver_that_drips_holds_no_delivery(
    at_once: bytes, said: str | None, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than its lease, and another worker would tell it again."""
    monkeypatch.setattr("streamer.adapters.notifier.posting.SEND_MS_MAX", 500)

    gone = asyncio.Event()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(at_once)
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()
        gone.set()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        channel = keep(Webhook("drip", f"http://127.0.0.1:{port}/", SECRET, now_ms))
        began, answered = time.monotonic(), None
        with suppress(TransientError):
            answered = await channel.send(trial_notice(1))
        assert (answered, time.monotonic() - began < 3) == (said, True)
        await channel.close()
        await gone.wait()


async def test_whoever_asks_for_time_is_given_it(receiver: Receiver, keep: Keep) -> None:
    receiver.answers.append((429, {"retry-after": "7"}))
    with pytest.raises(TransientError) as said:
        await keep(Webhook("w", receiver.url, SECRET, now_ms)).send(notice())
    assert said.value.retry_after_ms == 7_000


@pytest.mark.parametrize("secret", [SECRET, "whsec_" + base64.b64encode(b"\x00\xff key").decode()])
async def test_a_webhook_is_signed_over_id_time_and_body(receiver: Receiver, keep: Keep, secret: str) -> None:
    """Standard Webhooks 1.0, computed by hand."""
    await keep(Webhook("w", receiver.url, secret, lambda: 1_800_000_000_999)).send(notice())
    (got,) = receiver.got
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    signed = got.headers["webhook-id"].encode() + b".1800000000." + got.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-timestamp"] == "1800000000"
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert got.headers["webhook-id"] == notice().id
    jsonschema.Draft202012Validator(SCHEMA).validate(got.value)


def test_a_key_that_is_no_base64_is_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match="no base64") as said:
        key_of("w", "whsec_!!!")
    assert "!!!" not in str(said.value)


def test_an_address_that_apprise_does_not_know_is_a_sentence() -> None:
    with pytest.raises(ConfigurationError) as said:
        AppriseChannel("c", f"nonsense-{SECRET}")
    assert SECRET not in str(said.value)


@pytest.mark.parametrize("kind", ["raise", "resolve", "ask", "test"])
def test_every_notice_is_valid_and_comes_back_as_it_was(kind: str) -> None:
    told = trial_notice(now_ms()) if kind == "test" else notice(kind)
    value = json.loads(json.dumps(told.to_json()))
    jsonschema.Draft202012Validator(SCHEMA).validate(value)
    assert Notice.from_json(value) == told


async def test_the_topic_of_alerts_holds_valid_records_in_order(kafka: str) -> None:
    create_topics(kafka, {"alerts-contract": 2})
    connection = {"bootstrap.servers": kafka}
    channel = KafkaChannel("k", "alerts-contract", KafkaPublisher(connection, "assessments"))
    for kind in ("raise", "resolve"):
        await channel.send(notice(kind))
    await channel.close()
    found = list(kafka_reader.whole(connection, "alerts-contract"))
    values = [json.loads(record.value or b"") for record in found]
    assert [value["kind"] for value in values] == ["raise", "resolve"]
    for record, value in zip(found, values, strict=True):
        jsonschema.Draft202012Validator(SCHEMA).validate(value)
        assert dict(record.headers)["ce_id"] == value["id"].encode()


@pytest.mark.slow
async def test_a_real_alertmanager_fires_goes_on_and_resolves(
    alertmanager: AlertmanagerServer, receiver: Receiver, keep: Keep
) -> None:
    channel = keep(Alertmanager("a", alertmanager.url, None, now_ms, 600))
    await channel.send(notice())
    fired = eventually(lambda: alertmanager.alerts(), "the alert", 10)
    assert [alert["labels"]["episode"] for alert in fired] == ["0a1b2c3d4e5f6071"]
    for _ in range(10):  # 5 s in all; it would be over after 3
        await asyncio.sleep(0.5)
        await channel.send(notice())
        assert len(alertmanager.alerts()) == 1
    await channel.send(notice("resolve"))

    def told() -> list[str] | None:
        states = [got.value["status"] for got in receiver.got]
        return states if "resolved" in states else None

    assert eventually(told, "the resolve", 15) == ["firing", "resolved"]
    assert alertmanager.alerts() == []


@pytest.mark.slow
async def test_an_alert_that_nobody_repeats_is_over(alertmanager: AlertmanagerServer, keep: Keep) -> None:
    await keep(Alertmanager("a", alertmanager.url, None, now_ms, 300)).send(notice())
    eventually(lambda: alertmanager.alerts(), "the alert", 10)
    eventually(lambda: not alertmanager.alerts() or None, "its end", 10)


@pytest.mark.slow
async def test_a_test_alert_is_one_to_a_real_alertmanager(alertmanager: AlertmanagerServer, keep: Keep) -> None:
    await keep(Alertmanager("a", alertmanager.url, None, now_ms, 1_000)).send(trial_notice(now_ms()))
    (alert,) = eventually(lambda: alertmanager.alerts(), "the alert", 10)
    assert alert["labels"]["alertname"] == "StreamerTest"
    assert "TEST" in alert["annotations"]["summary"]
