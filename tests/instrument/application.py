"""An application traced by MLflow, in a process of its own: `python -m tests.instrument.application`.

Each conversation of it names its session in another way. The environment says where its spans go.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import mlflow
import openai
from fastapi import FastAPI

from streamer.instrument import carrying, end_session, session, stamp_mlflow
from streamer.instrument.asgi import SessionMiddleware

EXPECTED = {
    "plain": 2, "deep": 2, "threads": 4, "metadata": 2, "autolog": 1, "stream": 2, "ended": 1, "own": 1,
    "asgi-async": 2, "asgi-sync": 2, **{f"task-{n}": 2 for n in range(10)},
}  # fmt: skip
"""Session → spans of its one trace."""


@mlflow.trace  # type: ignore[untyped-decorator, unused-ignore]
def look_up(question: str) -> str:
    return f"about {question}"


@mlflow.trace  # type: ignore[untyped-decorator, unused-ignore]
def agent(question: str) -> Any:
    return look_up(question)


@mlflow.trace  # type: ignore[untyped-decorator, unused-ignore]
async def async_agent(question: str) -> Any:
    await asyncio.sleep(0.01)
    return look_up(question)


@mlflow.trace  # type: ignore[untyped-decorator, unused-ignore]
def deep(question: str) -> None:
    """The session is known only when the trace is under way."""
    with session("deep", user_id="u-deep"):
        look_up(question)


@mlflow.trace  # type: ignore[untyped-decorator, unused-ignore]
def in_threads(question: str) -> list[str]:
    with ThreadPoolExecutor(3) as pool:
        return list(carrying(pool).map(look_up, [question] * 3))


@mlflow.trace  # type: ignore[untyped-decorator, unused-ignore]
def metadata(question: str) -> Any:
    """As an application does that knows nothing of streamer."""
    mlflow.update_current_trace(metadata={"mlflow.trace.session": "metadata", "mlflow.trace.user": "u-metadata"})
    return look_up(question)


@session("stream", user_id="u-stream")
@mlflow.trace  # type: ignore[untyped-decorator, unused-ignore]
def stream(question: str) -> Iterator[str]:
    yield "It is "
    yield look_up(question)


def own(question: str) -> None:
    with session("ours"), mlflow.start_span("own") as span:
        span.set_attribute("session.id", "own")


def autologged(question: str) -> None:
    mlflow.openai.autolog()
    with session("autolog", user_id="u-autolog"):
        openai.OpenAI().chat.completions.create(model="m", messages=[{"role": "user", "content": question}])


def ended(question: str) -> None:
    with session("ended"), mlflow.start_span("last") as span:
        span.set_inputs(question)
        assert end_session()


async def served(question: str) -> None:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, user_header="x-user")
    app.get("/async")(async_agent)
    app.get("/sync")(agent)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        for kind in ("async", "sync"):
            headers = {"x-session-id": f"asgi-{kind}", "x-user": "u-asgi"}
            (await client.get(f"/{kind}", params={"question": question}, headers=headers)).raise_for_status()


async def tasks(question: str) -> None:
    @session(lambda n: f"task-{n}")
    async def one(n: int) -> None:
        await async_agent(question)

    await asyncio.gather(*map(one, range(10)))


def main() -> None:
    stamp_mlflow()
    question = "my parcel"
    with session("plain", user_id="u-plain"):
        agent(question)
    deep(question)
    with session("threads"):
        in_threads(question)
    metadata(question)
    autologged(question)
    list(stream(question))
    ended(question)
    own(question)
    asyncio.run(served(question))
    asyncio.run(tasks(question))
    mlflow.flush_trace_async_logging()


if __name__ == "__main__":
    main()
