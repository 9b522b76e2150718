"""Agents that simulations are tried on."""

import mlflow


@mlflow.trace(span_type="AGENT")  # type: ignore[untyped-decorator, unused-ignore]
def answer(messages: list[dict[str, str]]) -> dict[str, object]:
    """Knows where a parcel is when it is asked twice."""
    knows = "parcel" in messages[-1]["content"].lower() and len(messages) > 2
    said = "Your parcel arrives tomorrow." if knows else "I do not know."
    return {"choices": [{"message": {"role": "assistant", "content": said}}]}


async def untraced(messages: list[dict[str, str]], tone: str) -> str:
    """Raises where the case gives no tone."""
    return f"{tone}: your refund is on its way"


def broken(messages: list[dict[str, str]]) -> str:
    raise RuntimeError("what the user said must not be printed")
