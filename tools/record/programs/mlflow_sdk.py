"""MLflow tracing: @mlflow.trace around an autologged OpenAI call."""

import contextlib

import mlflow
import openai
from common import SESSION, SYSTEM, USER_ID, asked, conversation, document, lookup_order, mode

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


def manual(question: str) -> None:
    """Spans by hand: a chat's messages go in, an object of the application's own comes out."""
    with mlflow.start_span("turn", span_type="CHAIN") as span:
        span.set_attribute("session.id", SESSION)
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
        span.set_inputs({"messages": messages, "customer": {"id": USER_ID, "tier": "gold"}})
        span.set_outputs({"answer": say(question), "sources": ["faq-3"]})


def responses_agent(question: str) -> None:
    """MLflow's own interface for agents, which gets the conversation's id in its request."""
    from mlflow.pyfunc import ResponsesAgent
    from mlflow.types.responses import ResponsesAgentRequest, ResponsesAgentResponse

    class Support(ResponsesAgent):
        def predict(self, request: ResponsesAgentRequest) -> ResponsesAgentResponse:
            answer = say(request.input[-1].content)
            return ResponsesAgentResponse(output=[self.create_text_output_item(answer, "msg_1")])

    request = {"input": [{"role": "user", "content": question}]}
    Support().predict({**request, "context": {"conversation_id": SESSION, "user_id": USER_ID}})


for text in asked():
    with contextlib.suppress(openai.APIError):
        call = say if mode("bare") else manual if mode("manual") else responses_agent if mode("agent") else turn
        call(text)
    if mode("json"):
        mlflow.flush_trace_async_logging()
        document(mlflow.get_trace(mlflow.get_last_active_trace_id()).to_json())
mlflow.flush_trace_async_logging()
