"""From candidates to occurrences: exact moments, in order, no more than asked for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from plugin.directory.candidates import Candidate, Window, rounded_up
from plugin.directory.lookup import Lookup, marks
from plugin.directory.meeting import Occurrence
from plugin.directory.origins import Origins
from plugin.directory.places import kilometres
from plugin.directory.rows import AT_ONCE, MeetingRow, Rows
from plugin.directory.schedule import starts
from plugin.directory.storing import IRREGULAR, tags_shown
from plugin.directory.zones import minutes_since_1970, moment_at, zone

Keep = Callable[[MeetingRow, datetime], bool]


class Picked(NamedTuple):
    """A meeting at one of its starts. They sort by start, distance and id."""

    minute: int  # since 1970
    km: float  # infinite where it is not told
    uid: str
    meeting: MeetingRow
    sources: tuple[str, ...] = ()  # the same meeting in other feeds


@dataclass(frozen=True, slots=True)
class Picker:
    """Takes candidates in their order, and works out as many as are asked for."""

    rows: Rows
    window: Window
    keep: Keep | None = None

    def pick(self, found: Iterable[Candidate], limit: int | None) -> list[Picked]:
        """The first `limit` by start, distance and id; a meeting of two feeds once."""
        ordered = sorted(found if self.window.exact else self._worked_out(found))
        picked: list[Picked] = []
        held, keep, exact = self.rows.held, self.keep, self.window.exact
        begin = read_ahead = 0
        while begin < len(ordered):
            if begin >= read_ahead:
                read_ahead = begin + (AT_ONCE if limit is None else limit)
                self.rows.ahead([one[2] for one in ordered[begin:read_ahead]])
            end = _end_of_tie(ordered, begin)
            same = ordered[begin:end]
            for one in same if end - begin == 1 else self._by_id(same, limit):
                minute, km, number, kind, _ = one
                meeting = held.get(number) or self.rows.of(number)
                if meeting.hidden or (
                    kind & IRREGULAR and exact and not self._falls(number, minute)
                ):
                    continue
                if keep is not None and not keep(meeting, moment_at(minute)):
                    continue
                made = Picked(minute, km, meeting.uid, meeting)
                if (
                    picked
                    and picked[-1].minute == minute
                    and joined_to_another(picked, made)
                ):
                    continue
                picked.append(made)
                if len(picked) == limit:
                    return picked
            begin = end
        return picked

    def _by_id(self, same: list[Candidate], limit: int | None) -> list[Candidate]:
        """Candidates of one start and distance, in order of their ids."""
        same = list({one[2]: one for one in same}.values())
        if limit is not None and len(same) > limit:
            # So many start at once that only their ids are read at first.
            uids = self.rows.uids([one[2] for one in same])
            return sorted(same, key=lambda one: uids[one[2]])
        self.rows.ahead([one[2] for one in same])
        return sorted(same, key=lambda one: self.rows.of(one[2]).uid)

    def _falls(self, number: int, minute: int) -> bool:
        """Whether a rule that is more than every week has a start at that minute."""
        rule, start = self.rows.rules([number])[number], moment_at(minute)
        if rule is None:
            return False
        return any(True for _ in starts(rule, start, start + timedelta(minutes=1)))

    def _worked_out(self, found: Iterable[Candidate]) -> list[Candidate]:
        """The same meetings at their exact starts, from their own rules."""
        once = {one[2]: one for one in found}
        rules = self.rows.rules(once)
        begin, end = moment_at(self.window.begin), moment_at(self.window.end)
        exact: list[Candidate] = []
        for meeting, (_, km, _, kind, program) in once.items():
            rule = rules[meeting]
            if rule is None:
                continue
            exact += [
                (minutes_since_1970(start), km, meeting, kind, program)
                for start in starts(rule, begin, end)
            ]
        return exact


def _end_of_tie(ordered: list[Candidate], begin: int) -> int:
    """Up to where candidates start together, equally far."""
    first, end = ordered[begin], begin + 1
    while end < len(ordered):
        one = ordered[end]
        if one[0] != first[0] or one[1] != first[1]:
            break
        end += 1
    return end


def joined_to_another(picked: list[Picked], new: Picked) -> bool:
    """Whether the meeting is there from another feed already, which then names it."""
    minute = new.minute
    for place in range(len(picked) - 1, -1, -1):
        old = picked[place]
        if old.minute != minute:
            return False
        if _is_same_meeting(old.meeting, new.meeting):
            picked[place] = old._replace(sources=(*old.sources, new.uid))
            return True
    return False


def _is_same_meeting(one: MeetingRow, other: MeetingRow) -> bool:
    if one.version == other.version or one.program != other.program:
        return False
    if one.join_url and one.join_url == other.join_url:
        return True
    if "online" in (one.attendance, other.attendance):
        return False
    if one.latitude is None or one.longitude is None:
        return False
    if other.latitude is None or other.longitude is None:
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


def with_days(
    lookup: Lookup, picked: Sequence[Picked], origins: Origins
) -> list[Occurrence]:
    """The occurrences, each with the days a week on which its group meets there."""
    if not picked:
        return []
    ids = list({one.meeting.id for one in picked})
    padded = rounded_up(ids)
    sql = (
        "SELECT m.id, COUNT(DISTINCT o.weekday) FROM meetings m"  # noqa: S608
        " JOIN meetings o ON o.series = m.series AND o.version = m.version"
        f" WHERE m.id IN ({marks(len(padded))})"
        " AND o.attendance <> 'inactive' GROUP BY m.id"
    )
    rows = lookup.rows(sql, padded)
    days: dict[int, int] = {row[0]: max(1, row[1]) for row in rows}
    return [occurrence(one, origins, days.get(one.meeting.id, 1)) for one in picked]


def occurrence(picked: Picked, origins: Origins, days: int = 1) -> Occurrence:
    """The meeting as it starts at that minute, on its own clock."""
    row, km = picked.meeting, picked.km
    origin = origins[row.version]
    return Occurrence(
        row.uid,
        origin.feed,
        row.key,
        row.program,
        row.name,
        datetime.fromtimestamp(picked.minute * 60, zone(row.timezone)),
        row.minutes,
        row.attendance,
        None if km == _FAR_OFF else km,
        _tags(row.tags, row.languages),
        _split(row.languages),
        row.venue,
        row.address,
        row.precision,
        row.timezone,
        row.url,
        row.join_url,
        row.phone,
        origin.demo,
        origin.fetched,
        days,
        picked.sources,
        bool(row.trusted),
        _volunteer(row) if row.liaison or row.liaison_phone else "",
        row.latitude,
        row.longitude,
    )


def _volunteer(row: MeetingRow) -> str:
    return f"{row.liaison or ''} {row.liaison_phone or ''}".strip()


_FAR_OFF = float("inf")


@lru_cache(maxsize=65536)
def _tags(words: str, languages: str) -> tuple[str, ...]:
    return tags_shown(words, languages)


@lru_cache(maxsize=4096)
def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())
