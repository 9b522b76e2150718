"""Whose session it is, in functions, coroutines, generators, tasks and threads, with OpenTelemetry's spans."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from opentelemetry import context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from streamer.instrument import carry, carrying, current_session, end_session, session
from streamer.instrument.asgi import SessionMiddleware
from streamer.instrument.otel import SessionProcessor


def here() -> tuple[str, str | None] | None:
    found = current_session()
    return None if found is None else (found.session_id, found.user_id)


class Spans:
    """A provider of its own, and what it has exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SessionProcessor())
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("tests")

    def said(self) -> dict[str, Any]:
        """By span name: its session, or None."""
        return {span.name: (span.attributes or {}).get("session.id") for span in self.finished()}

    def finished(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())


def test_a_scope_is_left_as_it_was_entered_also_after_an_error() -> None:
    with session("a", user_id="u-1"):
        assert here() == ("a", "u-1")
        with pytest.raises(KeyError), session("b"):
            dict[object, object]()[here()]
        assert here() == ("a", "u-1")
    assert here() is None


@pytest.mark.parametrize("nobody", [None, "", "  ", "x" * 251])
def test_no_session_leaves_things_as_they_are(nobody: str | None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), session("outer"), session(nobody, user_id="u"):
        assert here() == ("outer", None)
    assert ("250" in caplog.text) == (nobody is not None and len(nobody) > 250)


@pytest.mark.parametrize("given", [42, UUID(int=42)])
def test_an_id_is_anything_with_a_text(given: object) -> None:
    with session(given, user_id=given):
        assert here() == (str(given), str(given))


def test_a_function_names_the_session_of_each_call() -> None:
    @session(lambda chat, **_: chat, user_id=lambda _, user=None: user)
    def answer(chat: str, user: str | None = None) -> object:
        """Its own words."""
        return here()

    assert (answer("a"), answer("b", user="u")) == (("a", None), ("b", "u"))
    assert (answer.__name__, answer.__doc__) == ("answer", "Its own words.")
    with pytest.raises(TypeError, match="with session"):
        session(lambda: "x").__enter__()


async def test_tasks_do_not_see_each_others_sessions() -> None:
    @session(lambda chat: chat)
    async def answer(chat: str) -> list[object]:
        seen: list[object] = []
        for _ in range(5):
            seen.append(here())
            await asyncio.sleep(0)
        async with session("inner"):
            seen.append(here())
        return seen

    chats = [f"chat-{n}" for n in range(20)]
    assert await asyncio.gather(*map(answer, chats)) == [[*[(chat, None)] * 5, ("inner", None)] for chat in chats]


async def test_a_generator_is_in_its_session_and_its_consumer_is_not() -> None:
    @session("stream")
    def words() -> Iterator[object]:
        yield here()
        yield here()

    @session("stream")
    async def async_words() -> AsyncIterator[object]:
        yield here()
        await asyncio.sleep(0)
        yield here()

    with session("consumer"):
        for word in words():
            assert (word, here()) == (("stream", None), ("consumer", None))
        async for word in async_words():
            assert (word, here()) == (("stream", None), ("consumer", None))


def test_threads_belong_to_the_session_that_started_them() -> None:
    spans, seen = Spans(), []
    with ThreadPoolExecutor(4) as pool, session("a"), spans.tracer.start_as_current_span("root") as root:
        assert pool.submit(here).result() is None, "contexts do not cross threads by themselves"
        assert set(carrying(pool).map(lambda _: here(), range(20))) == {("a", None)}

        def work() -> None:
            with spans.tracer.start_as_current_span("in thread") as span:
                seen.append((here(), span.parent))  # type: ignore[attr-defined]

        threads = [threading.Thread(target=carry(work)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == [(("a", None), root.get_span_context())] * 3
    assert spans.said() == {"in thread": "a", "root": "a"}


def test_a_span_takes_its_parents_session_where_no_scope_is_open() -> None:
    spans = Spans()
    with session("a", user_id="u"), spans.tracer.start_as_current_span("root"):
        somewhere = context.get_current()
    with spans.tracer.start_as_current_span("late", context=somewhere):
        assert here() is None
    with spans.tracer.start_as_current_span("stranger"):
        pass
    assert spans.said() == {"root": "a", "late": "a", "stranger": None}


def test_what_the_application_says_itself_stays() -> None:
    spans = Spans()
    with session("ours"), spans.tracer.start_as_current_span("root", attributes={"session.id": "its own"}):
        pass
    assert spans.said() == {"root": "its own"}


def test_the_span_that_was_open_before_the_session_was_known_gets_it() -> None:
    spans = Spans()
    with spans.tracer.start_as_current_span("server"), session("a"), spans.tracer.start_as_current_span("agent"):
        pass
    assert spans.said() == {"server": "a", "agent": "a"}


def test_an_end_is_marked_on_the_open_span_and_said_where_there_is_none() -> None:
    spans = Spans()
    with session("a"):
        assert end_session() is False
        with spans.tracer.start_as_current_span("last"):
            assert end_session() is True
    [span] = spans.finished()
    assert (span.attributes or {})["session.end"] is True


async def test_an_asgi_request_belongs_to_the_session_that_it_names() -> None:
    seen: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(here())

    by_header = SessionMiddleware(app, user_header="X-User")
    by_path = SessionMiddleware(app, session=lambda scope: scope["path"].split("/")[2], user=lambda _: 7)
    for kind in ("http", "websocket", "lifespan"):
        await by_header({"type": kind, "headers": [(b"x-session-id", b"a"), (b"x-user", b"u")]}, None, None)
    await by_header({"type": "http", "headers": []}, None, None)
    await by_path({"type": "http", "path": "/chats/c-1/turns", "headers": [(b"x-session-id", b"a")]}, None, None)
    assert seen == [("a", "u"), ("a", "u"), None, None, ("c-1", "7")]


def test_importing_it_imports_no_tracing_library() -> None:
    program = "import sys, streamer.instrument; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = ("mlflow", "opentelemetry", "streamer.core", "streamer.settings", "pydantic", "asyncio")
    assert [name for name in done.stdout.split() if name.startswith(heavy)] == []
