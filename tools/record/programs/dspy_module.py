"""A module of DSPy, traced by OpenInference or MLflow: a signature's fields go in and out, the model sees its own."""

import contextlib
import os

import dspy
from common import MODEL, SESSION, USER_ID, asked, mode, note, tracer_provider

if mode("by-mlflow"):
    import mlflow

    mlflow.set_experiment("support")
    mlflow.dspy.autolog()
    end = mlflow.flush_trace_async_logging

    @contextlib.contextmanager
    def around():
        with mlflow.start_span("turn", span_type="CHAIN") as span:
            span.set_attribute("session.id", SESSION)
            yield

else:
    from openinference.instrumentation import using_attributes
    from openinference.instrumentation.dspy import DSPyInstrumentor

    provider = tracer_provider()
    DSPyInstrumentor().instrument(tracer_provider=provider)
    end = provider.shutdown

    def around():
        return using_attributes(session_id=SESSION, user_id=USER_ID)


dspy.configure(lm=dspy.LM(f"openai/{MODEL}", api_base=os.environ["OPENAI_BASE_URL"], api_key="none", cache=False))
support = dspy.Predict("question -> answer")
for text in asked():
    with around():
        answer = support(question=text).answer
    note(text, answer)
end()
