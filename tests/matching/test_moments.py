"""Dates as recorded: never shifted, and in doubt recent."""

from datetime import UTC, date, datetime

import pytest

from plugin.matching.moments import age_in_years, is_within, latest_day, moment

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("recorded", "day"),
    [
        pytest.param("2026-02-03", date(2026, 2, 3), id="day"),
        pytest.param("2026-02", date(2026, 2, 28), id="month"),
        pytest.param("2024-02", date(2024, 2, 29), id="leap-month"),
        pytest.param("2026", date(2026, 12, 31), id="year"),
        pytest.param("2026-02-03T23:30:00-08:00", date(2026, 2, 3), id="P14-zone"),
        pytest.param("2026-02-03T24:00:00Z", date(2026, 2, 3), id="P14-24-hours"),
        pytest.param("2026-02-30", None, id="no-such-day"),
        pytest.param("2026-13", None, id="no-such-month"),
        pytest.param("0000", None, id="year-0"),
        pytest.param("", None, id="empty"),
        pytest.param("last spring", None, id="words"),
    ],
)
def test_latest_day(recorded: str, day: date | None) -> None:
    assert latest_day(recorded) == day


@pytest.mark.parametrize(
    ("recorded", "within"),
    [("2026-02-20", True), ("2026-02-10", False), ("", True), ("2030-01-01", True)],
)
def test_is_within_14_days(recorded: str, within: bool) -> None:
    assert is_within(recorded, 14, AT) is within


@pytest.mark.parametrize(
    ("born", "years"),
    [
        pytest.param("1980-03-02", 46, id="birthday"),
        pytest.param("1980-03-03", 45, id="the-day-before"),
        pytest.param("2008-03-02", 18, id="eighteen-today"),
        pytest.param("2008-03-03", 17, id="eighteen-tomorrow"),
        pytest.param("2008", 17, id="year-alone-may-be-a-minor"),
        pytest.param("2008-03", 17, id="month-alone"),
        pytest.param("2026", 0, id="born-this-year"),
        pytest.param("2027-01-01", None, id="born-in-the-future"),
        pytest.param("1880-01-01", None, id="impossible"),
        pytest.param("", None, id="unknown"),
        pytest.param("2004-02-29", 22, id="leap-day"),
    ],
)
def test_age(born: str, years: int | None) -> None:
    assert age_in_years(born, AT) == years


@pytest.mark.parametrize(
    ("born", "age"),
    [
        pytest.param("1896-03-02", 130, id="the-oldest"),
        pytest.param("1895-03-01", None, id="older-than-anybody"),
    ],
)
def test_age_has_an_upper_end(born: str, age: int | None) -> None:
    assert age_in_years(born, datetime(2026, 3, 2, 15, tzinfo=UTC)) == age


def test_what_has_no_date_can_be_ordered_among_what_has() -> None:
    days = ["2024", "unknown", "2025-01-02T10:00:00-05:00", "2025-01-02"]
    assert sorted(days, key=moment) == ["2024", days[2], "2025-01-02", "unknown"]
