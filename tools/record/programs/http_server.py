"""A web application whose requests are spans: the instrumented server's span is the root, or somebody else's span is.

Session and user arrive in the `baggage` header, as a gateway would set it, and are copied to every span.
"""

import io
import secrets
from typing import Any
from wsgiref.util import setup_testing_defaults

import openai
from common import SESSION, USER_ID, asked, conversation, mode, tracer_provider
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor

provider = tracer_provider()
provider.add_span_processor(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS))
if mode("openinference"):
    from openinference.instrumentation.openai import OpenAIInstrumentor
else:
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
OpenAIInstrumentor().instrument(tracer_provider=provider)
say = conversation(openai.OpenAI())


@OpenTelemetryMiddleware
def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    answer = say(environ["wsgi.input"].read().decode())
    start_response("200 OK", [("content-type", "text/plain; charset=utf-8")])
    return [(answer or "").encode()]


for text in asked():
    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": "/chat", "wsgi.input": io.BytesIO(text.encode())}
    environ["HTTP_BAGGAGE"] = f"session.id={SESSION},user.id={USER_ID}"
    if mode("remote"):
        environ["HTTP_TRACEPARENT"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    setup_testing_defaults(environ)
    list(application(environ, lambda status, headers, error=None: None))
provider.shutdown()
