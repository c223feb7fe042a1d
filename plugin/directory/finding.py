"""From candidates to occurrences: exact moments, in order, no more than asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from plugin.directory.candidates import Candidate, Window, padded_to
from plugin.directory.meeting import Occurrence
from plugin.directory.places import kilometres
from plugin.directory.rows import AT_ONCE, STEP, Found, Rows
from plugin.directory.schedule import starts
from plugin.directory.storing import IRREGULAR, tags_shown
from plugin.directory.zones import minutes_since_1970, moment_at, zone
from plugin.store.schema import moment

Keep = Callable[[Found, datetime], bool]


class Picked(NamedTuple):
    """A meeting at one of its starts. They sort by start, distance and id."""

    minute: int  # since 1970
    km: float  # infinite where it is not told
    uid: str
    meeting: Found
    sources: tuple[str, ...] = ()  # the same meeting in other feeds


@dataclass(frozen=True, slots=True)
class Picker:
    """Takes candidates in their order, and works out as many as are asked for."""

    rows: Rows
    window: Window
    keep: Keep = lambda _found, _start: True

    def pick(self, found: Iterable[Candidate], limit: int | None) -> list[Picked]:
        """The first `limit` by start, distance and id; a meeting of two feeds once."""
        ordered = sorted(found if self.window.exact else self._worked_out(found))
        picked: list[Picked] = []
        read_ahead = 0
        for begin, end in _ties(ordered):
            if begin >= read_ahead:
                read_ahead = begin + (AT_ONCE if limit is None else limit)
                self.rows.ahead(one.meeting for one in ordered[begin:read_ahead])
            for one in self._by_id(ordered[begin:end], limit):
                meeting = self.rows.of(one.meeting)
                if meeting is None or not self._is_meant(meeting, one):
                    continue
                made = Picked(one.minute, one.km, meeting.row.uid, meeting)
                if not joined_to_another(picked, made):
                    picked.append(made)
                if limit is not None and len(picked) >= limit:
                    return picked
        return picked

    def _by_id(self, same: list[Candidate], limit: int | None) -> list[Candidate]:
        """Candidates of one start and distance, in order of their ids."""
        same = list({one.meeting: one for one in same}.values())
        if len(same) == 1:
            return same
        if limit is not None and len(same) > limit:
            # So many start at once that only their ids are read at first.
            uids = self.rows.uids([one.meeting for one in same])
            same = [one for one in same if one.meeting in uids]
            return sorted(same, key=lambda one: uids[one.meeting])
        self.rows.ahead(one.meeting for one in same)
        known = [(one, self.rows.of(one.meeting)) for one in same]
        there = [(held.row.uid, one) for one, held in known if held is not None]
        return [one for _, one in sorted(there, key=lambda pair: pair[0])]

    def _is_meant(self, meeting: Found, one: Candidate) -> bool:
        if meeting.hidden or meeting.rule is None:
            return False
        start = moment_at(one.minute)
        if self.window.exact and one.kind & IRREGULAR:
            minute = timedelta(minutes=1)
            if not any(True for _ in starts(meeting.rule, start, start + minute)):
                return False
        return self.keep(meeting, start)

    def _worked_out(self, found: Iterable[Candidate]) -> list[Candidate]:
        """The same meetings at their exact starts, from their own rules."""
        once = {one.meeting: one for one in found}
        self.rows.ahead(once)
        begin, end = moment_at(self.window.begin), moment_at(self.window.end)
        exact = []
        for meeting, one in once.items():
            held = self.rows.of(meeting)
            if held is None or held.rule is None:
                continue
            exact += [
                Candidate(
                    minutes_since_1970(start), one.km, meeting, one.kind, one.program
                )
                for start in starts(held.rule, begin, end)
            ]
        return exact


def _ties(ordered: list[Candidate]) -> Iterator[tuple[int, int]]:
    """Stretches of candidates that start together, equally far."""
    begin = 0
    for end in range(1, len(ordered) + 1):
        if end == len(ordered) or ordered[end][:2] != ordered[begin][:2]:
            yield begin, end
            begin = end


def joined_to_another(picked: list[Picked], new: Picked) -> bool:
    """Whether the meeting is there from another feed already, which then names it."""
    for place in range(len(picked) - 1, -1, -1):
        old = picked[place]
        if old.minute != new.minute:
            return False
        if _is_same_meeting(old.meeting.row, new.meeting.row):
            picked[place] = old._replace(sources=(*old.sources, new.uid))
            return True
    return False


def _is_same_meeting(one: Any, other: Any) -> bool:
    if one.feed == other.feed or one.program != other.program:
        return False
    if one.join_url and one.join_url == other.join_url:
        return True
    if None in (one.latitude, one.longitude, other.latitude, other.longitude):
        return False
    if "online" in (one.attendance, other.attendance):
        return False
    apart = kilometres(one.latitude, one.longitude, other.latitude, other.longitude)
    return apart <= _ONE_DOOR_KM and _alike(one.name, other.name)


def _alike(one: str, other: str) -> bool:
    first, second = _telling(one), _telling(other)
    shared = len(first & second)
    return shared * 2 >= min(len(first), len(second)) and (
        shared > 0 or first == second
    )


def _telling(name: str) -> frozenset[str]:
    """The words of a name that tell it from others."""
    words = "".join(sign if sign.isalnum() else " " for sign in name.lower()).split()
    return frozenset(words) - _SAY_LITTLE


_SAY_LITTLE = frozenset(
    [
        "the",
        "a",
        "of",
        "and",
        "group",
        "meeting",
        "aa",
        "na",
        "al",
        "anon",
        "in",
        "at",
        "on",
    ]
)
_ONE_DOOR_KM = 0.15


def with_days(connection: Connection, picked: Sequence[Picked]) -> list[Occurrence]:
    """The occurrences, each with the days a week on which its group meets there."""
    if not picked:
        return []
    ids = list({one.meeting.row.id for one in picked})
    padded = padded_to(ids, STEP)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * len(padded))
    sql = (
        "SELECT m.id, COUNT(DISTINCT o.weekday) FROM meetings m"  # noqa: S608
        " JOIN meetings o ON o.series = m.series AND o.version = m.version"
        f" WHERE m.id IN ({marks}) AND o.attendance <> 'inactive' GROUP BY m.id"
    )
    rows = connection.exec_driver_sql(sql, padded).fetchall()
    days: dict[int, int] = {row[0]: max(1, row[1]) for row in rows}
    return [occurrence(one, days.get(one.meeting.row.id, 1)) for one in picked]


def occurrence(picked: Picked, days: int = 1) -> Occurrence:
    """The meeting as it starts at that minute, on its own clock."""
    row, km = picked.meeting.row, picked.km
    return Occurrence(
        id=row.uid,
        feed=row.feed,
        key=row.key,
        program=row.program,
        name=row.name,
        starts=moment_at(picked.minute).astimezone(zone(row.timezone)),
        minutes=row.minutes,
        attendance=row.attendance,
        km=None if km == float("inf") else km,
        tags=tags_shown(row.tags, row.languages),
        languages=tuple(row.languages.split()),
        venue=row.venue,
        address=row.address,
        precision=row.precision,
        timezone=row.timezone,
        url=row.url,
        join_url=row.join_url,
        phone=row.phone,
        demo=bool(row.demo),
        feed_fetched=moment(row.fetched_at) if row.fetched_at is not None else None,
        times_a_week=days,
        sources=picked.sources,
        trusted=bool(row.trusted),
        liaison=" ".join(filter(None, (row.liaison, row.liaison_phone))),
    )
