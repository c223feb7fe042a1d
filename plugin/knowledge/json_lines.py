"""Where each value of a JSON text stands, so that a refusal can name its line.

The text is read a second time, only for places: it is never used to read a value.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from json import JSONDecodeError, JSONDecoder

Path = tuple[str | int, ...]

_BLANK = re.compile(r"[ \t\r\n]*")
_VALUE = JSONDecoder().raw_decode


def lines_in(text: str) -> Mapping[Path, int]:
    """Find the line of every value of a JSON text that `json` can read.

    Gives:  1-based lines under paths such as `("programs", 0, "id")`.
    """
    found: dict[Path, int] = {}
    try:
        for path, place in _places(text, _after_blank(text, 0), ()):
            found[path] = text.count("\n", 0, place) + 1
    except (JSONDecodeError, IndexError):
        return found
    return found


def line_of(path: Sequence[str | int], lines: Mapping[Path, int]) -> int | None:
    """The line of a value, else of what it stands in or is missing from."""
    for length in range(len(path), 0, -1):
        if tuple(path[:length]) in lines:
            return lines[tuple(path[:length])]
    return None


def _places(text: str, at: int, path: Path) -> Iterator[tuple[Path, int]]:
    """Paths and places, the whole before its parts."""
    if path:
        yield path, at
    if text[at] == "{":
        yield from _members(text, at, path)
    elif text[at] == "[":
        yield from _items(text, at, path)


def _members(text: str, at: int, path: Path) -> Iterator[tuple[Path, int]]:
    at = _after_blank(text, at + 1)
    while text[at] != "}":
        key, end = _VALUE(text, at)
        colon = _after_blank(text, end)
        value = _after_blank(text, colon + 1)
        yield from _places(text, value, (*path, key))
        at = _next(text, value)


def _items(text: str, at: int, path: Path) -> Iterator[tuple[Path, int]]:
    at, number = _after_blank(text, at + 1), 0
    while text[at] != "]":
        yield from _places(text, at, (*path, number))
        at, number = _next(text, at), number + 1


def _next(text: str, value: int) -> int:
    """The place of the next member or item, or of the closing bracket."""
    end = _after_blank(text, _VALUE(text, value)[1])
    return _after_blank(text, end + 1) if text[end] == "," else end


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at
