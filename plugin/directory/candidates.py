"""The search index, asked: which meetings can start in a window, and where.

One SQL for both databases. It reads nothing but the covering index; what it finds is
never too little, and what is too much is taken out by the meeting's own rule.

Which versions are live is known beforehand, not looked up for each row: what the
statement says of the feeds when it was run must be what is known.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import asin, cos, pi, sin, sqrt
from typing import Any, NamedTuple

from plugin.directory.lookup import Lookup, marks
from plugin.directory.origins import LIVE_NOW, Live
from plugin.directory.places import EARTH_RADIUS
from plugin.directory.schedule import WEEK, minute_of_week
from plugin.directory.storing import APPROXIMATE, ATTENDANCE, HYBRID, IN_PERSON, ONLINE

# Outside the seasons that the index holds, a clock can be so far from the held one.
_LOOSE = 180  # minutes

_FOREVER = 2**31 - 1
_FAR_OFF = float("inf")


class Reach(NamedTuple):
    """Where a meeting may be: in these cells, or (None) wherever it is."""

    cells: tuple[int, ...] | None
    latitude: float | None = None
    longitude: float | None = None
    within_km: float | None = None  # None: the distance is told, and not asked for
    kinds: frozenset[int] = frozenset({IN_PERSON, ONLINE, HYBRID})


class Window(NamedTuple):
    """Whole minutes since 1970, [begin, end). `exact`: the index knows its seasons."""

    begin: int
    end: int
    exact: bool = True


class Index(NamedTuple):
    """The index, and the feeds of which it may speak."""

    lookup: Lookup
    live: Live


class Filter(NamedTuple):
    tags: int = 0  # bits that must all be there
    languages: int = 0  # bits of which one must be there; 0 asks for none


# A meeting that may start at a minute: the minute since 1970 (where the window is not
# exact, one that must still be worked out), the distance in km (infinite where it is
# not told), the meeting, its kind, its programme. They sort by start and distance. A
# plain tuple, because a search makes them by the thousand.
Candidate = tuple[int, float, int, int, str]


def candidates(
    index: Index,
    programs: Sequence[str],
    reach: Reach,
    window: Window,
    wanted: Filter,
) -> list[Candidate]:
    """Everything that may be meant, in no order.

    Raises: FeedReplaced where other versions are live than those that are known.
    """
    found: list[Candidate] = []
    live = index.live
    sql, values = _statement(programs, reach.cells, window, wanted)
    bits = _bits(wanted)
    for low, high in _minutes(window):
        values[-2:] = (low, high)
        rows = index.lookup.rows(sql, bits + values)
        live.check(rows[0][-1] if rows else live.now(index.lookup))
        found += _near(rows, live, reach, window)
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
    programs: Sequence[str],
    cells: tuple[int, ...] | None,
    window: Window,
    wanted: Filter,
) -> tuple[str, list[Any]]:
    """The SQL and its values after those of the filter; the minutes are to be set."""
    named, places = rounded_up(programs), rounded_up(cells or ())
    asks = bool(wanted.tags), bool(wanted.languages)
    sql = _sql(len(named), len(places), *asks)
    opens, closes = (window.end, window.begin) if window.exact else (_FOREVER, 0)
    return sql, [opens, closes, *named, *places, 0, WEEK]


def _bits(wanted: Filter) -> list[int]:
    bits = [wanted.tags, wanted.tags] if wanted.tags else []
    return [*bits, wanted.languages] if wanted.languages else bits


def rounded_up(values: Sequence[Any]) -> tuple[Any, ...]:
    """The same list, its last value repeated up to a round length.

    So a few statements serve all lengths, and none is a quarter longer than it must be.
    """
    step = 1 << max(0, len(values).bit_length() - 3)
    missing = -len(values) % step
    return (*values, *[values[-1]] * missing) if missing else tuple(values)


@lru_cache(maxsize=256)
def _sql(programs: int, cells: int, tags: bool, languages: bool) -> str:
    # What shuts out most rows stands first.
    parts = ["tags & ? = ?"] if tags else []
    if languages:
        parts.append("languages & ? <> 0")
    parts += ["opens < ? AND closes > ?", _among("program", programs)]
    if cells:
        parts.append(_among("cell", cells))
    parts.append("minute >= ? AND minute < ?")
    return f"{_SELECT} {' AND '.join(parts)}"


_SELECT = (
    "SELECT version, meeting, minute, opens, closes, kind, latitude, longitude,"  # noqa: S608
    f" program, ({LIVE_NOW}) FROM meeting_slots WHERE"
)


def _among(column: str, count: int) -> str:
    if count == 1:
        return f"{column} = ?"
    return f"{column} IN ({marks(count)})"


def _near(
    rows: Iterable[Any], live: Live, reach: Reach, window: Window
) -> list[Candidate]:
    """The rows that lie within reach, with their distance and their starts.

    One loop without calls: a large town has thousands of rows. The distance is that of
    `places.kilometres`, with what is the same for all rows worked out once.
    """
    here, there = reach.latitude or 0.0, reach.longitude or 0.0
    measured = reach.latitude is not None and reach.longitude is not None
    flat = cos(here * _RADIANS)
    kinds, within = reach.kinds, reach.within_km
    versions, exact = live.origins, window.exact
    begin, end = window.begin, window.end
    first = minute_of_week(begin)
    base = begin - first
    found: list[Candidate] = []
    for version, meeting, minute, opens, closes, kind, north, east, program, _ in rows:
        if version not in versions:
            continue
        attendance = kind & ATTENDANCE
        if attendance not in kinds:
            continue
        km = _FAR_OFF
        if measured and north is not None and attendance != ONLINE:
            half = sin((north - here) * _HALF)
            along = sin((east - there) * _HALF)
            chord = half * half + flat * cos(north * _RADIANS) * along * along
            km = _ACROSS * asin(sqrt(chord) if chord < 1 else 1.0)
            if within is not None and km > within:
                continue
            # To 10 m; the built-in `round` takes longer than all of the above.
            km = _FAR_OFF if kind & APPROXIMATE else int(km * 100 + 0.5) / 100
        elif within is not None:
            continue
        if not exact:
            found.append((begin, km, meeting, kind, program))
            continue
        start = base + minute if minute >= first else base + minute + WEEK
        while start < end:
            if opens <= start < closes:
                found.append((start, km, meeting, kind, program))
            start += WEEK
    return found


_RADIANS = pi / 180
_HALF = pi / 360  # of an angle, in radians
_ACROSS = 2 * EARTH_RADIUS
