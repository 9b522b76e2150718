"""What pydantic found wrong, as sentences for the person who must mend it.

Rule: setting, where it was set, what is wrong, what to write. Never the value: it may be a secret.
"""

import re
from collections.abc import Mapping
from typing import Any

from streamer.settings.known import LISTS, TABLES, meant, nearest

NUMBER = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
KINDS = {
    "string_type": "must be text in quotes",
    "int": "must be a whole number",
    "float": "must be a number",
    "finite_number": "must be a finite number",
    "missing": "is missing; add it",
}


def path_of(loc: tuple[Any, ...]) -> str:
    """`("judges", 1, "model")` is judges[1].model."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


def explained(problem: Mapping[str, Any], origins: Mapping[str, str]) -> str:
    """One sentence. `problem` is one of pydantic's ErrorDetails."""
    loc: tuple[Any, ...] = problem["loc"]
    around = (path_of(loc[:n]) for n in range(len(loc), 0, -1))
    origin = next((origins[path] for path in around if path in origins), None)
    return f"{path_of(loc)}{f' ({origin})' if origin else ''} {_said(problem, loc)}"


def _said(problem: Mapping[str, Any], loc: tuple[Any, ...]) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return f"is not a setting; {meant(str(loc[-1]), loc[0] if len(loc) > 1 else None)}"
    if kind == "literal_error":
        return _choice(problem["input"], re.findall(r"'([^']*)'", context["expected"]))
    if kind in ("tuple_type", "dict_type", "model_type"):
        return _shape(kind, loc)
    if kind == "value_error":
        return str(context["error"])
    if kind in NUMBER:
        return NUMBER[kind].format(**context)
    said = KINDS.get(kind) or KINDS.get(kind.split("_")[0])
    return said or f"is wrong: {problem['msg']}"


def _choice(given: object, known: list[str]) -> str:
    near = nearest(given, known) if isinstance(given, str) else None
    return f"must be one of {', '.join(known)}" + (f"; did you mean {near}?" if near else "")


def _shape(kind: str, loc: tuple[Any, ...]) -> str:
    if len(loc) == 1 and loc[0] in TABLES:
        name = f"[[{loc[0]}]]" if loc[0] in LISTS else f"[{loc[0]}]"
        return f"must be a {'list of tables' if loc[0] in LISTS else 'table'}: open it with {name}"
    return 'must be a list: ["…"]' if kind == "tuple_type" else 'must be a table: { name = "…" }'
