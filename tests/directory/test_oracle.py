"""A second opinion, written naively: day by day, meeting by meeting, with zoneinfo."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from plugin.directory.meeting import Place, Search

# Of each kind of moments, asked of both databases and of the oracle: 2,100 in all.
COUNT = 700
# A query that fails is small as it is; to shrink one takes minutes.
UNSHRUNK: Any = {
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}

PROGRAMS = ("aa", "na", "ca")
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
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
    week: int = 0  # of the month: 1 the first such day, -1 the last; 0 every week
    never_on: date | None = None
    approximate: bool = False


def weekly_meetings() -> Iterator[tuple[dict[str, Any], Known]]:
    """Rows of a Meeting Guide feed, around places where an index may err."""
    codes = {"W": "women", "BE": "beginners", "X": "wheelchair", "O": "open"}
    for number in range(240):
        latitude, longitude = somewhere(number)
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
            row["conference_url"] = f"https://join.example/{number}"
            row["types"] = [*row["types"], "ONL"]
        if attendance == "online":
            row["formatted_address"] = "Town, Land"
            place = None
        program = PROGRAMS[number % 3]
        tags = frozenset(codes[code] for code in given_codes)
        language = "es" if spanish else "en"
        uid = f"{program}:m{number:03}"
        known = (uid, program, day, minute, zone, attendance, place, tags, language)
        yield row, Known(*known)


def somewhere(number: int) -> tuple[float, float]:
    centre = CENTRES[number % len(CENTRES)]
    north = ((number * 37) % 100 - 50) / 90
    east = ((number * 53) % 100 - 50) / 90
    latitude = max(-90.0, min(90.0, centre[0] + north))
    longitude = centre[1] + east / max(0.02, math.cos(math.radians(latitude)))
    return latitude, (longitude + 180) % 360 - 180


def rarer_meetings() -> Iterator[tuple[dict[str, str], Known]]:
    """Rows of a CSV feed: not every week, not on one date, or in a town only."""
    for number in range(60):
        latitude, longitude = somewhere(number * 7)
        week = (0, 1, 3, -1)[number % 4]
        # Never at a minute of the weekly ones, which might then be the same meeting.
        day, minute = (number * 3) % 7, (number * 131) % 1435 // 5 * 5 + 2
        never_on = date(2026, 3, 2) + timedelta(days=number % 300)
        zone, program = ZONES[number % len(ZONES)], PROGRAMS[number % 3]
        approximate = number % 5 == 0
        rule = f"FREQ=MONTHLY;BYDAY={week}{DAYS[day]}" if week else ""
        row = {
            "key": f"r{number}",
            "name": f"Rarer {number}",
            "program": program,
            "day": "" if week else DAYS[day].lower(),
            "rule": rule,
            "time": f"{minute // 60:02}:{minute % 60:02}",
            "timezone": zone,
            "except": never_on.isoformat(),
            "attendance": "in-person",
            "latitude": str(latitude),
            "longitude": str(longitude),
            "precision": "approximate" if approximate else "exact",
            "tags": "open" if number % 2 else "",
        }
        tags = frozenset({"open"} if number % 2 else ())
        place = (float(str(latitude)), float(str(longitude)))
        yield (
            row,
            Known(
                *(f"rare:r{number}", program, day, minute, zone, "in-person", place),
                *(tags, "en", week, never_on, approximate),
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
    begin = query.at - timedelta(minutes=query.begun_minutes)
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
        told = None if km is None or one.approximate else round(km, 2)
        found += [
            (starts, one.id, told)
            for starts, local in all_starts(one, begin, end)
            if at_a_wanted_time(query, local)
        ]
    return found


def all_starts(
    one: Known, begin: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Each start in UTC, and as its own clock shows it."""
    day = begin.date() - timedelta(days=2)
    while day <= end.date() + timedelta(days=2):
        if day.weekday() == one.day and falls_in_its_week(one, day):
            wall = datetime(  # noqa: DTZ001
                day.year, day.month, day.day, one.minute // 60, one.minute % 60
            )
            starts = wall.replace(tzinfo=ZoneInfo(one.zone)).astimezone(UTC)
            if begin <= starts < end:
                yield starts, starts.astimezone(ZoneInfo(one.zone))
        day += timedelta(days=1)


def falls_in_its_week(one: Known, day: date) -> bool:
    if day == one.never_on:
        return False
    if one.week == -1:
        return (day + timedelta(days=7)).month != day.month
    return one.week == 0 or (day.day - 1) // 7 + 1 == one.week


def at_a_wanted_time(query: Search, local: datetime) -> bool:
    if query.weekdays and local.weekday() not in query.weekdays:
        return False
    minute = local.hour * 60 + local.minute
    over_midnight = query.earliest > query.latest
    after, before = minute >= query.earliest, minute < query.latest
    return (after or before) if over_midnight else (after and before)


