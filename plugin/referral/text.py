"""Plain text, as FHIR takes it and as a person may safely read it."""

import re
import unicodedata
from typing import Final

# As much as a clinician would sign; longer text is refused, never cut.
NOTE_LIMIT: Final = 20_000

_LINE_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_TRAILING = re.compile(r"[ \t]+(?=\n)")
_MANY_BREAKS = re.compile(r"\n{4,}")

# Marks that turn the direction of what follows: they can make a text read otherwise
# than it is stored. Source: Unicode TR 36, 3.2; TR 9 (explicit directional formatting).
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_text(text: str) -> str:
    """Take out what no record should hold; say nothing else than was said.

    Line ends become LF, odd spaces a space; control characters, halves of surrogate
    pairs, noncharacters and marks that turn the reading direction go.
    """
    lines = _LINE_BREAKS.sub("\n", text)
    kept = "".join(_kept(character) for character in lines)
    return _MANY_BREAKS.sub("\n\n\n", _TRAILING.sub("", kept)).strip()


def one_line(text: str, limit: int) -> str:
    """A short text for a field of its own; cut with an ellipsis where it is long."""
    flat = " ".join(clean_text(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def _kept(character: str) -> str:
    if character in "\n\t":
        return character
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    if kind in ("Cc", "Cs") or character in _TURNING or character == "\ufeff":
        return ""
    point = ord(character)
    if point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF:
        return ""
    return character
