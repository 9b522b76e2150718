"""Traces to an OpenTelemetry Collector, or to whatever else takes OTLP over HTTP."""

import httpx

from streamer.errors import ConfigurationError, TransientError

TIMEOUT_S = 10


async def export(endpoint: str, request: bytes) -> None:
    """POST an ExportTraceServiceRequest to `endpoint`/v1/traces. TransientError unless it was taken;
    ConfigurationError where no such address can be."""
    url = endpoint.rstrip("/").removesuffix("/v1/traces") + "/v1/traces"
    headers = {"Content-Type": "application/x-protobuf"}
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as http:
            answer = await http.post(url, content=request, headers=headers)
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
        raise ConfigurationError(f"{endpoint} is no address like http://collector:4318") from error
    except httpx.TransportError as error:
        raise TransientError(f"{endpoint} does not answer ({type(error).__name__}): does a Collector run?") from error
    if answer.status_code != httpx.codes.OK:
        raise TransientError(f"{endpoint} answered {answer.status_code}: is it the OTLP receiver over HTTP?")
