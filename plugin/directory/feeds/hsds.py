"""HSDS 3, the Human Services Data Specification: services at their locations.

Read as a list, or as a page with `contents`. Each service at a location is one row. The
schedule's `timezone` is a number of hours, which is no zone: it is not used.
Source: Open Referral, HSDS 3.0, schema reference.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from plugin.directory import cleaning, meanings, words
from plugin.directory.errors import FeedUnsupported, RowRejected
from plugin.directory.feeds import json_rows
from plugin.directory.feeds.clock_times import (
    USUAL_LENGTH,
    length_between,
    minute_of_day,
    start_and_shift,
)
from plugin.directory.feeds.meeting_guide import refusing
from plugin.directory.feeds.reading import FeedSource, Read, Row, each
from plugin.directory.languages import language_code
from plugin.directory.listing import FeedOptions, Listing, Standing, Timing
from plugin.directory.schedule import DAYS, checked_rule

_FOREIGN = {
    "id_bigint": "it is a BMLT feed: import it with --format bmlt",
    "slug": "it is a Meeting Guide feed: import it with --format meeting-guide",
    "resourceType": "it is FHIR: import it with --format fhir",
}

_OVER = frozenset({"inactive", "defunct"})
_OFFSET = re.compile(r"(Z|[+-]\d{2}:?\d{2})$")
_DAY_OF_RULE = re.compile(r"^([+-]?\d)?(MO|TU|WE|TH|FR|SA|SU)$")


def read(source: FeedSource, options: FeedOptions) -> Iterator[Read]:
    """Each service at each of its locations.

    Raises: FeedUnreadable, FeedUnsupported.
    """
    with source.open() as stream:
        _refuse_pages(source)
        rows = refusing(json_rows.rows(stream, "contents"), _FOREIGN)
        yield from each(_at_locations(rows), _listing, lambda row: row.get("id"))


def _refuse_pages(source: FeedSource) -> None:
    """One page of several would pass for a feed that has shrunk."""
    with source.open() as stream:
        pages = json_rows.scalar(stream, "total_pages")
    if isinstance(pages, int | float) and pages > 1:
        raise FeedUnsupported("it is one page of several: export all into one list")


def _at_locations(rows: Iterator[Any]) -> Iterator[Any]:
    """A service with its locations inside becomes a row for each of them."""
    for row in rows:
        inside = row.get("service_at_locations") if isinstance(row, dict) else None
        if not isinstance(inside, list) or not inside:
            yield row
            continue
        for place in inside:
            yield {**place, "service": row} if isinstance(place, dict) else place


def _listing(row: Row) -> Listing:
    service = _mapping(row.get("service")) or row
    key = cleaning.key(row.get("id"), "id")
    status = str(service.get("status") or "active").lower()
    if status in _OVER:
        raise RowRejected(f"the service is {status}")
    location = _mapping(row.get("location"))
    latitude = cleaning.number(location.get("latitude"))
    longitude = cleaning.number(location.get("longitude"))
    timings, minutes, zone = _timings(row, service)
    join_url = cleaning.https(location.get("url"))
    organisation = _mapping(service.get("organization"))
    return Listing(
        key=key,
        name=cleaning.name(service.get("name")),
        timings=timings,
        minutes=minutes,
        zone=zone,
        attendance=_attendance(status, location),
        precision="none" if latitude is None or longitude is None else "exact",
        venue=cleaning.text(location.get("name")),
        address=_address(location),
        latitude=latitude,
        longitude=longitude,
        codes=_terms(row, service, "code"),
        words=_words(row, service, location),
        languages=_languages(row, service),
        url=cleaning.https(service.get("url")),
        join_url=join_url,
        notes=cleaning.note(service.get("description")),
        organisation=cleaning.text(organisation.get("name")),
        updated=cleaning.text(service.get("last_modified"), 40),
        group=cleaning.text(service.get("id"), 80),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    given = value if isinstance(value, list) else []
    return [one for one in given if isinstance(one, dict)]


def _attendance(status: str, location: Mapping[str, Any]) -> Standing:
    if status == "temporarily closed":
        return "inactive"
    kind = str(location.get("location_type") or "").lower()
    if kind == "virtual":
        return "online" if location.get("url") else "inactive"
    if kind == "postal" or not location:
        return "inactive"  # nowhere to go to
    return "in-person"


def _address(location: Mapping[str, Any]) -> str:
    for one in _mappings(location.get("addresses")):
        fields = ("address_1", "city", "state_province", "postal_code")
        return ", ".join(filter(None, (cleaning.text(one.get(f)) for f in fields)))
    return ""


def _timings(
    row: Row, service: Mapping[str, Any]
) -> tuple[tuple[Timing, ...], int, str]:
    """Every schedule's days, the length of the first, and UTC where times are in it."""
    schedules = _mappings(row.get("schedules")) or _mappings(service.get("schedules"))
    timings: list[Timing] = []
    minutes = USUAL_LENGTH
    zone = ""
    for schedule in schedules:
        opens = str(schedule.get("opens_at") or "").strip()
        if not opens or not schedule.get("freq"):
            continue
        if opens.endswith("Z"):
            zone = "UTC"
        start = minute_of_day(_OFFSET.sub("", opens))
        closes = str(schedule.get("closes_at") or "").strip()
        if closes and not timings:
            minutes = length_between(start, minute_of_day(_OFFSET.sub("", closes)))
        timings.extend(_of_schedule(schedule, start))
    return tuple(timings) or (Timing(None, None),), minutes, zone


