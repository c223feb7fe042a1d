"""Meetings as CSV in our own columns: what is written can be imported again."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from plugin.directory.feeds.csv_table import COLUMNS
from plugin.directory.rows import WholeRow
from plugin.directory.schedule import DAYS

_EXTRA = ("feed", "id", "licence")
# What a spreadsheet would take for a formula is kept as text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_pieces(meetings: Iterable[WholeRow]) -> Iterator[bytes]:
    yield _line([*COLUMNS, *_EXTRA])
    for meeting in meetings:
        cells = cells_of(meeting)
        yield _line([_safe(cells[column]) for column in (*COLUMNS, *_EXTRA)])


def _line(cells: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def _safe(value: Any) -> str:
    if isinstance(value, float):
        return repr(value)  # a negative degree is no formula
    said = "" if value is None else str(value)
    return f"'{said}" if said.startswith(_FORMULA) else said


def cells_of(row: WholeRow) -> dict[str, Any]:
    """A meeting's value in each column."""
    start = row.start_minute
    day = "" if row.weekday is None else DAYS[row.weekday].lower()
    plain = row.rrule.startswith("FREQ=WEEKLY;BYDAY=") and row.rrule.count(";") == 1
    attendance = "closed" if row.attendance == "inactive" else row.attendance
    return {
        "key": row.uid.partition(":")[2],
        "name": row.name,
        "program": row.program,
        "day": day if start is not None else "",
        "time": "" if start is None else f"{start // 60:02}:{start % 60:02}",
        "minutes": row.minutes,
        "timezone": row.timezone,
        "rule": "" if plain else row.rrule,
        "first_date": row.first_date,
        "except": row.except_dates,
        "attendance": attendance,
        "venue": row.venue,
        "address": row.address,
        "latitude": row.latitude,
        "longitude": row.longitude,
        "precision": row.precision if row.precision == "approximate" else "",
        "tags": row.tags,
        "codes": row.codes,
        "languages": row.languages,
        "url": row.url,
        "join_url": row.join_url,
        "phone": row.phone,
        "organisation": row.organisation,
        "notes": row.notes,
        "updated": row.updated,
        "feed": row.feed,
        "id": row.uid,
        "licence": row.licence,
    }
