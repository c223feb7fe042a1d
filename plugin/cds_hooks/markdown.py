"""Text from outside as plain words in Markdown, whatever it holds.

Source: GitHub Flavored Markdown 0.29, 2.4 (backslash escapes), 6.9 and 6.11 (links);
renderers that make links of bare addresses are kept from it too.
"""

import re

MOST = 300  # characters of one piece of text

# What opens markup within a line. Marks that count at its beginning only are left:
# such text never stands there.
_MARKS = re.compile(r"([\\`*_\[\]!|~$])")
# What makes a bare address a link: a scheme, www, an at sign. A word joiner behind it
# does not show, and keeps it from being one.
_JOINER = "\u2060"
_LINKS = re.compile(
    r":(?=//)|(?<=www)(?=\.)|(?<=@)"
    r"|(?:javascript|vbscript|data|file|mailto|xmpp|tel|sms)(?=\s*:)",
    re.IGNORECASE,
)
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def plain(text: str, most: int = MOST) -> str:
    """One line of literal text, to stand behind other words."""
    line = text[: most * 4]
    if not line.isprintable():
        line = "".join(c if c.isprintable() else " " for c in line)
    line = " ".join(line.split())
    if len(line) > most:
        line = line[: most - 1] + "…"
    if ":" in line or "@" in line or "www." in line.lower():  # it seldom is
        line = _LINKS.sub(lambda found: found[0] + _JOINER, line)
    escaped = _MARKS.sub(r"\\\1", line).replace("](", "]\\(")
    return escaped.translate(_ENTITIES)
