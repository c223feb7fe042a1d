"""A second opinion, written naively: day by day, meeting by meeting, with zoneinfo."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin.directory.meeting import Place, Search

# Fewer in an ordinary run.
COUNT = 2000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 300

ZONES = (
    "America/New_York",
    "America/Los_Angeles",
    "Europe/London",
    "Australia/Lord_Howe",
    "Australia/Melbourne",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/St_Johns",
    "Asia/Tehran",
)
# Places where index cells are odd: a pole, the date line, the equator, two towns.
CENTRES = (
    (40.70, -73.95),
    (40.90, -74.10),
    (-17.0, 179.95),
    (-17.0, -179.95),
    (89.9, 10.0),
    (-89.95, -60.0),
    (0.1, 0.5),
    (58.65, 11.25),  # beside a pentagon of the grid
)


@dataclass(frozen=True)
class Known:
    """A meeting as the oracle knows it."""

    id: str
    program: str
    day: int  # 0 Monday
    minute: int
    zone: str
    attendance: str
    place: tuple[float, float] | None
    tags: frozenset[str]
    language: str


def known_meetings() -> Iterator[tuple[dict[str, Any], Known]]:
    codes = {"W": "women", "BE": "beginners", "X": "wheelchair", "O": "open"}
    for number in range(900):
        centre = CENTRES[number % len(CENTRES)]
        north = ((number * 37) % 100 - 50) / 90
        east = ((number * 53) % 100 - 50) / 90
        latitude = max(-90.0, min(90.0, centre[0] + north))
        longitude = centre[1] + east / max(0.02, math.cos(math.radians(latitude)))
        longitude = (longitude + 180) % 360 - 180
        zone = ZONES[(number // 3) % len(ZONES)]
        day, minute = (number * 5) % 7, (number * 97) % 1440 // 5 * 5
        attendance = ("in-person", "online", "hybrid", "in-person")[number % 4]
        given_codes = [code for at, code in enumerate(codes) if number >> at & 1]
        spanish = number % 6 == 0
        row: dict[str, Any] = {
            "slug": f"m{number:03}",
            "name": f"Meeting {number}",
            "day": (day + 1) % 7,
            "time": f"{minute // 60:02}:{minute % 60:02}",
            "timezone": zone,
            "types": given_codes + (["S"] if spanish else []),
            "latitude": latitude,
            "longitude": longitude,
            "formatted_address": f"{number} Example St, Town, ST 1, Land",
        }
        place: tuple[float, float] | None = (latitude, longitude)
        if attendance != "in-person":
            row["conference_url"] = "https://join.example/1"
            row["types"] = [*row["types"], "ONL"]
        if attendance == "online":
            row["formatted_address"] = "Town, Land"
            place = None
        program = ("aa", "na", "ca")[number % 3]
        yield (
            row,
            Known(
                f"{program}:m{number:03}",
                program,
                day,
                minute,
                zone,
                attendance,
                place,
                frozenset(codes[code] for code in given_codes),
                "es" if spanish else "en",
            ),
        )


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the spherical law of cosines on vectors: not the formula that is tested."""

    def vector(place: tuple[float, float]) -> tuple[float, float, float]:
        up, along = math.radians(place[0]), math.radians(place[1])
        flat = math.cos(up)
        return flat * math.cos(along), flat * math.sin(along), math.sin(up)

    a, b = vector(one), vector(other)
    cross = math.dist((0, 0, 0), (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ))  # fmt: skip
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return 6371.0088 * math.atan2(cross, dot)


def expected(known: list[Known], query: Search) -> list[tuple[str, str, float | None]]:
    """Every occurrence that the query means, worked out one day after the other."""
    near = (query.near.latitude, query.near.longitude) if query.near else None
    found = placed(known, query, near)
    if not found and near is not None and query.attendance is None:
        from dataclasses import replace

        found = placed(known, replace(query, attendance="online", near=None), None)
    found.sort(key=lambda one: (one[0], math.inf if one[2] is None else one[2], one[1]))
    return [(uid, starts.isoformat(), km) for starts, uid, km in found[: query.limit]]


def placed(
    known: list[Known], query: Search, near: tuple[float, float] | None
) -> list[tuple[datetime, str, float | None]]:
    end = query.at + timedelta(hours=query.hours)
    found = []
    for one in known:
        if one.program not in query.programs or not set(query.tags) <= one.tags:
            continue
        if query.language and query.language != one.language:
            continue
        wanted = query.attendance
        if wanted and one.attendance not in (wanted, "hybrid"):
            continue
        km = None
        if near is not None and one.attendance != "online" and one.place is not None:
            km = distance(near, one.place)
        beyond = km is None or km > query.within_km
        if near is not None and wanted != "online" and beyond:
            continue
        for starts in all_starts(one, query.at, end):
            found.append((starts, one.id, None if km is None else round(km, 2)))
    return found


