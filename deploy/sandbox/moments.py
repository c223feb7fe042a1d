"""Dates that are told from now, so that the charts never grow old.

A chart file writes `@-18d` for a date, `@-18dT10:20` for a time on that day, and
`@-20min` for a moment: days (d), months (m), years (y), hours (h) and minutes (min).
"""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

# Gives the present moment as an aware datetime.
Clock = Callable[[], datetime]

_MARK = re.compile(r"@([+-]?\d+)(min|h|d|m|y)(?:T(\d\d):(\d\d))?")


def system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Moments:
    """Reads the marks of one chart: `now` in the zone of its place."""

    now: datetime
    zone: ZoneInfo

    def told(self, text: str) -> str:
        """Turn a mark into a FHIR date or dateTime; any other text stays as it is."""
        found = _MARK.fullmatch(text)
        if found is None:
            return text
        number, unit, hour, minute = found.groups()
        here = self.now.astimezone(self.zone)
        if unit in {"min", "h"}:
            step = timedelta(**{"minutes" if unit == "min" else "hours": int(number)})
            return _second(here + step)
        day = _moved(here.date(), int(number), unit)
        if hour is None:
            return day.isoformat()
        clock = datetime(
            day.year, day.month, day.day, int(hour), int(minute), tzinfo=self.zone
        )
        return _second(clock)

    def born(self, age: int, month_day: str) -> str:
        """Give the birth date of someone who is this old now; `month_day` is MM-DD."""
        today = self.now.astimezone(self.zone).date()
        month, day = (int(part) for part in month_day.split("-"))
        passed = (month, day) <= (today.month, today.day)
        return date(today.year - age - (0 if passed else 1), month, day).isoformat()


def _moved(day: date, number: int, unit: str) -> date:
    if unit == "d":
        return day + timedelta(days=number)
    months = day.year * 12 + day.month - 1 + number * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def _second(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat()
