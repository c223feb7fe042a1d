"""Meetings as the database holds them, each read once for all its starts."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from plugin.directory.candidates import padded_to
from plugin.directory.errors import FeedReplaced
from plugin.directory.lookup import Lookup
from plugin.directory.schedule import Rule

AT_ONCE = 400
STEP = 16


class MeetingRow(NamedTuple):
    """A row of `meetings`, with its feed and what this hospital says of it."""

    id: int
    uid: str
    key: str
    program: str
    name: str
    series: int
    weekday: int | None
    start_minute: int | None
    minutes: int
    timezone: str
    rrule: str
    first_date: str
    except_dates: str
    attendance: Any
    precision: Any
    venue: str
    address: str
    tags: str
    languages: str
    url: str
    join_url: str
    phone: str
    latitude: float | None
    longitude: float | None
    codes: str
    notes: str
    organisation: str
    updated: str
    feed: str
    fetched_at: int | None
    demo: bool
    hidden: bool | None
    trusted: bool | None
    liaison: str | None
    liaison_phone: str | None

    @property
    def rule(self) -> Rule | None:
        """None for a meeting by appointment, or without a zone."""
        if self.start_minute is None or not self.timezone:
            return None
        return stored_rule(
            self.timezone,
            self.weekday,
            self.start_minute,
            self.rrule,
            self.first_date,
            self.except_dates,
        )


@lru_cache(maxsize=65536)
def stored_rule(  # noqa: PLR0917 - the columns of a rule
    timezone: str,
    weekday: int | None,
    start: int,
    rrule: str,
    first_date: str,
    except_dates: str,
) -> Rule:
    weekly = weekday is not None and rrule.count(";") == 1
    plain = weekly and rrule.startswith("FREQ=WEEKLY;BYDAY=")
    excepted = tuple(except_dates.split())
    return Rule(timezone, weekday, start, "" if plain else rrule, first_date, excepted)


_OF_FEED = ("feed", "fetched_at", "demo")
_OF_MARK = ("hidden", "trusted", "liaison", "liaison_phone")
_OF_MEETING = [
    name for name in MeetingRow._fields if name not in (*_OF_FEED, *_OF_MARK)
]
_SELECT = (
    "SELECT "  # noqa: S608 - names of our own columns
    + ", ".join(f"m.{name}" for name in _OF_MEETING)
    + ", f.id, f.fetched_at, f.demo"
    + ", k.hidden, k.trusted, k.liaison, k.liaison_phone"
    + " FROM meetings m JOIN feeds f ON f.live = m.version"
    + " LEFT JOIN meeting_marks k ON k.uid = m.uid"
)


class Rows:
    """The rows of meetings that the index names, each read once, several at a time.

    Raises: FeedReplaced where one of them is not live any more.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._held: dict[int, MeetingRow] = {}

    def ahead(self, wanted: Iterable[int]) -> None:
        """Read those that are not held yet."""
        held = self._held
        fresh = [one for one in dict.fromkeys(wanted) if one not in held]
        for first in range(0, len(fresh), AT_ONCE):
            some = fresh[first : first + AT_ONCE]
            read = rows_by_id(self._lookup, some)
            if len(read) < len(some):
                raise FeedReplaced
            held.update(read)

    def uids(self, ids: Sequence[int]) -> dict[int, str]:
        """Only the ids of meetings."""
        read: dict[int, str] = {}
        for first in range(0, len(ids), AT_ONCE):
            some = padded_to(ids[first : first + AT_ONCE], STEP)
            marks = self._lookup.marks(len(some))
            sql = f"SELECT id, uid FROM meetings WHERE id IN ({marks})"  # noqa: S608
            read.update(dict(self._lookup.rows(sql, some)))
        if len(read) < len(ids):
            raise FeedReplaced
        return read

    def of(self, meeting: int) -> MeetingRow:
        if meeting not in self._held:
            self.ahead([meeting])
        return self._held[meeting]


def rows_by_id(lookup: Lookup, ids: Sequence[int]) -> dict[int, MeetingRow]:
    """Meetings of live versions by their row numbers."""
    padded = padded_to(ids, STEP)
    sql = f"{_SELECT} WHERE m.id IN ({lookup.marks(len(padded))})"
    return {one[0]: MeetingRow._make(one) for one in lookup.rows(sql, padded)}


def row_by_uid(lookup: Lookup, uid: str) -> MeetingRow | None:
    sql = f"{_SELECT} WHERE m.uid = {lookup.mark} AND f.id = {lookup.mark}"
    found = lookup.rows(sql, (uid, uid.partition(":")[0]))
    return MeetingRow._make(found[0]) if found else None
