"""MLflow's judges on transcripts: what they are shown, what they may answer, what a broken call becomes."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import mlflow
import pytest

from streamer.adapters.mlflow_judges import MlflowJudges
from streamer.core.judges import JudgeSpec, JudgeType
from streamer.core.model import Completion, ModelRequest
from streamer.core.transcript import Transcript
from streamer.core.turn import ToolEvent, Turn
from streamer.core.verdict import FailureKind, JudgeFailure, Usage, Verdict
from streamer.errors import CallFailed, ConfigurationError
from tests.fakes.language_model import LanguageModel

OPENAI = "openai:/gpt-4.1-mini"
BUILT_IN: dict[JudgeType, tuple[str, str]] = {
    "user_frustration": ("none", "unresolved"),
    "conversation_completeness": ("yes", "no"),
    "conversational_safety": ("yes", "no"),
    "conversational_tool_call_efficiency": ("yes", "no"),
    "conversational_role_adherence": ("yes", "no"),
    "conversational_guidelines": ("yes", "no"),
    "knowledge_retention": ("yes", "no"),
}
"""By judge: what the scripted rules say of a calm and of an angry conversation."""
CALM = ("Where is my order?", "It arrives today."), ("Thank you!", "You are welcome.")
ANGRY = ("Where is my order?", "It arrives today."), ("This is useless, third time I ask", "I am sorry.")


@pytest.fixture(scope="module")
def judges() -> Iterator[MlflowJudges]:
    made = MlflowJudges()
    yield made
    made.close()


def transcript(said: tuple[tuple[str | None, str | None], ...], system: str | None = None) -> Transcript:
    turns = tuple(
        Turn(
            trace_id=f"{n + 1:032x}",
            version=1,
            start_ns=n * 10**9,
            end_ns=n * 10**9 + 5,
            user=user,
            assistant=assistant,
            system=system,
        )
        for n, (user, assistant) in enumerate(said)
    )
    return Transcript(session_id="s-1", turns=turns, hash="h")


def spec(kind: JudgeType = "user_frustration", **more: object) -> JudgeSpec:
    guidelines = ("Be polite.",) if kind == "conversational_guidelines" else ()
    plain = JudgeSpec(type=kind, name=f"my_{kind}", model=OPENAI, guidelines=guidelines)
    return replace(plain, **more)  # type: ignore[arg-type]


def own_judge(**more: object) -> JudgeSpec:
    return spec("make_judge", instructions="Was {{ conversation }} polite?", **more)


def shown(model: LanguageModel) -> str:
    """What the user message of the last call says."""
    return model.requests[-1].messages[-1]["content"]


@pytest.mark.parametrize("kind", BUILT_IN)
async def test_each_built_in_judge_reads_the_conversation(judges: MlflowJudges, kind: JudgeType) -> None:
    calm, angry = BUILT_IN[kind]
    for said, value in ((CALM, calm), (ANGRY, angry)):
        model = LanguageModel()
        verdict = await judges.judge(spec(kind), transcript(said), None, model.ask)
        assert isinstance(verdict, Verdict)
        assert (verdict.value, type(verdict.value)) == (value, str)
        assert "useless" not in verdict.rationale or said is ANGRY


async def test_what_was_said_is_shown_word_for_word(judges: MlflowJudges) -> None:
    model = LanguageModel()
    await judges.judge(spec(), transcript((('Ärger "now" 😠', "{}"), (None, "[1]"), ("  ", None))), None, model.ask)
    assert shown(model) == (
        'conversation: [\n  {\n    "role": "user",\n    "content": "Ärger \\"now\\" 😠"\n  },\n'
        '  {\n    "role": "assistant",\n    "content": "{}"\n  },\n'
        '  {\n    "role": "assistant",\n    "content": "[1]"\n  }\n]'
    )


async def test_an_appended_turn_leaves_the_text_before_it_as_it_was(judges: MlflowJudges) -> None:
    model = LanguageModel()
    await judges.judge(spec(), transcript(CALM[:1]), None, model.ask)
    await judges.judge(spec(), transcript(CALM), None, model.ask)
    before, after = (request.messages[-1]["content"] for request in model.requests)
    assert after.startswith(before.removesuffix("\n]"))


async def test_tools_are_shown_to_the_judge_of_tool_calls_alone(judges: MlflowJudges) -> None:
    plain = transcript(CALM)
    tool = ToolEvent(name="find_order", arguments='{"id": 7}', result="in transit")
    with_tools = replace(plain, turns=(replace(plain.turns[0], tools=(tool,)), plain.turns[1]))
    model = LanguageModel()
    await judges.judge(spec("conversational_tool_call_efficiency"), with_tools, None, model.ask)
    assert "find_order" in shown(model)
    assert "in transit" in shown(model)
    await judges.judge(spec(), with_tools, None, model.ask)
    assert "find_order" not in shown(model)


async def test_the_system_prompt_is_shown_to_the_judge_of_roles_alone(judges: MlflowJudges) -> None:
    model = LanguageModel()
    role = transcript(CALM, system="You are a pirate.")
    await judges.judge(spec("conversational_role_adherence"), role, None, model.ask)
    assert shown(model).count("You are a pirate.") == 1
    await judges.judge(spec(), role, None, model.ask)
    assert "pirate" not in shown(model)


async def test_the_request_names_the_real_model_and_the_judges_parameters(judges: MlflowJudges) -> None:
    model = LanguageModel()
    parameters = (("temperature", 0.0), ("seed", 7), ("top_k", 3))
    await judges.judge(spec(parameters=parameters), transcript(CALM), None, model.ask)
    [request] = model.requests
    assert request.model == OPENAI
    schema = request.parameters["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["result"]["enum"] == ["none", "resolved", "unresolved"]
    assert {k: v for k, v in request.parameters.items() if k != "response_format"} == dict(parameters)


async def test_the_same_transcript_is_the_same_request(judges: MlflowJudges) -> None:
    model = LanguageModel()
    for _ in range(2):
        await judges.judge(spec(), transcript(CALM), None, model.ask)
    first, second = model.requests
    assert first.call_key(0) == second.call_key(0)


async def test_knowledge_retention_asks_once_a_turn_and_sums_what_it_cost(judges: MlflowJudges) -> None:
    model = LanguageModel()
    verdict = await judges.judge(spec("knowledge_retention"), transcript(CALM), None, model.ask)
    assert len(model.requests) == 2
    assert verdict.usage.requests == 2
    assert verdict.usage.cost_usd == pytest.approx(0.002)


async def test_a_failure_in_mid_judgement_says_what_was_spent_before(judges: MlflowJudges) -> None:
    model = LanguageModel()
    failing = iter([None, CallFailed("timeout", "Timeout")])

    async def ask(request: ModelRequest) -> Completion:
        if failure := next(failing):
            raise failure
        return await model.ask(request)

    failure = await judges.judge(spec("knowledge_retention"), transcript(CALM), None, ask)
    assert isinstance(failure, JudgeFailure)
    assert (failure.kind, failure.usage.requests) == ("timeout", 1)


KINDS: tuple[FailureKind, ...] = (
    "timeout",
    "rate_limited",
    "unavailable",
    "refused",
    "bad_answer",
    "context_too_long",
    "authentication",
    "bad_request",
    "internal",
)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_that_failed_is_asked_once_and_is_a_failure_of_its_kind(
    judges: MlflowJudges, kind: FailureKind
) -> None:
    model = LanguageModel(CallFailed(kind, "RateLimitError 429", 1500))
    failure = await judges.judge(spec(), transcript(CALM), None, model.ask)
    assert failure == JudgeFailure(kind=kind, detail="RateLimitError 429", retry_after_ms=1500, usage=Usage())
    assert len(model.requests) == 1


@pytest.mark.parametrize("content", ["no json", "{}", '{"result": "furious", "rationale": "x"}', '"none"', "[]"])
async def test_an_unusable_answer_is_paid_for_once_and_never_a_verdict(judges: MlflowJudges, content: str) -> None:
    model = LanguageModel(content=content)
    failure = await judges.judge(spec(), transcript(CALM), None, model.ask)
    assert isinstance(failure, JudgeFailure)
    assert (failure.kind, failure.usage.requests) == ("bad_answer", 1)
    assert "furious" not in failure.detail
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    ("judge", "result", "value"),
    [
        (own_judge(value_type="bool"), "true", True),
        (own_judge(value_type="bool"), '"True"', True),
        (own_judge(value_type="int"), "3", 3),
        (own_judge(value_type="int"), '"3"', 3),
        (own_judge(value_type="float"), "1", 1.0),
        (own_judge(value_type="float"), "0.25", 0.25),
        (own_judge(), '"anything"', "anything"),
        (own_judge(labels=("good", "bad")), '"good"', "good"),
        (own_judge(labels=(1, 2)), "2", 2),
    ],
)
async def test_an_answer_has_the_judges_type(
    judges: MlflowJudges, judge: JudgeSpec, result: str, value: str | bool | float
) -> None:
    model = LanguageModel(content=f'{{"result": {result}, "rationale": "because"}}')
    verdict = await judges.judge(judge, transcript(CALM), None, model.ask)
    assert isinstance(verdict, Verdict)
    assert (verdict.value, type(verdict.value), verdict.rationale) == (value, type(value), "because")


@pytest.mark.parametrize(
    ("judge", "result"),
    [
        (own_judge(value_type="bool"), "1"),
        (own_judge(value_type="bool"), '"yes"'),
        (own_judge(value_type="int"), "3.5"),
        (own_judge(value_type="int"), "true"),
        (own_judge(value_type="int"), '"three"'),
        (own_judge(), "3"),
        (own_judge(labels=("good", "bad")), '"Good enough"'),
        (own_judge(labels=(1, 2)), "true"),
        (own_judge(labels=(1, 2)), "3"),
    ],
)
async def test_an_answer_outside_type_or_labels_is_a_failure(
    judges: MlflowJudges, judge: JudgeSpec, result: str
) -> None:
    model = LanguageModel(content=f'{{"result": {result}, "rationale": "because"}}')
    failure = await judges.judge(judge, transcript(CALM), None, model.ask)
    assert isinstance(failure, JudgeFailure)
    assert failure.kind == "bad_answer"


async def test_a_verdict_may_have_no_rationale(judges: MlflowJudges) -> None:
    model = LanguageModel(content='{"result": "none", "rationale": ""}')
    verdict = await judges.judge(spec(), transcript(CALM), None, model.ask)
    assert isinstance(verdict, Verdict)
    assert (verdict.value, verdict.rationale) == ("none", "")


async def test_expectations_are_shown_to_the_judge_that_reads_them(judges: MlflowJudges) -> None:
    model = LanguageModel()
    judge = spec("make_judge", instructions="Does {{ conversation }} meet {{ expectations }}?")
    verdict = await judges.judge(judge, transcript(CALM), {"outcome": "refund promised"}, model.ask)
    assert isinstance(verdict, Verdict)
    assert "refund promised" in shown(model)


async def test_a_cancelled_judgement_asks_for_nothing_more(judges: MlflowJudges) -> None:
    asked: list[ModelRequest] = []
    first, go_on = asyncio.Event(), asyncio.Event()
    model = LanguageModel()

    async def ask(request: ModelRequest) -> Completion:
        asked.append(request)
        first.set()
        await go_on.wait()
        return await model.ask(request)

    judging = asyncio.create_task(judges.judge(spec("knowledge_retention"), transcript(CALM), None, ask))
    await first.wait()
    judging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await judging
    go_on.set()
    # The pool's thread is free again once another judgement has been through as many turns.
    for _ in range(3):
        await judges.judge(spec("knowledge_retention"), transcript(CALM), None, model.ask)
    assert len(asked) == 1


async def test_what_ask_raises_against_its_contract_is_not_swallowed(judges: MlflowJudges) -> None:
    calls = 0

    async def ask(request: ModelRequest) -> Completion:
        nonlocal calls
        calls += 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await judges.judge(spec(), transcript(CALM), None, ask)
    assert calls == 1


async def test_judgements_at_the_same_time_do_not_mix(judges: MlflowJudges) -> None:
    async def one(n: int) -> tuple[int, bool]:
        model = LanguageModel()
        said = transcript(((f"This is useless, ticket {n}", "Sorry."),))
        verdict = await judges.judge(spec(), said, None, model.ask)
        return len(model.requests), isinstance(verdict, Verdict) and f"ticket {n}" in verdict.rationale

    assert set(await asyncio.gather(*(one(n) for n in range(40)))) == {(1, True)}


def test_a_judge_that_mlflow_does_not_take_is_a_configuration_error() -> None:
    wrong = spec("make_judge", instructions="{{ conversation }} {{ inputs }}")
    with pytest.raises(ConfigurationError, match="my_make_judge"):
        MlflowJudges(1, [wrong])


async def test_judging_leaves_no_trace_in_mlflow(judges: MlflowJudges) -> None:
    await judges.judge(spec(), transcript(CALM), None, LanguageModel().ask)
    assert mlflow.get_last_active_trace_id() is None
