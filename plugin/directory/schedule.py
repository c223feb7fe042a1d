"""When a meeting starts: the exact moments of its rule, and its slots in the index.

A rule speaks in local time. Its moments are worked out day by day with the zone's own
rules and dateutil's; the index only narrows down which meetings are looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from dateutil.rrule import rrule, rrulestr

from plugin.directory.errors import RowRejected
from plugin.directory.zones import (
    DAY,
    Season,
    minutes_since_1970,
    seasons,
    zone,
)

WEEK = 7 * DAY
# 1 January 1970 was a Thursday; the index counts from Monday.
_THURSDAY = 3 * DAY
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

# Where a rule counts from when its feed does not say: far enough back for any search.
_LONG_AGO = datetime(2000, 1, 3)  # noqa: DTZ001 - a Monday on the meeting's own clock

_PARTS = frozenset(
    [
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "BYDAY",
        "BYMONTHDAY",
        "BYMONTH",
        "BYSETPOS",
        "WKST",
    ]
)
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurring start on its own wall clock."""

    zone: str
    weekday: int | None
    start: int
    rrule: str = ""
    first_date: str = ""
    except_dates: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Every week on one day, without beginning, end or exception."""
        return not (self.rrule or self.first_date or self.except_dates)


class Slot(NamedTuple):
    minute: int  # of the UTC week, from Monday 00:00
    opens: int
    closes: int


def minute_of_week(minutes: int) -> int:
    """The minute of the UTC week, from minutes since 1970."""
    return (minutes + _THURSDAY) % WEEK


@lru_cache(maxsize=65536)
def slots(rule: Rule, day: int) -> tuple[Slot, ...]:
    """Where the rule can start in the seasons held on a day: never too few.

    A rule that is not plain starts at some of these only: `starts` says which.
    """
    weekdays = _weekdays(rule)
    return tuple(
        _slot(weekday * DAY + rule.start, season)
        for season in seasons(rule.zone, day)
        for weekday in weekdays
    )


def _slot(local: int, season: Season) -> Slot:
    return Slot((local - season.offset) % WEEK, season.opens, season.closes)


def _weekdays(rule: Rule) -> tuple[int, ...]:
    if rule.weekday is not None:
        return (rule.weekday,)
    return tuple(range(7))


def starts(rule: Rule, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The moments in [begin, end) at which the meeting starts, in UTC, in order."""
    found = zone(rule.zone)
    if found is None:
        return
    for local_day in _days(rule, begin, end):
        wall = local_day.replace(hour=rule.start // 60, minute=rule.start % 60)
        moment = wall.replace(tzinfo=found, fold=0).astimezone(UTC)
        if begin <= moment < end:
            yield moment


def _days(rule: Rule, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The local days that the rule falls on, one more at both ends."""
    first = begin.replace(tzinfo=None) - timedelta(days=2)
    last = end.replace(tzinfo=None) + timedelta(days=2)
    first = first.replace(hour=0, minute=0, second=0, microsecond=0)
    if not rule.rrule and rule.weekday is not None:
        days = _weekly(rule.weekday, first, last)
    else:
        parsed = _parsed(rule.rrule, rule.first_date)
        days = (day for day in parsed.between(first, last, inc=True))
    not_before = date.fromisoformat(rule.first_date) if rule.first_date else date.min
    for day in days:
        if day.date() < not_before or day.date().isoformat() in rule.except_dates:
            continue
        if rule.weekday is None or day.weekday() == rule.weekday:
            yield day


def _weekly(weekday: int, first: datetime, last: datetime) -> Iterator[datetime]:
    day = first + timedelta(days=(weekday - first.weekday()) % 7)
    while day <= last:
        yield day
        day += timedelta(days=7)


@lru_cache(maxsize=4096)
def _parsed(text: str, first_date: str) -> rrule:
    begins = datetime.fromisoformat(first_date) if first_date else _LONG_AGO
    rule = rrulestr(text, dtstart=begins)
    if not isinstance(rule, rrule):
        raise RowRejected("a recurrence of more than one rule")
    return rule


def checked_rule(text: str, first_date: str = "") -> str:
    """The rule, if it is one that can be worked out.

    Raises: RowRejected. A rule by the hour, or a COUNT in the hundred thousands, would
            make every search wait.
    """
    text = text.strip().upper().removeprefix("RRULE:")
    parts = dict(part.partition("=")[::2] for part in text.split(";") if part)
    if not _PARTS.issuperset(parts) or parts.get("FREQ") not in _FREQUENCIES:
        raise RowRejected("a recurrence that is not read here")
    for name, most in (("INTERVAL", 520), ("COUNT", 5000)):
        value = parts.get(name, "1")
        if not value.isdigit() or not 1 <= int(value) <= most:
            raise RowRejected(f"{name} of the recurrence is out of range")
    if (int(parts.get("INTERVAL", "1")) > 1 or "COUNT" in parts) and not first_date:
        raise RowRejected("the recurrence needs a first date")
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        _parsed(text, first_date)
    except (ValueError, TypeError, KeyError):
        raise RowRejected("a recurrence that cannot be read") from None
    return text


def weekday_of(rule: str) -> int | None:
    """The one weekday that a rule falls on; None for several, or for any."""
    named = rule.partition("BYDAY=")[2].partition(";")[0]
    return DAYS.index(named[-2:]) if named and "," not in named else None


def in_seasons_until(zone_names: set[str], day: int) -> int:
    """The minute up to which an index written on that day answers for all the zones."""
    return min(
        (seasons(name, day)[-1].closes for name in zone_names),
        default=(day + 365) * DAY,
    )


def today(moment: datetime) -> int:
    """Days since 1970."""
    return minutes_since_1970(moment) // DAY
