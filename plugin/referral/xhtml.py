"""The note as strict XHTML: the signed text, word for word, with its blocks as blocks.

Some EHRs turn XHTML into their own rich text and refuse what is not well formed. There
is no style, no link and no image: only a heading line's words, paragraphs and lists.

Source: XHTML 1.0 Strict, appendix C; HTTP media type application/xhtml+xml (RFC 3236).
"""

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

CONTENT_TYPE: Final = "application/xhtml+xml;charset=utf-8"

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" '
    '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n'
)
_BULLET: Final = "- "


def note_xhtml(text: str, *, language: str, title: str) -> str:
    """Takes: the note as it was signed, with LF between its lines.

    Gives: a whole document. Its words, read in order, are the note's.
    """
    tag = quoteattr(language)
    blocks = "\n".join(_block(block) for block in _blocks(text))
    return (
        f'{_HEAD}<html xmlns="http://www.w3.org/1999/xhtml" lang={tag} '
        f"xml:lang={tag}>\n<head><title>{escape(title)}</title></head>\n"
        f"<body>\n{blocks}\n</body>\n</html>\n"
    )


def _blocks(text: str) -> Iterator[list[str]]:
    """Runs of lines: those of a list, and those between blank lines."""
    block: list[str] = []
    for line in text.split("\n"):
        listed = line.startswith(_BULLET)
        if block and (not line.strip() or listed != block[-1].startswith(_BULLET)):
            yield block
            block = []
        if line.strip():
            block.append(line)
    if block:
        yield block


def _block(lines: Sequence[str]) -> str:
    if lines[0].startswith(_BULLET):
        items = (f"<li>{escape(line.removeprefix(_BULLET))}</li>" for line in lines)
        return f"<ul>{''.join(items)}</ul>"
    return f"<p>{'<br />'.join(escape(line) for line in lines)}</p>"