@pytest.fixture(scope="module")
def known() -> list[Known]:
    return [one for _, one in [*weekly_meetings(), *rarer_meetings()]]


def fill(filled: Any) -> None:
    for program in PROGRAMS:
        rows = [row for row, one in weekly_meetings() if one.program == program]
        report = filled.give(rows, feed=program, program=program, timezone="")
        assert not report.rejected
    rare = [row for row, _ in rarer_meetings()]
    lines = [",".join(rare[0]), *(",".join(row.values()) for row in rare)]
    report = filled.give("\n".join(lines), "csv", feed="rare", timezone="")
    assert not report.rejected


def _moments(year: int, month: int, last: int, end: int) -> st.SearchStrategy[datetime]:
    """Any moments from one month to another, in UTC."""
    begin = datetime(year, month, 1, tzinfo=UTC).replace(tzinfo=None)
    until = datetime(last, end, 1, tzinfo=UTC).replace(tzinfo=None)
    return st.datetimes(begin, until, timezones=st.just(UTC))


MOMENTS = {
    "changes-of-the-clocks": st.builds(
        lambda moment, minutes: moment + timedelta(minutes=minutes),
        st.sampled_from(
            [
                datetime(2026, 3, 8, 6, 0, tzinfo=UTC),
                datetime(2026, 3, 28, 22, 30, tzinfo=UTC),
                datetime(2026, 4, 4, 14, 0, tzinfo=UTC),
                datetime(2026, 11, 1, 5, 0, tzinfo=UTC),
                datetime(2026, 10, 24, 23, 0, tzinfo=UTC),
            ]
        ),
        st.integers(-600, 600),
    ),
    "within-the-index": _moments(2026, 3, 2026, 5),
    "other-years": _moments(2012, 1, 2034, 1),
}
ASKED: Any = dict(  # noqa: C408 - names of parameters
    programs=st.sampled_from([("aa",), ("na",), ("aa", "ca"), ("aa", "na", "ca")]),
    hours=st.sampled_from([1, 5.5, 24, 48, 48, 100, 168, 400]),
    near=st.one_of(
        st.none(),
        st.sampled_from([Place(*centre) for centre in CENTRES]),
        st.builds(Place, st.floats(-90, 90), st.floats(-180, 180)),
    ),
    within_km=st.sampled_from([3.0, 20.0, 50.0, 120.0, 5000.0]),
    attendance=st.sampled_from([None, "in-person", "online", "hybrid"]),
    tags=st.sampled_from([(), ("women",), ("beginners", "open"), ("wheelchair",)]),
    language=st.sampled_from([None, "en", "es", "fr"]),
    weekdays=st.sampled_from([frozenset(), frozenset({1}), frozenset({0, 5, 6})]),
    earliest=st.sampled_from([0, 0, 18 * 60, 22 * 60 + 30]),
    latest=st.sampled_from([24 * 60, 24 * 60, 21 * 60, 2 * 60]),
    begun_minutes=st.sampled_from([0, 0, 10]),
    limit=st.sampled_from([1, 5, 20, 60, None]),
)


def queries(moments: str) -> st.SearchStrategy[Search]:
    return st.builds(Search, at=MOMENTS[moments], **ASKED)


def same(found: list[Any], wanted: list[tuple[str, str, float | None]]) -> None:
    ours = [(one.id, one.starts.astimezone(UTC).isoformat(), one.km) for one in found]
    assert [one[:2] for one in ours] == [one[:2] for one in wanted]
    for (_, _, km), (_, _, other) in zip(ours, wanted, strict=True):
        assert (km is None) == (other is None)
        assert km is None or other is None or abs(km - other) < 0.02


def test_search_agrees_with_the_oracle(filled: Any, known: list[Known]) -> None:
    fill(filled)

    @settings(max_examples=40, **UNSHRUNK)
    @given(st.sampled_from(list(MOMENTS)).flatmap(queries))
    def agrees(query: Search) -> None:
        same(filled.directory.search(query), expected(known, query))

    agrees()


@pytest.mark.slow
@pytest.mark.parametrize("moments", list(MOMENTS))
@pytest.mark.parametrize(
    "database_kind", [pytest.param("postgres", marks=pytest.mark.postgres)]
)
def test_both_databases_agree_with_the_oracle(
    filled: Any, filled_on_both: Any, known: list[Known], moments: str
) -> None:
    fill(filled)
    fill(filled_on_both)
    asked = 0

    @settings(max_examples=COUNT, **UNSHRUNK)
    @given(queries(moments))
    def agree(query: Search) -> None:
        nonlocal asked
        asked += 1
        one = filled.directory.search(query)
        same(one, expected(known, query))
        assert filled_on_both.directory.search(query) == one

    agree()
    assert asked >= COUNT
