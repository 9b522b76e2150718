"""/metrics, /livez and /readyz.

Rule: alive means that the loops move. A service that is down is said by /readyz and never a reason to be restarted:
a restart would not bring Redis back, and would lose what is in flight.
"""

import socket
from contextlib import AbstractContextManager, nullcontext

import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streamer.errors import ConfigurationError
from streamer.web.state import Health

STUCK_MS = 60_000
"""Waits inside a pass are calls' timeouts (5 s for Redis and Kafka), some times over; a minute is none of them."""


def application(health: Health, registry: CollectorRegistry) -> Starlette:
    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def livez(_: Request) -> Response:
        stuck = health.stuck(STUCK_MS)
        return JSONResponse({"alive": not stuck, "stuck_ms": stuck}, 503 if stuck else 200)

    async def readyz(_: Request) -> Response:
        down = {name: {"since_ms": o.since_ms, "reason": o.reason} for name, o in health.outages.items()}
        return JSONResponse({"ready": not down, "down": down}, 503 if down else 200)

    return Starlette(routes=[Route("/metrics", metrics), Route("/livez", livez), Route("/readyz", readyz)])


class _Server(uvicorn.Server):
    """Signals belong to the process, not to this page."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


async def serve(host: str, port: int, health: Health, registry: CollectorRegistry) -> None:
    """Runs until cancelled. Raises ConfigurationError where the port is taken; port 0 is any free one."""
    listening = bind(host, port)
    config = uvicorn.Config(application(health, registry), log_config=None, access_log=False, lifespan="off")
    try:
        await _Server(config).serve(sockets=[listening])
    finally:
        listening.close()


def bind(host: str, port: int) -> socket.socket:
    """The listening socket, or a sentence with the remedy."""
    listening = None
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except (OSError, OverflowError) as error:
        if listening is not None:
            listening.close()
        cause = getattr(error, "strerror", None) or str(error)
        remedy = "set http.port in the configuration to a free one, or to 0 to switch the page off"
        raise ConfigurationError(f"http.port: cannot listen on {host}:{port} ({cause}); {remedy}") from error
    return listening
