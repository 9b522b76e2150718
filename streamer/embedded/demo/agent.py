"""A support agent with scripted answers, traced by MLflow and exported over OTLP, as a real application would be.

    python -m streamer.embedded.demo.agent   reads turns as JSON lines `{"session", "user", "assistant"}` from stdin,
    and says "ready", then "done" after each

Rule: it knows nothing of streamer. The one line that matters is `set_attribute("session.id", …)`: MLflow's OTLP export
does not carry the session otherwise.
"""

import json
import sys

import mlflow


@mlflow.trace(span_type="RETRIEVER")  # type: ignore[untyped-decorator, unused-ignore]
def look_up(question: str) -> list[str]:
    return [f"article about {question.split()[-1].strip('?.!')}"]


def answer(session: str, user: str, assistant: str) -> None:
    """One turn."""
    with mlflow.start_span("support_agent", span_type="AGENT") as span:
        span.set_attribute("session.id", session)
        span.set_inputs({"messages": [{"role": "user", "content": user}]})
        look_up(user)
        span.set_outputs({"choices": [{"message": {"role": "assistant", "content": assistant}}]})


def main() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        turn = json.loads(line)
        answer(turn["session"], turn["user"], turn["assistant"])
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
