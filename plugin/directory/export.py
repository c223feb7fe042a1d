"""Meetings for others: FHIR (in the way of mCSD and Plan-Net), iCalendar, CSV."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from plugin.directory.directory import Directory
from plugin.directory.export_csv import csv_pieces
from plugin.directory.export_fhir import fhir_pieces
from plugin.directory.export_ical import ical_pieces
from plugin.directory.lookup import looking
from plugin.directory.rows import WholeRow, whole_rows
from plugin.store.directory_tables import feeds, meetings
from plugin.store.engine import reading

_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which meetings; without anything, all of them."""

    feed: str = ""
    program: str = ""
    ids: tuple[str, ...] = ()


def meetings_wanted(directory: Directory, wanted: Wanted) -> Iterator[WholeRow]:
    """The meetings in the order of their numbers, some at a time; hidden ones not."""
    last = -1
    while True:
        with reading(directory.engine) as connection:
            numbers = [int(row.id) for row in connection.execute(_next(wanted, last))]
        with looking(directory.engine) as lookup:
            found = whole_rows(lookup, numbers) if numbers else {}
        for number in numbers:
            meeting = found.get(number)
            if meeting is not None and not meeting.hidden:
                yield meeting
        if len(numbers) < _AT_ONCE:
            return
        last = numbers[-1]


def _next(wanted: Wanted, last: int) -> Select[Any]:
    chosen = (
        select(meetings.c.id)
        .join(feeds, feeds.c.live == meetings.c.version)
        .where(meetings.c.id > last)
        .order_by(meetings.c.id)
        .limit(_AT_ONCE)
    )
    if wanted.feed:
        chosen = chosen.where(feeds.c.id == wanted.feed)
    if wanted.program:
        chosen = chosen.where(meetings.c.program == wanted.program)
    if wanted.ids:
        chosen = chosen.where(meetings.c.uid.in_(wanted.ids))
    return chosen


def _fhir(directory: Directory, wanted: Wanted) -> Iterator[bytes]:
    return fhir_pieces(meetings_wanted(directory, wanted), directory.clock())


def _ical(directory: Directory, wanted: Wanted) -> Iterator[bytes]:
    return ical_pieces(meetings_wanted(directory, wanted), directory.clock())


def _csv(directory: Directory, wanted: Wanted) -> Iterator[bytes]:
    return csv_pieces(meetings_wanted(directory, wanted))


EXPORTS: Mapping[str, Callable[[Directory, Wanted], Iterator[bytes]]] = {
    "fhir": _fhir,
    "ical": _ical,
    "csv": _csv,
}
