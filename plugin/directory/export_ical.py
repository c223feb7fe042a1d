"""Meetings as iCalendar: one, a patient's chosen ones, or a feed.

Source: RFC 5545.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from icalendar import Event, Timezone, vRecur

from plugin.directory.rows import WholeRow
from plugin.directory.schedule import starts
from plugin.directory.zones import zone

_BEGIN = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"
    b"PRODID:-//selfhelp-referral//meetings//EN\r\nCALSCALE:GREGORIAN\r\n"
)
_END = b"END:VCALENDAR\r\n"
_A_YEAR = timedelta(days=400)


def ical_pieces(meetings: Iterable[WholeRow], now: datetime) -> Iterator[bytes]:
    """Every meeting that has a time of its own; one by appointment has none."""
    yield _BEGIN
    known: set[str] = set()
    for meeting in meetings:
        if meeting.rule is None or meeting.attendance == "inactive":
            continue
        first = next(starts(meeting.rule, now, now + _A_YEAR), None)
        if first is None:
            continue
        name = meeting.rule.zone
        if name not in known:
            known.add(name)
            yield Timezone.from_tzid(
                name,
                first_date=now.date() - _A_YEAR,
                last_date=now.date() + 5 * _A_YEAR,
            ).to_ical()
        yield _event(meeting, first, now).to_ical()
    yield _END


def _event(row: WholeRow, first: datetime, now: datetime) -> Event:
    rule = row.rule
    event = Event()
    event.add("uid", f"{row.uid}@selfhelp-referral")
    event.add("dtstamp", now)
    local = first.astimezone(zone(rule.zone if rule else ""))
    event.add("dtstart", _beginning(row, local))
    event.add("duration", timedelta(minutes=row.minutes))
    event.add("rrule", vRecur.from_ical(row.rrule))
    for day in row.except_dates.split():
        excepted = datetime.combine(date.fromisoformat(day), local.timetz())
        event.add("exdate", excepted.replace(tzinfo=local.tzinfo))
    event.add("summary", row.name)
    if row.attendance != "online":
        event.add("location", ", ".join(filter(None, (row.venue, row.address))))
        if row.latitude is not None and row.precision == "exact":
            event.add("geo", (row.latitude, row.longitude))
    if row.url:
        event.add("url", row.url)
    if row.join_url:
        event.add("description", row.join_url)
    return event


def _beginning(row: Any, local: datetime) -> datetime:
    """Where a rule counts from a date, that date; else its next start."""
    if not row.first_date:
        return local
    return datetime.combine(
        date.fromisoformat(row.first_date), local.time(), tzinfo=local.tzinfo
    )
