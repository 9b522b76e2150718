"""MLflow's ConversationSimulator, with its own prompts, ids and metadata; its model calls go the way of the judges'.

Rule: what ends a conversation is known and said. MLflow 3.17 logs an error and goes on, so the parts that it calls are
wrapped here; all of them are its own methods, and a test on the real one fails if they move.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from streamer.adapters.mlflow_judges.bridge import MODEL, Judgement, Stopped, register_provider
from streamer.core import scripted_user
from streamer.core.simulation import Case, Held
from streamer.errors import StreamerError
from streamer.quiet import hush

Agent = Callable[..., Any]
JudgementOf = Callable[[], Judgement]


class Tell(Protocol):
    def __call__(self, conversation: Held, *, over: bool) -> None: ...


def held(
    cases: Sequence[Case], agent: Agent, max_turns: int, at_once: int, judgement_of: JudgementOf | None, tell: Tell
) -> list[Held]:
    """Hold the conversations, `at_once` at the same time, traced by MLflow. `judgement_of` makes the way to the model
    that speaks for the user, one per conversation; None: the scripted user. `tell` hears of every turn and every end.
    A StreamerError that stopped a user (the spending limit) is raised when the others have come to their end."""
    hush()
    if judgement_of is not None:
        register_provider()
    for name in ("mlflow.genai.simulators.simulator", "mlflow.tracing.fluent"):  # said here instead, without content
        logging.getLogger(name).setLevel(logging.CRITICAL)
    stage = _Stage(agent, judgement_of, tell, [Held(case) for case in cases])
    simulator = _simulator(stage, at_once)(
        test_cases=[case.for_mlflow() for case in cases],
        max_turns=max_turns,
        user_model=MODEL,
        user_agent_class=_scripted(stage) if judgement_of is None else None,
    )
    simulator.simulate(stage.called)
    if stage.broken:
        raise stage.broken[0]
    return stage.conversations


def log_expectations(conversations: Sequence[Held]) -> None:
    """On each session's first trace, as MLflow keeps them; to be called when the traces are exported."""
    import mlflow

    for one in conversations:
        for name, value in one.case.expectations.items() if one.trace_ids else ():
            session = {"mlflow.trace.session": one.session_id}
            mlflow.log_expectation(trace_id=one.trace_ids[0], name=name, value=value, metadata=session)


def _scripted(stage: "_Stage") -> Any:  # noqa: ANN401 – MLflow's classes are known only here
    from mlflow.genai.simulators import BaseSimulatedUserAgent

    class ScriptedUser(BaseSimulatedUserAgent):  # type: ignore[misc, unused-ignore]
        def generate_message(self, context: Any) -> str:  # noqa: ANN401
            return scripted_user.line(stage.here.held.case, context.turn)

    return ScriptedUser


def _simulator(stage: "_Stage", at_once: int) -> Any:  # noqa: ANN401
    from mlflow.genai.simulators import ConversationSimulator

    class Simulator(ConversationSimulator):  # type: ignore[misc, unused-ignore]
        def _execute_simulation(self, predict_fn: Agent) -> list[Any]:
            def one(conversation: Held) -> None:
                told = conversation.case.for_mlflow()
                stage.hold(conversation, lambda: self._run_conversation(told, predict_fn, _Untimed()))

            with ThreadPoolExecutor(at_once, "simulation") as pool:
                list(pool.map(one, stage.conversations))
            return []

        def _invoke_predict_fn(self, **told: Any) -> tuple[Any, str | None]:  # noqa: ANN401
            # MLflow 3.17 logs expectations before it has exported the trace, and gives the conversation up when that
            # fails: `log_expectations` does it afterwards.
            told["expectations"] = None
            return stage.invoke(told["trace_session_id"], lambda: super(Simulator, self)._invoke_predict_fn(**told))

        def _check_goal_achieved(self, history: list[dict[str, Any]], last: str, goal: str) -> bool:
            theirs = super()._check_goal_achieved
            return stage.check(last, lambda: bool(theirs(history, last, goal)))

    return Simulator


@dataclass(slots=True)
class _Stage:
    """What goes on, conversation by conversation; each is held in a thread of its own."""

    agent: Agent
    judgement_of: JudgementOf | None
    tell: Tell
    conversations: list[Held]
    here: threading.local = field(default_factory=threading.local)
    broken: list[StreamerError] = field(default_factory=list)

    def hold(self, conversation: Held, run: Callable[[], Any]) -> None:
        self.here.held, self.here.answers = conversation, []
        if self.judgement_of is None:
            run()
        else:
            way = self.judgement_of()
            try:
                way.run(run)
            except Stopped:
                conversation.ending = "user_failed"
                conversation.detail = str(way.failure or type(way.broken).__name__)
                if isinstance(way.broken, StreamerError):
                    self.broken.append(way.broken)
        self.tell(conversation, over=True)

    def invoke(self, session_id: str, theirs: Callable[[], tuple[Any, str | None]]) -> tuple[Any, str | None]:
        conversation: Held = self.here.held
        conversation.session_id = session_id
        conversation.ending = "tracing_failed"
        try:
            answer, trace_id = theirs()
        except Exception as error:
            if conversation.ending == "tracing_failed":
                conversation.detail = type(error).__name__
            raise
        if trace_id:
            conversation.trace_ids.append(trace_id)
        conversation.ending = "no_answer"
        self.tell(conversation, over=False)
        return answer, trace_id

    def check(self, last: str, theirs: Callable[[], bool]) -> bool:
        conversation: Held = self.here.held
        self.here.answers.append(last)
        scripted = self.judgement_of is None
        achieved = scripted_user.is_achieved(conversation.case, self.here.answers) if scripted else theirs()
        conversation.ending, conversation.goal_achieved = ("goal", True) if achieved else ("max_turns", False)
        return achieved

    def called(self, messages: list[dict[str, Any]], **more: Any) -> Any:  # noqa: ANN401
        """What MLflow takes for the agent."""
        try:
            return self.agent(messages, **more)
        except Exception as error:  # whatever the agent's code raises is its failure, and MLflow's to go on from
            self.here.held.ending, self.here.held.detail = "agent_failed", type(error).__name__
            raise


class _Untimed:
    """Stands for MLflow's tracker of times, which feeds its own progress bar."""

    def add(self, **seconds: float) -> None:
        return None


def prompts(case: Case, history: Sequence[Mapping[str, str]]) -> tuple[str, str]:
    """What the user's model is asked for a message, and to check the goal, with so much said before: to estimate."""
    from mlflow.genai.simulators import prompts as theirs

    said = "\n".join(f"{one['role']}: {one['content']}" for one in history)
    asked = theirs.FOLLOWUP_USER_PROMPT.format(
        persona=case.persona or theirs.DEFAULT_PERSONA,
        goal=case.goal,
        guidelines_section="\n".join(case.simulation_guidelines),
        conversation_history=said,
        last_response="",
    )
    checked = theirs.CHECK_GOAL_PROMPT.format(goal=case.goal, conversation_history=said, last_response="")
    return asked, checked
