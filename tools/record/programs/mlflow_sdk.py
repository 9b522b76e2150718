"""MLflow tracing: @mlflow.trace around an autologged OpenAI call."""

import contextlib

import mlflow
import openai
from common import SESSION, USER_ID, asked, conversation, document, lookup_order, mode

mlflow.openai.autolog()
mlflow.set_experiment("support")
look_up = mlflow.trace(lookup_order, name="lookup_order", span_type="TOOL")
say = conversation(openai.OpenAI(), look_up)


@mlflow.trace(name="turn", span_type="AGENT")
def turn(question: str) -> str | None:
    if mode("attr"):
        span = mlflow.get_current_active_span()
        span.set_attribute("session.id", SESSION)
        span.set_attribute("user.id", USER_ID)
    if mode("metadata"):
        mlflow.update_current_trace(metadata={"mlflow.trace.session": SESSION, "mlflow.trace.user": USER_ID})
    return say(question)


for text in asked():
    with contextlib.suppress(openai.APIError):
        (say if mode("bare") else turn)(text)
    if mode("json"):
        mlflow.flush_trace_async_logging()
        document(mlflow.get_trace(mlflow.get_last_active_trace_id()).to_json())
mlflow.flush_trace_async_logging()
