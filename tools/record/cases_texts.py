"""Recordings of what is easily misread: texts that look like JSON, numbers or markup, calls side by side, an answer
without words, session ids of other kinds."""

from dataclasses import replace

from case import Case

_IDS = ("id-odd",)
_SESSIONS = {"id-odd": "Größe \"7\" – 🗝/{a}&b='c'"}


def more_of(cases: list[Case]) -> list[Case]:
    """Modes of cases that there are, under names of their own."""
    known = {case.name: case for case in cases}
    return [
        replace(
            known[name],
            name=f"{name}-{word}",
            mode=f"{known[name].mode} {word}",
            says=f"{known[name].says}: {says}",
            variables=known[name].variables | ({"SESSION": _SESSIONS[word]} if word in _SESSIONS else {}),
        )
        for word, says, names in (*_MORE, *((word, "another id", _OF_IDS) for word in _IDS))
        for name in names
    ]


_OF_IDS = ("mlflow-otlp-autolog", "openinference-openai-bare", "traceloop-stream", "vercel-6-history")
_MORE = (
    (
        "fail",
        "the second call is refused",
        (
            "vercel-7",
            "openinference-anthropic",
            "traceloop-langchain-utterance",
            "openinference-agents",
        ),
    ),
    (
        "exact",
        "texts that look like something else",
        (
            "mlflow-otlp-autolog",
            "mlflow-otlp-responses",
            "mlflow-3.1-history",
            "mlflow-dual-autolog",
            "otelgenai-old",
            "openinference-openai-bare",
            "openinference-openai-tools",
            "openinference-openai-json",
            "openinference-openai-responses",
            "openinference-agents",
            "traceloop-tools",
            "traceloop-old-tools",
            "traceloop-old-bare",
            "vercel-4-tools",
            "vercel-5",
            "vercel-6-stream",
            "langfuse-5",
            "langfuse-5-history",
            "langfuse-5-manual",
            "langfuse-3-tools",
            "strands-default",
            "otelgenai-span",
            "vercel-6-history",
            "strands-latest-tools",
        ),
    ),
    (
        "both",
        "two calls side by side",
        (
            "otelgenai-old-tools",
            "traceloop-old-tools",
        ),
    ),
    (
        "empty",
        "an answer without words",
        (
            "otelgenai-old",
            "langfuse-5",
            "openinference-openai-bare",
        ),
    ),
)
