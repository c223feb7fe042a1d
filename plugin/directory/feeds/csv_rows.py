"""The rows of a CSV file under their column names, however it was exported."""

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Any, BinaryIO

from plugin.directory.errors import FeedUnreadable

_LONGEST_FIELD = 100_000
_DELIMITERS = (",", ";", "\t")


def rows(stream: BinaryIO) -> Iterator[Any]:
    """Each row as a mapping; None for one that the CSV reader cannot make out.

    Raises: FeedUnreadable where there is no header.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    # A byte that is no UTF-8 spoils its letter, not the feed.
    text = TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    first = text.readline()
    if not first.strip() or first.lstrip()[:1] in "<[{":
        raise FeedUnreadable("it is no CSV file with a header of column names")
    delimiter = max(_DELIMITERS, key=first.count)
    header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
    reader = csv.reader(text, delimiter=delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield None
            continue
        if any(cell.strip() for cell in row):
            yield dict(zip(header, row, strict=False))


def header_of(stream: BinaryIO) -> frozenset[str]:
    """The column names, in small letters."""
    first = stream.readline(_LONGEST_FIELD).decode("utf-8-sig", errors="replace")
    delimiter = max(_DELIMITERS, key=first.count)
    names = next(csv.reader([first], delimiter=delimiter), [])
    return frozenset(name.strip().lower() for name in names)
