"""How an application names its session, by the dialect its spans speak: one line to write, for those that lack one."""

from collections.abc import Iterable

ANY = 'span.set_attribute("session.id", …) on the root span of every turn'
REMEDIES = {
    "mlflow": 'mlflow.get_current_active_span().set_attribute("session.id", …) in the traced function: MLflow exports '
    "neither update_current_trace(metadata=…) nor (session_id=…) over OTLP",
    "openinference": 'with openinference.instrumentation.using_session("…"): around the turn',
    "otel_genai": 'span.set_attribute("gen_ai.conversation.id", …) on the agent\'s span, or "session.id"',
    "traceloop": 'Traceloop.set_association_properties({"session_id": "…"}) before the turn',
    "laminar": 'Laminar.start_as_current_span(…, session_id="…")',
    "langfuse": 'with propagate_attributes(session_id="…"): around the turn',
    "langsmith": 'langsmith_extra={"metadata": {"session_id": "…"}} on the traced call',
    "vercel_ai": 'experimental_telemetry: { isEnabled: true, metadata: { sessionId: "…" } }',
    "pydantic_ai": 'agent.run(…, conversation_id="…")',
    "google_adk": 'runner.run_async(…, session_id="…") with one id for the whole conversation',
    "openai_agents_logfire": 'with agents.trace("…", group_id="…"): around the turn',
}


def remedy_for(dialects: Iterable[str]) -> str:
    """Of the first dialect that has one."""
    return next((REMEDIES[name] for name in dialects if name in REMEDIES), ANY)