def all_starts(one: Known, begin: datetime, end: datetime) -> Iterator[datetime]:
    day = begin.date() - timedelta(days=3)
    while day <= end.date() + timedelta(days=3):
        if day.weekday() == one.day:
            wall = datetime(  # noqa: DTZ001
                day.year, day.month, day.day, one.minute // 60, one.minute % 60
            )
            starts = wall.replace(tzinfo=ZoneInfo(one.zone)).astimezone(UTC)
            if begin <= starts < end:
                yield starts
        day += timedelta(days=1)


@pytest.fixture(scope="module")
def known() -> list[Known]:
    return [one for _, one in known_meetings()]


def fill(filled: Any) -> None:
    for program in ("aa", "na", "ca"):
        rows = [row for row, one in known_meetings() if one.program == program]
        report = filled.give(rows, feed=program, program=program, timezone="")
        assert not report.rejected


def _moments(year: int, month: int, last: int, end: int) -> st.SearchStrategy[datetime]:
    """Any moments from one month to another, in UTC."""
    begin = datetime(year, month, 1, tzinfo=UTC).replace(tzinfo=None)
    until = datetime(last, end, 1, tzinfo=UTC).replace(tzinfo=None)
    return st.datetimes(begin, until, timezones=st.just(UTC))


MOMENTS = st.one_of(
    # Around the changes of the clocks, and anywhere in the years about.
    st.sampled_from(
        [
            datetime(2026, 3, 8, 6, 0, tzinfo=UTC),
            datetime(2026, 3, 28, 22, 30, tzinfo=UTC),
            datetime(2026, 4, 4, 14, 0, tzinfo=UTC),
            datetime(2026, 11, 1, 5, 0, tzinfo=UTC),
            datetime(2026, 10, 24, 23, 0, tzinfo=UTC),
        ]
    ),
    _moments(2026, 2, 2026, 7),
    _moments(2012, 1, 2034, 1),
)
QUERIES = st.builds(
    Search,
    programs=st.sampled_from([("aa",), ("na",), ("aa", "ca"), ("aa", "na", "ca")]),
    at=MOMENTS,
    hours=st.sampled_from([1, 5.5, 24, 48, 100, 168, 400]),
    near=st.one_of(
        st.none(),
        st.sampled_from([Place(*centre) for centre in CENTRES]),
        st.builds(Place, st.floats(-90, 90), st.floats(-180, 180)),
    ),
    within_km=st.sampled_from([3.0, 20.0, 50.0, 120.0, 5000.0]),
    attendance=st.sampled_from([None, "in-person", "online", "hybrid"]),
    tags=st.sampled_from([(), ("women",), ("beginners", "open"), ("wheelchair",)]),
    language=st.sampled_from([None, "en", "es", "fr"]),
    limit=st.sampled_from([1, 5, 20, None]),
)


def same(found: list[Any], wanted: list[tuple[str, str, float | None]]) -> None:
    ours = [(one.id, one.starts.astimezone(UTC).isoformat(), one.km) for one in found]
    assert [one[:2] for one in ours] == [one[:2] for one in wanted]
    for (_, _, km), (_, _, other) in zip(ours, wanted, strict=True):
        assert (km is None) == (other is None)
        assert km is None or other is None or abs(km - other) < 0.02


@pytest.mark.slow
def test_search_agrees_with_the_oracle(filled: Any, known: list[Known]) -> None:
    fill(filled)

    @settings(
        max_examples=COUNT,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(QUERIES)
    def agrees(query: Search) -> None:
        same(filled.directory.search(query), expected(known, query))

    agrees()


@pytest.mark.slow
@pytest.mark.postgres
def test_both_databases_give_the_same_answers(
    filled: Any, filled_on_both: Any, known: list[Known]
) -> None:
    fill(filled)
    fill(filled_on_both)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(QUERIES)
    def agree(query: Search) -> None:
        one = filled.directory.search(query)
        other = filled_on_both.directory.search(query)
        assert [(o.id, o.starts, o.km, o.tags) for o in one] == [
            (o.id, o.starts, o.km, o.tags) for o in other
        ]

    agree()
