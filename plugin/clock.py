"""Time as a parameter: who needs the time is handed a clock."""

from collections.abc import Callable
from datetime import UTC, datetime

# Gives the present moment as an aware datetime in UTC.
Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)
