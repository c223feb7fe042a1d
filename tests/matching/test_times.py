"""Days, times and distance as the patient states them."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from plugin.directory.meeting import Occurrence
from plugin.matching.preferences import is_wished_time
from plugin.matching.recommendation import Preferences

EASTERN = timezone(timedelta(hours=-5))
MONDAY, TUESDAY, SATURDAY, SUNDAY = 1, 2, 32, 64
WEEKEND = SATURDAY + SUNDAY
SAME_DAY = datetime(2026, 3, 2, tzinfo=EASTERN)  # a Monday


def meeting(day: int, time: str, program: str = "aa") -> Occurrence:
    hour, minute = map(int, time.split(":"))
    starts = SAME_DAY + timedelta(days=day, hours=hour, minutes=minute)
    name = f"{program}-{day}-{time}"
    return Occurrence(name, "t", name, program, name, starts, 60, "in-person", km=2.0)


EVENINGS = [meeting(day, "19:00") for day in range(14)]
MORNINGS = [meeting(day, "07:30", "smart") for day in range(14)]


def nearby(wanted: Any) -> Mapping[str, Any]:
    found = {"aa": EVENINGS, "smart": MORNINGS}
    return {p: found.get(p, [])[: wanted.limit] for p in wanted.programs}


@pytest.mark.parametrize(
    ("wishes", "day", "time", "suits"),
    [
        pytest.param({}, 0, "03:00", True, id="nothing-stated"),
        pytest.param({"weekdays": WEEKEND}, 5, "10:00", True, id="saturday"),
        pytest.param({"weekdays": WEEKEND}, 4, "10:00", False, id="friday"),
        pytest.param({"earliest": 1020}, 0, "17:00", True, id="from-17-inclusive"),
        pytest.param({"earliest": 1020}, 0, "16:59", False, id="before-17"),
        pytest.param({"latest": 720}, 0, "12:00", False, id="noon-is-too-late"),
        pytest.param({"latest": 720}, 0, "11:59", True, id="before-noon"),
        pytest.param({"earliest": 1320, "latest": 120}, 0, "23:30", True, id="night"),
        pytest.param({"earliest": 1320, "latest": 120}, 0, "01:59", True, id="small"),
        pytest.param({"earliest": 1320, "latest": 120}, 0, "02:00", False, id="over"),
    ],
)
def test_time_suits(wishes: dict[str, Any], day: int, time: str, suits: bool) -> None:
    assert is_wished_time(meeting(day, time), Preferences(**wishes)) is suits


def test_day_is_that_of_the_meeting_s_own_clock() -> None:
    late_monday = meeting(0, "23:00")  # Tuesday in UTC
    assert is_wished_time(late_monday, Preferences(weekdays=MONDAY))
    assert not is_wished_time(late_monday, Preferences(weekdays=TUESDAY))


def test_meetings_on_the_wished_day_stand_on_the_card(answer: Any) -> None:
    found = answer(["F10.20"], wishes=Preferences(weekdays=SATURDAY), find=nearby)
    days = [m.starts.weekday() for m in found.r.program("aa").meetings]
    assert days == [5, 5]


def test_where_no_time_suits_the_next_ones_are_shown_and_it_is_said(
    answer: Any,
) -> None:
    found = answer(["F10.20"], wishes=Preferences(earliest=17 * 60), find=nearby)
    aa, smart = found.r.program("aa"), found.r.program("smart")
    assert [m.id for m in smart.meetings] == [m.id for m in MORNINGS[:3]]
    assert len(aa.meetings) == 3
    said = "No next meeting at the wished days and times: SMART Recovery."
    assert said in found.r.notes
    shares = {p.id: {f.id: f.value for f in p.features} for p in (aa, smart)}
    assert (shares["aa"]["preference"], shares["smart"]["preference"]) == (1.0, 0.0)


def test_programme_without_known_meetings_is_not_held_to_times(answer: Any) -> None:
    found = answer(["F10.20"], wishes=Preferences(weekdays=SATURDAY), find=nearby)
    lifering = found.r.program("lifering")
    preference = next(f for f in lifering.features if f.id == "preference")
    assert (preference.known, preference.value) == (False, 0.5)


@pytest.mark.parametrize(
    ("wishes", "limit", "km"),
    [
        pytest.param({}, 3, 50, id="as-asked"),
        pytest.param({"within_km": 8.0}, 3, 8.0, id="distance-stated"),
        pytest.param({"weekdays": SATURDAY}, 60, 50, id="days-stated"),
    ],
)
def test_directory_is_asked_for_what_was_stated(
    answer: Any, directory: Any, wishes: dict[str, Any], limit: int, km: float
) -> None:
    answer(["F10.20"], wishes=Preferences(**wishes), find=directory.find)
    (wanted,) = directory.asked
    assert (wanted.limit, wanted.within_km) == (limit, km)
