"""What every reader of a format is: one result for each row of the source, in order."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple, Protocol

from plugin.directory.errors import RowRejected
from plugin.directory.listing import FeedOptions, Listing, Rejection

Row = Mapping[str, Any]


class FeedSource(Protocol):
    """Where a feed's bytes are: a file, or what was fetched."""

    @property
    def name(self) -> str: ...

    def open(self) -> BinaryIO: ...

    def sibling(self, part: str) -> BinaryIO | None:
        """Another part of the same feed, such as `GetFormats`; None without one."""
        ...


class Read(NamedTuple):
    """What became of one row."""

    listing: Listing | None
    rejection: Rejection | None = None


Reader = Callable[[FeedSource, FeedOptions], Iterator[Read]]


def each(
    rows: Iterable[Any],
    listing_of: Callable[[Row], Listing],
    key_of: Callable[[Row], object],
) -> Iterator[Read]:
    """Turn each row into a listing; one that cannot be becomes a rejection."""
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            yield Read(None, Rejection(number, "", "the row is no object"))
            continue
        try:
            yield Read(listing_of(row))
        except RowRejected as error:
            yield Read(None, Rejection(number, shown_key(key_of(row)), str(error)))


def shown_key(value: object) -> str:
    """The key of a rejected row, as far as it can be shown."""
    if not isinstance(value, str | int | float):
        return ""
    return "".join(sign for sign in str(value)[:100] if sign.isprintable())
