"""Time zones: the zone of a place, and the seasons in which its UTC offset stands.

Source: RFC 5545, 3.3.5: a local time that does not exist is read with the offset
before the gap; one that exists twice is its first occurrence. Python does the same
with fold=0 (PEP 495).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 24 * 60

# How far the index looks back and ahead of the day on which it is written. Ahead is so
# far that the screens' two weeks are held whenever it was last written on, and so near
# that most of the year one season is enough: two are twice the rows to read.
BACK_DAYS = 3
AHEAD_DAYS = 60
_SCAN_DAYS = 400

# Names that the zone database holds and that are no zone of a place.
_NO_ZONES = frozenset({"Factory", "localtime", "posixrules"})


class ZoneFinder(Protocol):
    """Finds the zone of a place on land; "" at sea."""

    def __call__(self, latitude: float, longitude: float) -> str: ...


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """The IANA zone of that name; None where there is none."""
    if not name or name in _NO_ZONES or name.startswith(("posix/", "right/", "/")):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=100_000)
def zone_of_place(latitude: float, longitude: float) -> str:
    """The zone of a place on land, "" at sea."""
    return _finder()(latitude, longitude)


@cache
def _finder() -> ZoneFinder:
    from timezonefinder import TimezoneFinder  # noqa: PLC0415 - costs half a second

    finder = TimezoneFinder()

    def find(latitude: float, longitude: float) -> str:
        return finder.timezone_at_land(lat=latitude, lng=longitude) or ""

    return find


def minutes_since_1970(moment: datetime) -> int:
    """Whole minutes, rounded down."""
    # A double has room for the microseconds of thousands of years.
    return int(moment.timestamp() // 60)


def moment_at(minutes: int) -> datetime:
    return EPOCH + timedelta(minutes=minutes)


@dataclass(frozen=True, slots=True)
class Season:
    """A time in which a zone keeps one UTC offset.

    A weekly meeting starts at local time minus `offset` as long as that moment is in
    [`opens`, `closes`). The seasons of a zone do not overlap, though clocks do: a start
    in a gap belongs to the season before it, a start that exists twice to the first.
    """

    opens: int  # minutes since 1970
    closes: int
    offset: int  # minutes east of UTC


@lru_cache(maxsize=4096)
def seasons(name: str, day: int) -> tuple[Season, ...]:
    """The seasons that the index holds when it is written on a day.

    Takes: the name of a zone that exists; days since 1970.
    """
    found = zone(name)
    if found is None:
        raise ValueError(f"{name!r} is no time zone")
    first, last = (day - _SCAN_DAYS) * DAY, (day + _SCAN_DAYS) * DAY
    changes = _changes(found, first, last)
    bounds = [first, *(at for at, _, _ in changes), last]
    held = []
    for number, (begin, end) in enumerate(pairwise(bounds)):
        offset = _offset(found, begin)
        repeated = _overlap(changes, number - 1)
        gap = _gap(changes, number)
        held.append(Season(begin + repeated, end + gap, offset))
    since, until = (day - BACK_DAYS) * DAY, (day + AHEAD_DAYS) * DAY
    return tuple(one for one in held if one.closes > since and one.opens < until)


def _overlap(changes: list[tuple[int, int, int]], number: int) -> int:
    """How long local time ran twice at the season's beginning."""
    if number < 0:
        return 0
    _, before, after = changes[number]
    return max(0, before - after)


def _gap(changes: list[tuple[int, int, int]], number: int) -> int:
    """How long local time was left out at the season's end."""
    if number >= len(changes):
        return 0
    _, before, after = changes[number]
    return max(0, after - before)


def _offset(found: ZoneInfo, minute: int) -> int:
    offset = moment_at(minute).astimezone(found).utcoffset()
    return (offset or timedelta()) // timedelta(minutes=1)


def _changes(found: ZoneInfo, first: int, last: int) -> list[tuple[int, int, int]]:
    """Every change of offset: its minute, the offset before and after."""
    changes = []
    before = _offset(found, first)
    for day_end in range(first + DAY, last + 1, DAY):
        after = _offset(found, day_end)
        if after != before:
            changes.append((_change(found, day_end - DAY, day_end), before, after))
            before = after
    return changes


def _change(found: ZoneInfo, low: int, high: int) -> int:
    """The first minute of the new offset, by halving."""
    old = _offset(found, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(found, middle) == old:
            low = middle
        else:
            high = middle
    return high
