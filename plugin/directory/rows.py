"""Meetings as the database holds them, each read once for all its starts."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from plugin.directory.candidates import rounded_up
from plugin.directory.errors import FeedReplaced
from plugin.directory.lookup import Lookup, marks
from plugin.directory.schedule import Rule

AT_ONCE = 400


class MeetingRow(NamedTuple):
    """What a search tells of a meeting, and what this hospital says of it."""

    id: int
    version: int
    uid: str
    key: str
    program: str
    name: str
    minutes: int
    timezone: str
    attendance: Any
    precision: Any
    venue: str
    address: str
    latitude: float | None
    longitude: float | None
    tags: str
    codes: str
    languages: str
    url: str
    join_url: str
    phone: str
    hidden: bool | None
    trusted: bool | None
    liaison: str | None
    liaison_phone: str | None


class WholeRow(NamedTuple):
    """Everything that is kept of a meeting, and of where it is from."""

    id: int
    uid: str
    key: str
    program: str
    name: str
    weekday: int | None
    start_minute: int | None
    minutes: int
    timezone: str
    rrule: str
    first_date: str
    except_dates: str
    attendance: str
    precision: str
    venue: str
    address: str
    latitude: float | None
    longitude: float | None
    tags: str
    codes: str
    languages: str
    url: str
    join_url: str
    phone: str
    notes: str
    organisation: str
    updated: str
    feed: str
    source: str
    licence: str
    fetched_at: int | None
    hidden: bool | None

    @property
    def rule(self) -> Rule | None:
        """None for a meeting by appointment, or without a zone."""
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
    start: int | None,
    rrule: str,
    first_date: str,
    except_dates: str,
) -> Rule | None:
    """None for a meeting by appointment, or without a zone."""
    if start is None or not timezone:
        return None
    weekly = weekday is not None and rrule.count(";") == 1
    plain = weekly and rrule.startswith("FREQ=WEEKLY;BYDAY=")
    excepted = tuple(except_dates.split())
    return Rule(timezone, weekday, start, "" if plain else rrule, first_date, excepted)


def _columns(row: type[MeetingRow | WholeRow], of_feed: tuple[str, ...]) -> str:
    of_mark = ("hidden", "trusted", "liaison", "liaison_phone")
    named = []
    for field in row._fields:
        table = "k" if field in of_mark else "f" if field in of_feed else "m"
        named.append(f"{table}.{'id' if field == 'feed' else field}")
    return ", ".join(named)


_MARKED = " FROM meetings m LEFT JOIN meeting_marks k ON k.uid = m.uid"
_SELECT = f"SELECT {_columns(MeetingRow, ())}{_MARKED} WHERE"
_RULES = "SELECT id, timezone, weekday, start_minute, rrule, first_date, except_dates"
_WHOLE = (
    "SELECT "
    + _columns(WholeRow, ("feed", "source", "licence", "fetched_at"))
    + _MARKED
    + " JOIN feeds f ON f.live = m.version WHERE"
)


@lru_cache(maxsize=256)
def _rows_sql(many: int) -> str:
    return f"{_SELECT} m.id IN ({marks(many)})"


class Rows:
    """The rows of meetings that the index names, each read once, several at a time.

    Raises: FeedReplaced where one of them is gone.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.held: dict[int, MeetingRow] = {}
        self._rules: dict[int, Rule | None] = {}

    def ahead(self, wanted: Iterable[int]) -> None:
        """Read those that are not held yet."""
        held = self.held
        fresh = [one for one in dict.fromkeys(wanted) if one not in held]
        for first in range(0, len(fresh), AT_ONCE):
            some = fresh[first : first + AT_ONCE]
            padded = rounded_up(some)
            read = self._lookup.rows(_rows_sql(len(padded)), padded)
            if len(read) < len(some):
                raise FeedReplaced
            for one in map(MeetingRow._make, read):
                held[one.id] = one

    def of(self, meeting: int) -> MeetingRow:
        if meeting not in self.held:
            self.ahead([meeting])
        return self.held[meeting]

    def uids(self, ids: Sequence[int]) -> dict[int, str]:
        """Only the ids of meetings."""
        return dict(self._parts("SELECT id, uid", ids))

    def rules(self, wanted: Iterable[int]) -> dict[int, Rule | None]:
        """Only the rules of meetings."""
        fresh = [one for one in dict.fromkeys(wanted) if one not in self._rules]
        for one, *parts in self._parts(_RULES, fresh):
            self._rules[one] = stored_rule(*parts)
        return self._rules

    def _parts(self, select: str, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        read: list[tuple[Any, ...]] = []
        for first in range(0, len(ids), AT_ONCE):
            some = rounded_up(ids[first : first + AT_ONCE])
            sql = f"{select} FROM meetings WHERE id IN ({marks(len(some))})"
            read += self._lookup.rows(sql, some)
        if len(read) < len(ids):
            raise FeedReplaced
        return read


def whole_rows(lookup: Lookup, ids: Sequence[int]) -> dict[int, WholeRow]:
    """Meetings of live versions by their row numbers."""
    padded = rounded_up(ids)
    sql = f"{_WHOLE} m.id IN ({marks(len(padded))})"
    return {one[0]: WholeRow._make(one) for one in lookup.rows(sql, padded)}


def row_by_uid(lookup: Lookup, uid: str) -> WholeRow | None:
    sql = f"{_WHOLE} m.uid = ? AND f.id = ?"
    found = lookup.rows(sql, (uid, uid.partition(":")[0]))
    return WholeRow._make(found[0]) if found else None
