"""The root's text against the model's: which of them was said.

Rule: the root's, unless a library wrote it: an object without a telling member, Python's repr of one. Then it is the
text in it that the model was asked or gave, or the model's own.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from streamer.core.wire.values import unwrap

_REPR = re.compile(r"\s*(?:[A-Z][\w.]*\((?:\w+=.*)?(?:\)|\.\.\.)|<[A-Za-z_][\w.]* object at 0x\w+>)\s*", re.DOTALL)
_DEPTH_MAX = 12


class Told(NamedTuple):
    """`by_root`: the root has this text."""

    text: str | None
    by_root: bool


def by_machine(text: str) -> bool:
    """An object or a list as JSON, or Python's repr of one."""
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return isinstance(unwrap(text, 1), Mapping | list)
    return _REPR.fullmatch(text) is not None


def told(root: str | None, verbatim: Any, model: str | None) -> Told:  # noqa: ANN401
    """`verbatim`: what the root's text was read from, as it was sent."""
    if root is not None and model in (None, root) and _REPR.fullmatch(root):
        return Told(None, by_root=False)
    if root is None or model is None or root == model:
        return Told(root or model, root is not None)
    if model in (verbatim, unwrap(verbatim, 1)):  # what looked like an object around the text is the text
        return Told(model, by_root=True)
    if not by_machine(root) or root in model or unwrap(root, 1) == unwrap(model, 1):
        return Told(root, by_root=True)
    texts = set(_texts(verbatim, 0))
    if model in texts:
        return Told(model, by_root=True)
    asked = max((text for text in texts if text.strip() and text in model), key=len, default=None)  # by a template
    return Told(model, by_root=False) if asked is None else Told(asked, by_root=True)


def _texts(value: Any, depth: int) -> Iterator[str]:  # noqa: ANN401
    value = unwrap(value)
    if isinstance(value, str):
        yield value
    elif depth < _DEPTH_MAX and isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item, depth + 1)
