"""FHIR R4: a Bundle of HealthcareService, Location and Organization.

Each HealthcareService is one row. What `availableTime` cannot say (the zone, the nth
weekday, past midnight) is read from the extension that our own export writes.
Source: FHIR R4; IHE mCSD; Da Vinci PDEX Plan-Net.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plugin.directory import cleaning, words
from plugin.directory.errors import FeedUnreadable, FeedUnsupported, RowRejected
from plugin.directory.export_fhir import (
    DAYS,
    DELIVERY,
    LANGUAGE,
    PROGRAM,
    SCHEDULE,
    TAG,
)
from plugin.directory.feeds import json_rows
from plugin.directory.feeds.clock_times import (
    USUAL_LENGTH,
    length_between,
    minute_of_day,
    start_and_shift,
)
from plugin.directory.feeds.reading import FeedSource, Read, Row, each
from plugin.directory.languages import language_code
from plugin.directory.listing import FeedOptions, Listing, Standing, Timing
from plugin.directory.schedule import DAYS as DAYS_OF_RULES
from plugin.directory.schedule import checked_rule, weekday_of


@dataclass(frozen=True, slots=True)
class _Around:
    """What services refer to, by reference."""

    locations: Mapping[str, Mapping[str, Any]]
    organizations: Mapping[str, Mapping[str, Any]]


def read(source: FeedSource, options: FeedOptions) -> Iterator[Read]:
    """Each HealthcareService of the Bundle.

    Raises: FeedUnreadable, FeedUnsupported.
    """
    around = _around(source)
    with source.open() as stream:
        services = _services(json_rows.rows(stream, "entry"))
        yield from each(
            services, lambda row: _listing(row, around), lambda row: row.get("id")
        )


def _around(source: FeedSource) -> _Around:
    with source.open() as stream:
        if json_rows.scalar(stream, "resourceType") != "Bundle":
            raise FeedUnreadable("it is no FHIR Bundle")
    with source.open() as stream:
        if "next" in json_rows.values(stream, "link.item.relation"):
            raise FeedUnsupported("it is one page of several: ask for all in one")
    locations: dict[str, Mapping[str, Any]] = {}
    organizations: dict[str, Mapping[str, Any]] = {}
    held = {"Location": locations, "Organization": organizations}
    with source.open() as stream:
        for entry in json_rows.rows(stream, "entry"):
            resource = _mapping(_mapping(entry).get("resource"))
            kind = str(resource.get("resourceType"))
            if kind in held:
                held[kind][f"{kind}/{resource.get('id')}"] = resource
                held[kind][str(_mapping(entry).get("fullUrl"))] = resource
    return _Around(locations, organizations)


def _services(entries: Iterator[Any]) -> Iterator[Any]:
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else entry
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if kind == "HealthcareService" or not isinstance(resource, dict):
            yield resource


def _listing(row: Row, around: _Around) -> Listing:
    references = [_reference(one) for one in _mappings(row.get("location"))]
    places = (around.locations.get(one) for one in references)
    place = next((one for one in places if one is not None), {})
    body = around.organizations.get(_reference(_mapping(row.get("providedBy"))), {})
    latitude, longitude = _position(place)
    timings, minutes, zone = _times(row)
    url, join_url = _addresses(row)
    return Listing(
        key=_key(row),
        name=cleaning.name(row.get("name")),
        timings=timings,
        minutes=minutes,
        zone=zone,
        attendance=_attendance(row, join_url),
        precision="none" if latitude is None or longitude is None else "exact",
        program=_code(row.get("type"), PROGRAM),
        venue=cleaning.text(place.get("name")),
        address=_address(place),
        latitude=latitude,
        longitude=longitude,
        words=words.in_order(
            one for one in _codes(row.get("characteristic"), TAG) if words.is_word(one)
        ),
        languages=tuple(
            dict.fromkeys(
                code
                for one in _codes(row.get("communication"), LANGUAGE)
                if (code := language_code(one))
            )
        ),
        url=url,
        join_url=join_url,
        phone=_phone(body),
        notes=cleaning.note(row.get("comment")),
        organisation=cleaning.text(body.get("name")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    given = value if isinstance(value, list) else []
    return [one for one in given if isinstance(one, dict)]


def _reference(value: Mapping[str, Any]) -> str:
    return str(value.get("reference") or "")


def _key(row: Row) -> str:
    for identifier in _mappings(row.get("identifier")):
        if identifier.get("value"):
            return cleaning.key(identifier["value"], "identifier")
    return cleaning.key(row.get("id"), "id")


def _position(place: Mapping[str, Any]) -> tuple[float | None, float | None]:
    position = _mapping(place.get("position"))
    latitude = cleaning.number(position.get("latitude"))
    longitude = cleaning.number(position.get("longitude"))
    return (None, None) if None in (latitude, longitude) else (latitude, longitude)


def _address(place: Mapping[str, Any]) -> str:
    address = _mapping(place.get("address"))
    if address.get("text"):
        return cleaning.text(address["text"])
    lines = address.get("line")
    fields = [
        *(lines if isinstance(lines, list) else []),
        *(address.get(name) for name in ("city", "state", "postalCode", "country")),
    ]
    return ", ".join(filter(None, (cleaning.text(field) for field in fields)))


def _attendance(row: Row, join_url: str) -> Standing:
    if row.get("active") is False:
        return "inactive"
    ways = {
        _code([_mapping(inner.get("valueCodeableConcept"))])
        for extension in _mappings(row.get("extension"))
        if extension.get("url") == DELIVERY
        for inner in _mappings(extension.get("extension"))
    }
    if {"physical", "virtual"} <= ways:
        return "hybrid"
    if "virtual" in ways:
        return "online"
    if row.get("location") or "physical" in ways:
        return "in-person"
    return "online" if join_url else "inactive"


def _times(row: Row) -> tuple[tuple[Timing, ...], int, str]:
    for extension in _mappings(row.get("extension")):
        if extension.get("url") == SCHEDULE:
            return _scheduled(extension)
    return _available(row)


def _scheduled(
    extension: Mapping[str, Any],
) -> tuple[tuple[Timing, ...], int, str]:
    said: dict[str, Any] = {}
    excepted = []
    for inner in _mappings(extension.get("extension")):
        name = str(inner.get("url"))
        values = [value for key, value in inner.items() if key.startswith("value")]
        if name == "except":
            excepted += [str(value) for value in values]
        elif values:
            said[name] = values[0]
    start, _ = start_and_shift(minute_of_day(str(said.get("start", ""))))
    first = str(said.get("first", ""))
    rule = checked_rule(str(said.get("rrule", "")), first)
    day = rule.removeprefix("FREQ=WEEKLY;BYDAY=")
    if day in DAYS_OF_RULES and not first and not excepted:
        timing = Timing(DAYS_OF_RULES.index(day), start)
    else:
        timing = Timing(weekday_of(rule), start, rule, first, tuple(excepted))
    minutes = said.get("minutes", USUAL_LENGTH)
    if isinstance(minutes, bool) or not isinstance(minutes, int) or minutes < 1:
        raise RowRejected("an impossible duration")
    return (timing,), min(minutes, 24 * 60), str(said.get("timezone", ""))


def _available(row: Row) -> tuple[tuple[Timing, ...], int, str]:
    timings: list[Timing] = []
    minutes = USUAL_LENGTH
    for available in _mappings(row.get("availableTime")):
        begins = available.get("availableStartTime")
        days = available.get("daysOfWeek")
        if not begins or not isinstance(days, list):
            continue
        minute = minute_of_day(str(begins))
        ends = available.get("availableEndTime")
        if ends and not timings:
            minutes = length_between(minute, minute_of_day(str(ends)))
        start, shift = start_and_shift(minute)
        for day in days:
            if day not in DAYS:
                raise RowRejected(f"an impossible day: {str(day)[:20]!r}")
            timings.append(Timing((DAYS.index(day) + shift) % 7, start))
    return tuple(timings) or (Timing(None, None),), minutes, ""


def _addresses(row: Row) -> tuple[str, str]:
    """The meeting's page, and where it is joined: the second address, if any."""
    found = [
        address
        for one in _mappings(row.get("telecom"))
        if one.get("system") == "url" and (address := cleaning.https(one.get("value")))
    ]
    return (found[0] if found else "", found[1] if len(found) > 1 else "")


def _phone(body: Mapping[str, Any]) -> str:
    for one in _mappings(body.get("telecom")):
        if one.get("system") == "phone":
            return cleaning.public_line(one.get("value"))
    return ""


def _codes(value: Any, system: str = "") -> list[str]:
    return [
        str(coding.get("code"))
        for concept in _mappings(value)
        for coding in _mappings(concept.get("coding"))
        if coding.get("code") and (not system or coding.get("system") == system)
    ]


def _code(value: Any, system: str = "") -> str:
    found = _codes(value, system)
    return cleaning.text(found[0], 64) if found else ""
