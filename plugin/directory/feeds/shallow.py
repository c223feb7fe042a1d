"""A stream of JSON that refuses to nest deeper than any feed does.

A parser that keeps the path of every element takes a time that grows with the square
of the depth: a hundred thousand brackets would keep an import busy for hours.
"""

import re
from typing import BinaryIO

from plugin.directory.errors import FeedUnreadable

DEEPEST = 64

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = frozenset(b"[{")


class Shallow:
    """What a parser reads from, instead of the stream itself.

    Raises: FeedUnreadable, from `read`.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._open_string = b""  # its beginning, and what decides how it goes on
        self._depth = 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._follow(chunk)
        return chunk

    def _follow(self, chunk: bytes) -> None:
        outside = _STRING.sub(b"", self._open_string + chunk)
        begins = outside.find(b'"')
        self._open_string = b""
        if begins >= 0:
            said = outside[begins:]
            escapes = len(said) - len(said.rstrip(b"\\"))
            self._open_string = b'"' + b"\\" * (escapes % 2)
            outside = outside[:begins]
        for bracket in outside.translate(None, _NO_BRACKETS):
            self._depth += 1 if bracket in _OPENING else -1
            if self._depth > DEEPEST:
                raise FeedUnreadable("it is nested deeper than any feed")
