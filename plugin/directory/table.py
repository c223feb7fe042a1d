"""Search results for a terminal: when, how soon, what, where, how far."""

import shutil
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

from plugin.directory.meeting import Occurrence

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: tuple[str, ...] = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
)
_MONTHS += ("Oct", "Nov", "Dec")
_HEAD = ("When", "Starts", "Meeting", "Where", "km", "For")
_GAP = "  "
_ROOMY = 100  # columns from which the month is told too
_GIVING = {2: 22, 3: 16, 5: 14}  # columns of words, and their shares of what is left


def table(found: Sequence[Occurrence], now: datetime, width: int | None = None) -> str:
    """The meetings as lines of a table, as wide as the terminal at most."""
    several = len({one.program for one in found}) > 1
    total = width or shutil.get_terminal_size((100, 24)).columns
    told = when if total >= _ROOMY else _soon_enough
    rows = [
        _HEAD,
        *((told(one.starts), *_row(one, now, several=several)) for one in found),
    ]
    widths = _widths(rows, max(total, 60))
    return "\n".join(_line(row, widths) for row in rows)


def _row(one: Occurrence, now: datetime, *, several: bool) -> tuple[str, ...]:
    place = one.venue or one.address.split(",")[0] or "in person"
    where = "online" if one.attendance == "online" else place
    marks = ("hybrid", *one.tags) if one.attendance == "hybrid" else one.tags
    name = f"{one.program}: {one.name}" if several else one.name
    if one.languages not in ((), ("en",)):
        name = f"{name} ({' '.join(one.languages)})"
    return (
        soon(one.starts - now),
        name,
        where,
        "" if one.km is None else f"{one.km:.1f}",
        ", ".join(marks[:4]),
    )


def when(starts: datetime) -> str:
    """On the meeting's own clock: `Tue 24 Nov, 18:30`."""
    day = f"{_DAYS[starts.weekday()]} {starts.day:>2} {_MONTHS[starts.month - 1]}"
    return f"{day}, {starts:%H:%M}"


def _soon_enough(starts: datetime) -> str:
    """As `when`, for a narrow terminal: `Tue 24, 18:30`."""
    return f"{_DAYS[starts.weekday()]} {starts.day:>2}, {starts:%H:%M}"


def soon(ahead: timedelta) -> str:
    """How soon: `in 3 h 20 min`, `in 2 days`, `10 min ago`."""
    minutes = round(ahead.total_seconds() / 60)
    if minutes < 0:
        return f"{-minutes} min ago" if minutes > -60 else f"{-minutes // 60} h ago"
    if minutes == 0:
        return "now"
    hours, left = divmod(minutes, 60)
    if hours >= 48:
        return f"in {hours // 24} days"
    if not hours:
        return f"in {left} min"
    return f"in {hours} h {left} min" if left else f"in {hours} h"


def _widths(rows: Sequence[tuple[str, ...]], total: int) -> list[int]:
    widths = [max(_cells(row[at]) for row in rows) for at in range(len(_HEAD))]
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - total
    # The longest column gives way first; what tells when and how far stays whole.
    for _ in range(over):
        at = max(_GIVING, key=lambda column: widths[column] / _GIVING[column])
        widths[at] -= 1
    return widths


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = []
    for at, (text, width) in enumerate(zip(row, widths, strict=True)):
        cut = _cut(text, width)
        fill = " " * (width - _cells(cut))
        cells.append(fill + cut if at == 4 else cut + fill)
    return _GAP.join(cells).rstrip()


def _cut(text: str, width: int) -> str:
    if _cells(text) <= width:
        return text
    kept = ""
    for sign in text:
        if _cells(kept + sign) > width - 1:
            break
        kept += sign
    return kept.rstrip() + "…"


def _cells(text: str) -> int:
    """How many columns a terminal gives it."""
    return sum(
        0
        if unicodedata.combining(sign)
        else 1 + (unicodedata.east_asian_width(sign) in "WF")
        for sign in text
    )
