"""The search index, asked: which meetings can start in a window, and where.

One SQL for both databases. It reads nothing but the covering index; what it finds is
never too little, and what is too much is taken out by the meeting's own rule.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from typing import Any, NamedTuple

from plugin.directory.lookup import Lookup
from plugin.directory.places import EARTH_RADIUS
from plugin.directory.schedule import WEEK, minute_of_week
from plugin.directory.storing import APPROXIMATE, ATTENDANCE, HYBRID, IN_PERSON, ONLINE

# Outside the seasons that the index holds, a clock can be so far from the held one.
_LOOSE = 180  # minutes

_FOREVER = 2**31 - 1
_FAR_OFF = float("inf")


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a meeting may be: in these cells, or (None) wherever it is."""

    cells: tuple[int, ...] | None
    latitude: float | None = None
    longitude: float | None = None
    within_km: float | None = None  # None: the distance is told, and not asked for
    kinds: frozenset[int] = frozenset({IN_PERSON, ONLINE, HYBRID})


@dataclass(frozen=True, slots=True)
class Window:
    """Whole minutes since 1970, [begin, end). `exact`: the index knows its seasons."""

    begin: int
    end: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Filter:
    tags: int = 0  # bits that must all be there
    languages: int = 0  # bits of which one must be there; 0 asks for none


class Candidate(NamedTuple):
    """A meeting that may start at a minute. They sort by start and distance."""

    minute: int  # since 1970; with `exact` False one that must still be worked out
    km: float  # infinite where it is not told
    meeting: int
    kind: int
    program: str


def candidates(
    lookup: Lookup,
    programs: Sequence[str],
    reach: Reach,
    window: Window,
    wanted: Filter,
) -> list[Candidate]:
    """Everything that may be meant, in no order."""
    found: list[Candidate] = []
    for low, high in _minutes(window):
        sql, values = _statement(lookup, programs, reach.cells, window, wanted)
        values[-4:-2] = (low, high)
        rows = lookup.rows(sql, values + _bits(wanted))
        found.extend(_near(rows, reach, window))
    return found


def _minutes(window: Window) -> Iterator[tuple[int, int]]:
    """The minutes of the week that the window covers, in one or two stretches."""
    begin, end = window.begin, window.end
    if not window.exact:
        begin, end = begin - _LOOSE, end + _LOOSE
    if end - begin >= WEEK:
        yield 0, WEEK
        return
    low = minute_of_week(begin)
    high = low + end - begin
    yield low, min(high, WEEK)
    if high > WEEK:
        yield 0, high - WEEK


def _statement(
    lookup: Lookup,
    programs: Sequence[str],
    cells: tuple[int, ...] | None,
    window: Window,
    wanted: Filter,
) -> tuple[str, list[Any]]:
    """The SQL and its values before those of the filter; the minutes are to be set."""
    named, places = rounded_up(programs), rounded_up(cells or ())
    asks = bool(wanted.tags), bool(wanted.languages)
    sql = _sql(lookup.mark, len(named), len(places), *asks)
    opens, closes = (window.end, window.begin) if window.exact else (_FOREVER, 0)
    return sql, [*named, *places, 0, WEEK, opens, closes]


def _bits(wanted: Filter) -> list[int]:
    bits = [wanted.tags, wanted.tags] if wanted.tags else []
    return [*bits, wanted.languages] if wanted.languages else bits


def rounded_up(values: Sequence[Any]) -> tuple[Any, ...]:
    """The same list, its last value repeated up to a round length.

    So a few statements serve all lengths, and none is a quarter longer than it must be.
    """
    step = 1 << max(0, len(values).bit_length() - 3)
    return (*values, *(values[-1] for _ in range(-len(values) % step)))


@lru_cache(maxsize=256)
def _sql(mark: str, programs: int, cells: int, tags: bool, languages: bool) -> str:
    parts = [
        "SELECT meeting, minute, opens, closes, kind, latitude, longitude, program"
        " FROM meeting_slots WHERE",
        _among("program", programs, mark),
    ]
    if cells:
        parts.append(f"AND {_among('cell', cells, mark)}")
    parts.append(
        f"AND minute >= {mark} AND minute < {mark}"
        f" AND opens < {mark} AND closes > {mark}"
    )
    if tags:
        parts.append(f"AND tags & {mark} = {mark}")
    if languages:
        parts.append(f"AND languages & {mark} <> 0")
    # As a plain yes or no: PostgreSQL plans it once, and not as one more join.
    parts.append("AND (version IN (SELECT live FROM feeds)) IS TRUE")
    return " ".join(parts)


def _among(column: str, count: int, mark: str) -> str:
    if count == 1:
        return f"{column} = {mark}"
    return f"{column} IN ({', '.join([mark] * count)})"


def _near(rows: Iterable[Any], reach: Reach, window: Window) -> Iterator[Candidate]:
    """The rows that lie within reach, with their distance and their starts.

    One loop without calls: a large town has thousands of rows. The distance is that of
    `places.kilometres`, with what is the same for all rows worked out once.
    """
    here, there = reach.latitude, reach.longitude
    measured = here is not None and there is not None
    up, flat = (radians(here or 0.0), cos(radians(here or 0.0)))
    within, exact = reach.within_km, window.exact
    begin, end = window.begin, window.end
    base = begin - minute_of_week(begin)
    first = minute_of_week(begin)
    for meeting, minute, opens, closes, kind, latitude, longitude, program in rows:
        attendance = kind & ATTENDANCE
        if attendance not in reach.kinds:
            continue
        km = _FAR_OFF
        if measured and latitude is not None and attendance != ONLINE:
            north = radians(latitude)
            half = sin((north - up) / 2)
            along = sin(radians(longitude - there) / 2)
            chord = half * half + flat * cos(north) * along * along
            km = 2 * EARTH_RADIUS * asin(sqrt(chord) if chord < 1 else 1.0)
            if within is not None and km > within:
                continue
            km = _FAR_OFF if kind & APPROXIMATE else round(km, 2)
        elif within is not None:
            continue
        if not exact:
            yield Candidate(begin, km, meeting, kind, program)
            continue
        start = base + minute if minute >= first else base + minute + WEEK
        while start < end:
            if opens <= start < closes:
                yield Candidate(start, km, meeting, kind, program)
            start += WEEK
