"""LiteLLM with its own OpenTelemetry callback, as its proxy uses it: the session in metadata."""

import os
import time

import litellm
from common import MODEL, SESSION, SYSTEM, USER_ID, asked, mode, note
from litellm.integrations.opentelemetry import OpenTelemetry, OpenTelemetryConfig
from opentelemetry import trace

endpoint = os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
litellm.callbacks = [OpenTelemetry(OpenTelemetryConfig(exporter="otlp_http", endpoint=endpoint))]
history = [{"role": "system", "content": SYSTEM}]
for text in asked():
    history.append({"role": "user", "content": text})
    response = litellm.completion(
        model=f"openai/{MODEL}",
        messages=history if mode("history") else history[-1:],
        api_base=os.environ["OPENAI_BASE_URL"],
        user=USER_ID,
        metadata={"session_id": SESSION},
        **({"litellm_session_id": SESSION} if mode("session") else {}),
    )
    answer = response.choices[0].message.content
    history.append({"role": "assistant", "content": answer})
    note(text, answer)
time.sleep(2)  # the callbacks run in a thread of their own
trace.get_tracer_provider().shutdown()
