"""Commands that the documents tell people to type.

Rule: every fenced `sh` block of README.md and docs/ is one of three: run as it stands, or marked by the comment before
it, `<!-- not run: reason -->`, with a reason that a reader can judge.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"(?:<!-- not run: (?P<reason>[^>]*) -->\n)?^```sh\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_MENTION = re.compile(r"`(?:\.venv/bin/)?streamer (?P<inline>[^`\n]+)`|(?<=^```\n)streamer (?P<line>.+)$", re.MULTILINE)
_HEREDOC = re.compile(r"<<'(\w+)'.*?\n\1\n", re.DOTALL)
REASON_CHARS_MIN = 15


class Block(NamedTuple):
    page: str
    line: int
    text: str
    not_run: str | None
    """Why not; None: it is run."""


class Command(NamedTuple):
    """One call of streamer."""

    page: str
    line: int
    words: tuple[str, ...]


def blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks_of(page)]


def blocks_of(page: Path) -> list[Block]:
    text, name = page.read_text(), page.relative_to(ROOT).as_posix()
    return [
        Block(name, text.count("\n", 0, found.start("text")), found["text"], found["reason"])
        for found in _BLOCK.finditer(text)
    ]


def commands(block: Block) -> Iterator[Command]:
    """Every `streamer …` in it, also in pipes, loops and `$(…)`."""
    text = _HEREDOC.sub("\n", block.text).replace("\\\n", " ")
    for line in text.splitlines():
        for part in re.split(r"\||&&|;|\$\(|\)|&$|& ", _bare(line)):
            found = re.search(r"(?:^|[\s/!\[\"])streamer (?!\.)(.*)", " " + part)
            if found and not re.match(r"\s*(?:cp|export|cat|echo|grep|wait)\b", part):
                yield Command(block.page, block.line, tuple(_words(found[1])))


def mentions() -> list[Command]:
    """Every `streamer …` in running text and in blocks of no language; what is optional stands in brackets."""
    found = []
    for page in PAGES:
        text, name = page.read_text(), page.relative_to(ROOT).as_posix()
        for mention in _MENTION.finditer(text):
            said = re.sub(r"[\[\]]", " ", mention["inline"] or _bare(mention["line"]))
            found.append(Command(name, text.count("\n", 0, mention.start()) + 1, tuple(_words(said))))
    return found


def _bare(line: str) -> str:
    """Without its comment."""
    return re.sub(r"(?:^|\s)#\s.*$", "", line)


def _words(text: str) -> Iterator[str]:
    for word in shlex.split(text.replace("…", "x")):
        if re.match(r"\d?[<>]", word):
            return
        yield word
