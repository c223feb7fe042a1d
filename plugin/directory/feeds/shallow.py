"""A stream of JSON that refuses to nest deeper than any feed does.

A parser that keeps the path of every element takes a time that grows with the square
of the depth: a hundred thousand brackets would keep an import busy for hours.
"""

import re
from typing import BinaryIO

from plugin.directory.errors import FeedUnreadable
from plugin.directory.feeds.numbers import tamed

DEEPEST = 64

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = frozenset(b"[{")
_OF_NUMBERS = frozenset(bytes([sign]) for sign in b"+-.0123456789Ee")
_LONGEST = 10_000  # signs of a number, or of what looks like one in a text


class Shallow:
    """What a parser reads from, instead of the stream itself.

    Raises: FeedUnreadable, from `read`.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._open_string = b""  # its beginning, and what decides how it goes on
        self._depth = 0

    def read(self, size: int = -1) -> bytes:
        chunk = tamed(self._whole(size), self._open_string)
        self._follow(chunk)
        return chunk

    def _whole(self, size: int) -> bytes:
        """The next chunk, which does not end within a number."""
        chunk = self._stream.read(size)
        for _ in range(_LONGEST):
            if chunk[-1:] not in _OF_NUMBERS or not (more := self._stream.read(1)):
                return chunk
            chunk += more
        raise FeedUnreadable("it holds a number longer than any feed has")

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