def _of_schedule(schedule: Mapping[str, Any], minute: int) -> Iterator[Timing]:
    start, shift = start_and_shift(minute)
    frequency = str(schedule.get("freq")).upper()
    first = str(schedule.get("dtstart") or schedule.get("valid_from") or "")[:10]
    limits = _limits(schedule)
    days = [one.strip() for one in str(schedule.get("byday") or "").split(",")]
    days = [one.upper() for one in days if one]
    if shift:
        raise RowRejected("24:00 with a rule: write 00:00 of the next day")
    for day in days:
        match = _DAY_OF_RULE.match(day)
        if not match:
            raise RowRejected(f"an impossible day: {day[:20]!r}")
        weekday = DAYS.index(match[2])
        if frequency == "WEEKLY" and not limits:
            yield Timing(weekday, start)
            continue
        rule = ";".join((f"FREQ={frequency}", f"BYDAY={day}", *limits))
        yield Timing(weekday, start, checked_rule(rule, first), first)
    if not days:
        month_day = str(schedule.get("bymonthday") or "")
        parts = [f"FREQ={frequency}", *limits]
        if month_day:
            parts.append(f"BYMONTHDAY={month_day}")
        elif frequency != "DAILY" and not first:
            raise RowRejected("a schedule that names no day")
        yield Timing(None, start, checked_rule(";".join(parts), first), first)


def _limits(schedule: Mapping[str, Any]) -> list[str]:
    """What makes a rule more than every week."""
    limits = []
    interval = str(schedule.get("interval") or "1")
    if interval != "1":
        limits.append(f"INTERVAL={interval}")
    if schedule.get("count"):
        limits.append(f"COUNT={schedule['count']}")
    until = str(schedule.get("until") or schedule.get("valid_to") or "")[:10]
    if until:
        limits.append(f"UNTIL={until.replace('-', '')}T235959")
    return limits


def _terms(row: Row, service: Mapping[str, Any], field: str) -> tuple[str, ...]:
    found = []
    for holder in (row, service):
        for attribute in _mappings(holder.get("attributes")):
            said = _mapping(attribute.get("taxonomy_term")).get(field)
            if isinstance(said, str) and said.strip() and said.isprintable():
                found.append(meanings.canonical(said.replace(" ", "-"))[:20])
    return tuple(dict.fromkeys(found))


def _words(
    row: Row, service: Mapping[str, Any], location: Mapping[str, Any]
) -> tuple[str, ...]:
    named = (one.lower() for one in _terms(row, service, "name"))
    found = {one for one in named if words.is_word(one)}
    for one in _mappings(location.get("accessibility")):
        if "wheelchair" in str(one.get("description") or one).lower():
            found.add("wheelchair")
    return words.in_order(found)


def _languages(row: Row, service: Mapping[str, Any]) -> tuple[str, ...]:
    given = _mappings(row.get("languages")) or _mappings(service.get("languages"))
    codes = (language_code(str(o.get("code") or o.get("name") or "")) for o in given)
    return tuple(dict.fromkeys(code for code in codes if code))
