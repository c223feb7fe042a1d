"""The Markdown of a card's detail as the EHR shows it: paragraphs, lists, bold.

Anything else stays as it is written. Nothing becomes a link or markup of the page.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_PIECE = re.compile(
    r"\*\*(?P<bold>(?:\\.|[^*\\])+)\*\*|(?P<plain>(?:\\.|(?!\*\*).)+|.)"
)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, or a list with one line of pieces for each item."""

    is_list: bool
    lines: Sequence[Sequence[Piece]]


def blocks(detail: str) -> Sequence[Block]:
    found: list[Block] = []
    for part in re.split(r"\n\s*\n", detail.strip()):
        lines = [line.strip() for line in part.split("\n") if line.strip()]
        if not lines:
            continue
        if all(line.startswith("- ") for line in lines):
            items = [tuple(pieces(line[2:])) for line in lines]
            found.append(Block(is_list=True, lines=items))
        else:
            found.append(Block(is_list=False, lines=[tuple(pieces(" ".join(lines)))]))
    return found


def pieces(line: str) -> Iterable[Piece]:
    for piece in _PIECE.finditer(line):
        bold = piece["bold"]
        yield Piece(_words(bold or piece["plain"]), bold=bold is not None)


def _words(text: str) -> str:
    return _ESCAPED.sub(r"\1", html.unescape(text))
