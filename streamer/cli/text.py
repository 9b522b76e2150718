"""Text on a terminal.

Rule: what a session said may hold a terminal's control sequences, and whoever reads it is not at their mercy.
"""

from typing import Any

from rich import text

_SHOWN = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"}
"""Control characters, C0 and C1, as they are written in source."""


class Text(text.Text):
    """Text that can only be read."""

    def __init__(self, said: str = "", *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(said.translate(_SHOWN), *arguments, **named)
