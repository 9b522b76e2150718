"""What MLflow's guide "Evaluate Conversations" teaches, as a program that knows nothing of streamer.

    python tests/mlflow_guide/conversations.py trace | evaluate --experiment NAME

Rule: MLflow's API alone, called as the guide calls it; it is run before and after streamer has worked on the same
server, and may not tell the difference. It asks the model that OPENAI_API_BASE names. What came out is JSON on the last
line of standard output.
"""

import argparse
import json
import sys
from typing import Any, Literal

import mlflow
from mlflow.genai.judges import make_judge
from mlflow.genai.scorers import ConversationCompleteness, UserFrustration
from mlflow.genai.simulators import ConversationSimulator

MODEL = "openai:/gpt-4.1-mini"
SAID = {
    "late-parcel": ["Where is my parcel?", "It is still not here. This is useless!"],
    "mended-invoice": ["My invoice is wrong, for the third time.", "Perfect, that works."],
    "opening-hours": ["When are you open?", "Thank you."],
}
"""Session → what its user says; the first one ends badly, the second is saved."""
EXPECTED = {"late-parcel": "an apology and a date"}
CASES = [
    {"goal": "learn when the shop is open", "persona": "a hurried customer"},
    {"goal": "get a refund", "expectations": {"outcome": "a refund within two weeks"}},
]
BUILT_IN = (ConversationCompleteness(model=MODEL), UserFrustration(model=MODEL))
POLITENESS = make_judge(
    name="politeness",
    instructions="How did the assistant in {{ conversation }} speak to the user?",
    feedback_value_type=Literal["polite", "curt", "rude"],
    model=MODEL,
)
OUTCOME = make_judge(
    name="outcome_met",
    instructions="Does {{ conversation }} end as {{ expectations }} wants it?",
    feedback_value_type=Literal["yes", "no"],
    model=MODEL,
)


@mlflow.trace(name="support", span_type="AGENT")  # type: ignore[untyped-decorator, unused-ignore]
def support(question: str, session: str) -> str:
    mlflow.update_current_trace(metadata={"mlflow.trace.session": session})
    return f"I have looked into it: {len(question)} letters were read."


def agent(messages: list[dict[str, str]], **_: Any) -> str:
    """What the simulator talks to."""
    return f"We are open from nine to five. ({len(messages)})"


def trace_sessions() -> dict[str, str]:
    """Session → its first trace."""
    first: dict[str, str] = {}
    for session, questions in SAID.items():
        for question in questions:
            support(question, session)
            first.setdefault(session, mlflow.get_last_active_trace_id() or "")
    mlflow.flush_trace_async_logging()
    for session, expected in EXPECTED.items():
        about = {"mlflow.trace.session": session}
        mlflow.log_expectation(trace_id=first[session], name="outcome", value=expected, metadata=about)
    return first


def evaluate_all(experiment: str) -> dict[str, Any]:
    traces = mlflow.search_traces(locations=[experiment], filter_string="name = 'support'", return_type="list")
    return evaluated(traces, [*BUILT_IN])


def evaluate_one(experiment: str, session: str, scorers: list[Any]) -> dict[str, Any]:
    wanted = f"metadata.`mlflow.trace.session` = '{session}'"
    traces = mlflow.search_traces(locations=[experiment], filter_string=wanted, return_type="list")
    return evaluated(traces, scorers)


def evaluate_sessions(experiment: str) -> dict[str, Any]:
    sessions = [one for one in mlflow.search_sessions(locations=[experiment]) if one.id in SAID]
    result = evaluated([trace for one in sessions for trace in one], [POLITENESS])
    return {"sessions": {one.id: len(one) for one in sessions}, **result}


def simulate() -> dict[str, Any]:
    """A simulated session has another id each time, so its place among the cases is its name here."""
    simulator = ConversationSimulator(test_cases=CASES, max_turns=2, user_model=MODEL)
    result = mlflow.genai.evaluate(data=simulator, predict_fn=agent, scorers=[*BUILT_IN])
    return {"metrics": dict(result.metrics), "rows": len(result.result_df)}


def evaluated(traces: list[Any], scorers: list[Any]) -> dict[str, Any]:
    """The metrics, and each session's values; the table also has what earlier runs left on the traces."""
    result = mlflow.genai.evaluate(data=traces, scorers=scorers)
    values = dict[str, dict[str, Any]]()
    for _, row in result.result_df.iterrows():
        session = row["trace_metadata"]["mlflow.trace.session"]
        found = {one.name: row[f"{one.name}/value"] for one in scorers}
        values.setdefault(session, {}).update({name: value for name, value in found.items() if isinstance(value, str)})
    return {"metrics": dict(result.metrics), "values": values}


def main() -> None:
    parser = argparse.ArgumentParser(description="MLflow's guide, as a program")
    parser.add_argument("what", choices=("trace", "evaluate"))
    parser.add_argument("--experiment", required=True)
    args = parser.parse_args()
    experiment = mlflow.set_experiment(args.experiment).experiment_id
    if args.what == "trace":
        said: dict[str, Any] = trace_sessions()
    else:
        said = {
            "all sessions": evaluate_all(experiment),
            "one session": evaluate_one(experiment, "late-parcel", [*BUILT_IN]),
            "with expectations": evaluate_one(experiment, "late-parcel", [OUTCOME]),
            "search_sessions and make_judge": evaluate_sessions(experiment),
            "simulated": simulate(),
        }
    assert not [name for name in sys.modules if name.startswith("streamer")], "the guide knows of no streamer"
    print(json.dumps(said))


if __name__ == "__main__":
    main()
