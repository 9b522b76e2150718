"""What stands before an MLflow server in a company: TLS, and a door that wants to see a token, a password, a workspace.

Rule: the door opens for the exact header and keeps it; everything else is passed on as it is.
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.services.certificates import Certificate
from tests.services.process import free_port
from tests.services.waiting import eventually

METHODS = ["GET", "POST", "PATCH", "DELETE"]
DROPPED = frozenset({"host", "content-length", "transfer-encoding", "content-encoding", "connection"})


def _door(behind: str, wants: Mapping[str, str], refusal: int) -> Starlette:
    async def pass_on(request: Request) -> Response:
        if any(request.headers.get(name) != value for name, value in wants.items()):
            return Response(f"you said {dict(request.headers)}", refusal)
        headers = {name: value for name, value in request.headers.items() if name not in {*DROPPED, *wants}}
        async with httpx.AsyncClient(base_url=behind, timeout=30) as client:
            path = f"{request.url.path}?{request.url.query}"
            answer = await client.request(request.method, path, headers=headers, content=await request.body())
        kept = {name: value for name, value in answer.headers.items() if name not in DROPPED}
        return Response(answer.content, answer.status_code, kept)

    return Starlette(routes=[Route("/{path:path}", pass_on, methods=METHODS)])


@contextmanager
def guarded(
    behind: str, wants: Mapping[str, str], certificate: Certificate | None = None, refusal: int = 401
) -> Iterator[str]:
    """The address of a door before the server `behind`, with TLS if there is a certificate."""
    port = free_port()
    tls: dict[str, Any] = {"ssl_certfile": certificate.cert, "ssl_keyfile": certificate.key} if certificate else {}
    config = uvicorn.Config(_door(behind, wants, refusal), port=port, log_level="critical", lifespan="off", **tls)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started or None, "the door", 10)
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
