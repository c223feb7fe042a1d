"""Dates as charts record them: to the year, the month, the day or the moment."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


@lru_cache(maxsize=2048)
def latest_day(recorded: str) -> date | None:
    """The last day that a recorded date can mean; the day is never shifted.

    A year stands for its 31 December, so that what may be recent counts as recent.
    """
    match = _DATE.match(recorded)
    if match is None:
        return None
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        month = month or 12
        return date(year or 0, month, day or monthrange(year or 1, month)[1])
    except ValueError:
        return None


@lru_cache(maxsize=2048)
def moment(recorded: str) -> datetime:
    """For ordering only: undated counts as the latest, a day as its end."""
    try:
        found = datetime.fromisoformat(recorded)
    except ValueError:
        found = None
    if found is not None and "T" in recorded:
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    day = latest_day(recorded)
    if day is None:
        return datetime.max.replace(tzinfo=UTC)
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)


def is_within(recorded: str, days: int, at: datetime) -> bool:
    """Whether a date lies no more than `days` back; no date counts as recent."""
    day = latest_day(recorded)
    return day is None or day >= _day_at(at, -days)


@lru_cache(maxsize=64)
def _day_at(at: datetime, days: int) -> date:
    return at.date() + timedelta(days=days)


def is_ahead(recorded: str, at: datetime) -> bool:
    """Whether all that a date can mean lies ahead, time zones aside."""
    day = _earliest_day(recorded)
    return day is not None and day > _day_at(at, 1)


@lru_cache(maxsize=2048)
def _earliest_day(recorded: str) -> date | None:
    match = _DATE.match(recorded)
    if match is None:
        return None
    year, month, day = (int(part) if part else 1 for part in match.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None


def age_in_years(birth_date: str, at: datetime) -> int | None:
    """Whole years at a moment, or None where the birth date does not tell.

    A birth date of a year or month alone gives the lower of the possible ages, so
    that a patient who may be a minor counts as one.
    """
    born = latest_day(birth_date)
    if born is None:
        return None
    today = at.date()
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    # A year alone: 31 December may lie ahead although the patient is born.
    if years == -1 and born.year == today.year and len(birth_date) < 10:
        years = 0
    return years if 0 <= years <= 130 else None
