"""The rows of a JSON feed, one after the other, however large the feed is.

A small feed is read at once; a large one as a stream, so that a million rows do not
stand in memory together.
"""

from collections.abc import Iterator, Sequence
from io import FileIO
from typing import Any, BinaryIO

import ijson
import orjson

from plugin.directory.errors import FeedUnreadable
from plugin.directory.feeds.shallow import Shallow

# Below this a feed is parsed whole, ten times as fast.
WHOLE = 24 * 2**20
_BOM = b"\xef\xbb\xbf"


def rows(stream: BinaryIO, *wrappers: str) -> Iterator[Any]:
    """The elements of the array that the feed is, or that a wrapper's key holds.

    Takes:  a stream that can be rewound; the keys under which some publishers wrap it.
    Raises: FeedUnreadable for anything else, perhaps after some rows.
    """
    first = _first_byte(stream)
    if first == b"[":
        path = "item"
    elif first == b"{" and wrappers:
        path = f"{_wrapper(stream, wrappers)}.item"
    else:
        raise FeedUnreadable(_said_of(first))
    yield from _at(stream, path)


def scalar(stream: BinaryIO, path: str) -> Any:
    """The first plain value at a path of the document; None where there is none."""
    return next(values(stream, path), None)


def values(stream: BinaryIO, path: str) -> Iterator[Any]:
    """The plain values at a path of an object, as far as it can be read."""
    if _first_byte(stream) != b"{":
        return
    _skip_bom(stream)
    try:
        for prefix, event, value in ijson.parse(Shallow(stream), use_float=True):
            if prefix == path and event in ("string", "number", "boolean"):
                yield value
    except (ijson.JSONError, UnicodeDecodeError):
        return


def _at(stream: BinaryIO, path: str) -> Iterator[Any]:
    body = stream.read(WHOLE + 1)
    if len(body) <= WHOLE:
        try:
            whole = orjson.loads(body.removeprefix(_BOM))
        except orjson.JSONDecodeError:
            # Stricter than the stream's parser in what it takes as text: the stream
            # has the last word on what can be read.
            whole = None
        if whole is not None:
            for step in path.split(".")[:-1]:
                whole = whole[step]
            yield from _placed(stream, len(body), whole)
            return
    stream.seek(0)
    _skip_bom(stream)
    try:
        yield from ijson.items(Shallow(stream), path, use_float=True)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:120]
        raise FeedUnreadable(f"it is no JSON, or it is cut off: {said}") from None


def _placed(stream: BinaryIO, size: int, whole: Sequence[Any]) -> Iterator[Any]:
    """The rows; the file is left where each of them stands, for who is watching."""
    in_file = isinstance(getattr(stream, "raw", None), FileIO)
    for number, row in enumerate(whole):
        if in_file and number % _STEP == 0:
            stream.seek(size * number // len(whole))
        yield row
    if in_file:
        stream.seek(size)


_STEP = 100  # rows


def _wrapper(stream: BinaryIO, wrappers: tuple[str, ...]) -> str:
    stream.seek(0)
    _skip_bom(stream)
    try:
        for prefix, event, _ in ijson.parse(Shallow(stream)):
            if event == "start_array" and prefix in wrappers:
                stream.seek(0)
                return str(prefix)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:120]
        raise FeedUnreadable(f"it is no JSON, or it is cut off: {said}") from None
    raise FeedUnreadable("it is a JSON object, and no list of meetings stands in it")


def _first_byte(stream: BinaryIO) -> bytes:
    stream.seek(0)
    start = stream.read(4096).removeprefix(_BOM).lstrip()
    stream.seek(0)
    return start[:1]


def _skip_bom(stream: BinaryIO) -> None:
    if stream.read(3) != _BOM:
        stream.seek(0)


def _said_of(first: bytes) -> str:
    if not first:
        return "it is empty"
    if first == b"<":
        return "it is a web page, not a feed: check the address"
    return "it is not a JSON list of meetings"
