"""Meetings as the database holds them, each read once for all its starts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from plugin.directory.candidates import padded_to
from plugin.directory.schedule import Rule

_COLUMNS = (
    "m.id, m.uid, m.key, m.program, m.name, m.series, m.weekday, m.start_minute,"
    " m.minutes, m.timezone, m.rrule, m.first_date, m.except_dates, m.attendance,"
    " m.precision, m.venue, m.address, m.tags, m.languages, m.url, m.join_url,"
    " m.phone, m.latitude, m.longitude, m.codes, m.notes, m.organisation, m.updated,"
    " f.id AS feed, f.fetched_at, f.demo,"
    " k.hidden, k.trusted, k.liaison, k.liaison_phone"
)
_FROM = (
    " FROM meetings m JOIN feeds f ON f.live = m.version"
    " LEFT JOIN meeting_marks k ON k.uid = m.uid"
)
AT_ONCE = 400
STEP = 16


@dataclass(frozen=True, slots=True)
class Found:
    """A meeting's row, read once for all its starts."""

    row: Any
    rule: Rule | None  # None: by appointment, or without a zone

    @property
    def hidden(self) -> bool:
        return bool(self.row.hidden)


class Rows:
    """The rows of meetings, each read once, several at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._held: dict[int, Found | None] = {}

    def ahead(self, wanted: Iterable[int]) -> None:
        """Read those that are not held yet."""
        fresh = [one for one in dict.fromkeys(wanted) if one not in self._held]
        for first in range(0, len(fresh), AT_ONCE):
            some = fresh[first : first + AT_ONCE]
            self._held.update(dict.fromkeys(some))
            self._held.update(found_by_id(self._connection, some))

    def uids(self, ids: Sequence[int]) -> dict[int, str]:
        """Only the ids of meetings."""
        read: dict[int, str] = {}
        mark = "?" if self._connection.dialect.name == "sqlite" else "%s"
        for first in range(0, len(ids), AT_ONCE):
            some = padded_to(ids[first : first + AT_ONCE], STEP)
            marks = ", ".join([mark] * len(some))
            sql = f"SELECT id, uid FROM meetings WHERE id IN ({marks})"  # noqa: S608
            found = self._connection.exec_driver_sql(sql, some)
            read.update((row[0], row[1]) for row in found)
        return read

    def of(self, meeting: int) -> Found | None:
        if meeting not in self._held:
            self.ahead([meeting])
        return self._held[meeting]


def found_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, Found]:
    """Meetings of live versions by their row numbers."""
    padded = padded_to(ids, STEP)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * len(padded))
    sql = f"SELECT {_COLUMNS}{_FROM} WHERE m.id IN ({marks})"
    return {
        row.id: found(row) for row in connection.exec_driver_sql(sql, padded).fetchall()
    }


def found_by_uid(connection: Connection, uid: str) -> Found | None:
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    sql = f"SELECT {_COLUMNS}{_FROM} WHERE m.uid = {mark} AND f.id = {mark}"
    feed = uid.partition(":")[0]
    row = connection.exec_driver_sql(sql, (uid, feed)).first()
    return found(row) if row is not None else None


def found(row: Any) -> Found:
    if row.start_minute is None or not row.timezone:
        return Found(row, None)
    weekly = row.weekday is not None and row.rrule.count(";") == 1
    plain = weekly and row.rrule.startswith("FREQ=WEEKLY;BYDAY=")
    return Found(
        row,
        Rule(
            row.timezone,
            row.weekday,
            row.start_minute,
            "" if plain else row.rrule,
            row.first_date,
            tuple(row.except_dates.split()),
        ),
    )
