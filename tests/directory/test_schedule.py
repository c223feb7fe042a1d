"""Exact starts: gaps and folds of the clock, midnight, nth weekdays, exceptions."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from plugin.directory.errors import RowRejected
from plugin.directory.schedule import Rule, checked_rule, slots, starts
from plugin.directory.zones import seasons, zone, zone_of_place

NEW_YORK = "America/New_York"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(rule: Rule, begin: str, days: int) -> list[str]:
    moment = utc(begin)
    found = starts(rule, moment, moment + timedelta(days=days))
    return [one.astimezone(ZoneInfo(rule.zone)).isoformat() for one in found]


STARTS = [
    pytest.param(
        Rule(NEW_YORK, 6, 2 * 60 + 30),
        ["2026-03-08T03:30:00-04:00", "2026-03-15T02:30:00-04:00"],
        id="in-the-gap-the-offset-before-it",
    ),
    pytest.param(
        Rule(NEW_YORK, 6, 3 * 60),
        ["2026-03-08T03:00:00-04:00", "2026-03-15T03:00:00-04:00"],
        id="after-the-gap",
    ),
    pytest.param(
        Rule(NEW_YORK, 0, 19 * 60),
        ["2026-03-09T19:00:00-04:00", "2026-03-16T19:00:00-04:00"],
        id="same-wall-clock-after-the-change",
    ),
]


@pytest.mark.parametrize(("rule", "expected"), STARTS)
def test_spring_forward(rule: Rule, expected: list[str]) -> None:
    assert local(rule, "2026-03-08T00:00", 10) == expected


def test_fall_back_takes_the_first_of_two() -> None:
    rule = Rule(NEW_YORK, 6, 90)
    assert local(rule, "2026-11-01T00:00", 8) == [
        "2026-11-01T01:30:00-04:00",
        "2026-11-08T01:30:00-05:00",
    ]


RULES = [
    pytest.param(
        Rule(NEW_YORK, 1, 1080, "FREQ=MONTHLY;BYDAY=1TU"),
        ["2026-03-03", "2026-04-07", "2026-05-05"],
        id="first-tuesday",
    ),
    pytest.param(
        Rule(NEW_YORK, 4, 1080, "FREQ=MONTHLY;BYDAY=-1FR"),
        ["2026-03-27", "2026-04-24", "2026-05-29"],
        id="last-friday",
    ),
    pytest.param(
        Rule(NEW_YORK, 0, 1080, "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "2026-03-09"),
        [
            "2026-03-09",
            "2026-03-23",
            "2026-04-06",
            "2026-04-20",
            "2026-05-04",
            "2026-05-18",
        ],
        id="every-other-monday",
    ),
    pytest.param(
        Rule(NEW_YORK, None, 1080, "FREQ=MONTHLY;BYMONTHDAY=31"),
        ["2026-03-31", "2026-05-31"],
        id="the-31st",
    ),
    pytest.param(
        Rule(NEW_YORK, 2, 1080, "", "", ("2026-03-11", "2026-03-18")),
        [
            *("2026-03-04", "2026-03-25", "2026-04-01", "2026-04-08", "2026-04-15"),
            *("2026-04-22", "2026-04-29", "2026-05-06", "2026-05-13", "2026-05-20"),
            "2026-05-27",
        ],
        id="exceptions",
    ),
    pytest.param(
        Rule(NEW_YORK, 3, 1080, "FREQ=WEEKLY;BYDAY=TH;UNTIL=20260313T235959"),
        ["2026-03-05", "2026-03-12"],
        id="until",
    ),
]


@pytest.mark.parametrize(("rule", "days"), RULES)
def test_rules(rule: Rule, days: list[str]) -> None:
    assert [one[:10] for one in local(rule, "2026-03-01T12:00", 92)] == days


@pytest.mark.parametrize(("rule", "days"), RULES)
def test_index_never_misses_a_start(rule: Rule, days: list[str]) -> None:
    """Each exact start falls on a slot whose season holds it."""
    begin = utc("2026-03-01T12:00")
    day = (begin - datetime(1970, 1, 1, tzinfo=UTC)).days
    held = slots(rule, day)
    for start in starts(rule, begin, begin + timedelta(days=92)):
        minute = int(start.timestamp()) // 60
        week = (minute + 3 * 1440) % 10080
        assert any(s.minute == week and s.opens <= minute < s.closes for s in held)


BAD = [
    pytest.param("FREQ=SECONDLY", "", id="by-the-second"),
    pytest.param("FREQ=HOURLY", "", id="by-the-hour"),
    pytest.param("BYDAY=MO", "", id="no-frequency"),
    pytest.param("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "", id="no-first-date"),
    pytest.param("FREQ=WEEKLY;INTERVAL=0", "2026-01-01", id="interval-0"),
    pytest.param("FREQ=WEEKLY;COUNT=99999999", "2026-01-01", id="count"),
    pytest.param("FREQ=MONTHLY;BYDAY=XX", "", id="day"),
    pytest.param("FREQ=WEEKLY;EXRULE=1", "", id="unknown-part"),
    pytest.param("", "", id="empty"),
]


@pytest.mark.parametrize(("text", "first"), BAD)
def test_rule_that_cannot_be_worked_out_is_refused(text: str, first: str) -> None:
    with pytest.raises(RowRejected):
        checked_rule(text, first)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "localtime", "../etc", "EST5X"])
def test_name_that_is_no_zone(name: str) -> None:
    assert zone(name) is None


def test_seasons_follow_on_each_other() -> None:
    for name in (NEW_YORK, "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata"):
        held = seasons(name, 20500)
        assert len(held) in (1, 2, 3)
        for one, after in itertools.pairwise(held):
            assert abs(one.closes - after.opens) <= 60
        assert held[-1].closes >= (20500 + 130) * 1440


def test_zone_of_a_place_and_of_the_sea() -> None:
    assert zone_of_place(51.5, -0.1) == "Europe/London"
    assert zone_of_place(0.0, -30.0) == ""
