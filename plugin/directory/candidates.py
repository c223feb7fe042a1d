"""The search index, asked: which meetings can start in a window, and where.

One SQL for both databases. It reads nothing but the covering index; what it finds is
never too little, and what is too much is taken out by the meeting's own rule.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection

from plugin.directory.places import ANYWHERE, kilometres
from plugin.directory.schedule import WEEK, minute_of_week
from plugin.directory.storing import APPROXIMATE, ATTENDANCE, HYBRID, IN_PERSON, ONLINE

# Outside the seasons that the index holds, a clock can be so far from the held one.
_LOOSE = 180  # minutes

# Numbers of places in a list are rounded up, so that few statements serve all.
_STEP = 16

_FOREVER = 2**31 - 1


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
    connection: Connection,
    programs: Sequence[str],
    reach: Reach,
    window: Window,
    wanted: Filter,
) -> list[Candidate]:
    """Everything that may be meant, in no order."""
    found: list[Candidate] = []
    for low, high in _minutes(window):
        rows = connection.exec_driver_sql(
            *_statement(connection, programs, reach.cells, window, low, high, wanted)
        ).fetchall()
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


def _statement(  # noqa: PLR0917
    connection: Connection,
    programs: Sequence[str],
    cells: tuple[int, ...] | None,
    window: Window,
    low: int,
    high: int,
    wanted: Filter,
) -> tuple[str, tuple[Any, ...]]:
    named = padded_to(programs, 1 if len(programs) == 1 else _STEP)
    places = () if cells is None else padded_to(cells, 1 if len(cells) == 1 else _STEP)
    sql = _sql(
        connection.dialect.name,
        len(named),
        len(places),
        bool(wanted.tags),
        bool(wanted.languages),
    )
    opens, closes = (window.end, window.begin) if window.exact else (_FOREVER, 0)
    values: list[Any] = [*named, *places, low, high, opens, closes]
    if wanted.tags:
        values += [wanted.tags, wanted.tags]
    if wanted.languages:
        values.append(wanted.languages)
    return sql, tuple(values)


def padded_to(values: Sequence[Any], step: int) -> tuple[Any, ...]:
    """The same list, its last value repeated up to a round length."""
    return (*values, *[values[-1]] * (-len(values) % step))


@lru_cache(maxsize=256)
def _sql(dialect: str, programs: int, cells: int, tags: bool, languages: bool) -> str:
    mark = "?" if dialect == "sqlite" else "%s"
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
    parts.append("AND version IN (SELECT live FROM feeds)")
    if tags:
        parts.append(f"AND tags & {mark} = {mark}")
    if languages:
        parts.append(f"AND languages & {mark} <> 0")
    return " ".join(parts)


def _among(column: str, count: int, mark: str) -> str:
    if count == 1:
        return f"{column} = {mark}"
    return f"{column} IN ({', '.join([mark] * count)})"


def _near(rows: Iterable[Any], reach: Reach, window: Window) -> Iterator[Candidate]:
    here = reach.latitude, reach.longitude
    for meeting, minute, opens, closes, kind, latitude, longitude, program in rows:
        attendance = kind & ATTENDANCE
        if attendance not in reach.kinds:
            continue
        km = float("inf")
        if latitude is not None and here[0] is not None and attendance != ONLINE:
            km = kilometres(here[0], here[1], latitude, longitude)  # type: ignore[arg-type]
            if reach.within_km is not None and km > reach.within_km:
                continue
            km = float("inf") if kind & APPROXIMATE else round(km, 2)
        elif reach.within_km is not None and reach.cells != (ANYWHERE,):
            continue
        for start in _starts(minute, opens, closes, window):
            yield Candidate(start, km, meeting, kind, program)


def _starts(minute: int, opens: int, closes: int, window: Window) -> Iterator[int]:
    """The minutes in the window on which a weekly slot falls while it stands."""
    if not window.exact:
        yield window.begin  # to be worked out from the meeting's own rule
        return
    start = window.begin + (minute - minute_of_week(window.begin)) % WEEK
    while start < window.end:
        if opens <= start < closes:
            yield start
        start += WEEK
