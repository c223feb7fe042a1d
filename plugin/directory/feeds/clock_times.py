"""Times of day and durations, as feeds write them."""

import re
from functools import lru_cache

from plugin.directory.errors import RowRejected

DAY = 24 * 60
USUAL_LENGTH = 60  # minutes, where a feed does not say

_TIME = re.compile(r"^(\d{1,2})[:.](\d{2})(?::(\d{2}))?\s*([AaPp]\.?[Mm]\.?)?$")
_NAMED = {"noon": 12 * 60, "midnight": 24 * 60}


@lru_cache(maxsize=4096)
def minute_of_day(text: str) -> int:
    """`HH:MM`, `HH:MM:SS` or `H:MM PM` as minutes after midnight, 24:00 as 1440.

    Raises: RowRejected for an impossible time.
    """
    said = text.strip()
    if said.lower() in _NAMED:
        return _NAMED[said.lower()]
    match = _TIME.match(said)
    if not match:
        raise RowRejected(f"an impossible time: {said[:20]!r}")
    hour, minute = int(match[1]), int(match[2])
    half = (match[4] or "").lower()[:1]
    if half:
        if not 1 <= hour <= 12:
            raise RowRejected(f"an impossible time: {said[:20]!r}")
        hour = hour % 12 + (12 if half == "p" else 0)
    total = hour * 60 + minute
    if minute > 59 or int(match[3] or 0) > 59 or total > DAY:
        raise RowRejected(f"an impossible time: {said[:20]!r}")
    return total


def length_between(start: int, end: int) -> int:
    """Minutes from start to end, over midnight where the end is the earlier."""
    return (end - start) % DAY or USUAL_LENGTH


def start_and_shift(minute: int) -> tuple[int, int]:
    """The start, and the days that 24:00 moves it on."""
    return minute % DAY, minute // DAY
