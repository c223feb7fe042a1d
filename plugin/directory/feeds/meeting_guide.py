"""Meeting Guide / 12 Step Meeting List: a JSON array, one element a meeting.

Source: Code for Recovery, "Meeting Guide JSON specification" (code4recovery/spec).
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from plugin.directory import cleaning, meanings
from plugin.directory.errors import FeedUnsupported, RowRejected
from plugin.directory.feeds import json_rows
from plugin.directory.feeds.clock_times import (
    USUAL_LENGTH,
    length_between,
    minute_of_day,
    start_and_shift,
)
from plugin.directory.feeds.reading import FeedSource, Read, Row, each
from plugin.directory.listing import FeedOptions, Listing, Standing, Timing
from plugin.directory.meeting import Precision

# Keys that only feeds of another shape have.
_FOREIGN = {
    "id_bigint": "it is a BMLT feed: import it with --format bmlt",
    "serviceBodyId": "it is BMLT's admin API: use its client JSON with --format bmlt",
    "resourceType": "it is FHIR: import it with --format fhir",
    "startDateUTC": "it is an OIAA feed: import it with --format oiaa",
}

# An address of fewer parts names a town or a country, not a door.
_PARTS_OF_A_DOOR = 4


def read(source: FeedSource, options: FeedOptions) -> Iterator[Read]:
    """Each row of the feed.

    Raises: FeedUnreadable, FeedUnsupported.
    """
    with source.open() as stream:
        rows = refusing(json_rows.rows(stream, "meetings", "data"), _FOREIGN)
        yield from each(
            rows,
            lambda row: _listing(row, options.program),
            lambda row: row.get("slug"),
        )


def refusing(rows: Iterator[Any], foreign: dict[str, str]) -> Iterator[Any]:
    """The same rows, unless the first shows that they are of another format."""
    for number, row in enumerate(rows):
        if number == 0 and isinstance(row, dict):
            for key, mend in foreign.items():
                if key in row:
                    raise FeedUnsupported(mend)
        yield row


def _listing(row: Row, program: str) -> Listing:
    key = cleaning.key(row.get("slug"))
    name = cleaning.name(row.get("name"))
    codes, tags, languages = _meaning(program, _given_codes(row.get("types")))
    timings, minutes = _timings(row)
    address, parts = _address(row)
    latitude, longitude, bounds = _place(row)
    approximate = _approximate(row.get("approximate"), parts, bounds)
    attendance = _attendance(row, codes, approximate=approximate)
    location = cleaning.text(row.get("location"))
    return Listing(
        key=key,
        name=name,
        timings=timings,
        minutes=minutes,
        zone=cleaning.text(row.get("timezone")),
        attendance=attendance,
        precision=_precision(attendance, latitude, approximate=approximate),
        venue=location,
        address=address,
        latitude=latitude,
        longitude=longitude,
        codes=codes,
        words=tags,
        languages=languages,
        url=cleaning.https(row.get("url")),
        join_url=cleaning.https(row.get("conference_url")),
        phone=cleaning.public_line(row.get("entity_phone")),
        notes=_notes(row),
        organisation=cleaning.text(row.get("entity")),
        updated=cleaning.text(row.get("updated"), 40),
        group=cleaning.text(row.get("group")),
    )


def _given_codes(value: Any) -> tuple[str, ...]:
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list):
        return ()
    return tuple([code for code in given if isinstance(code, str)])


@lru_cache(maxsize=65536)
def _meaning(
    program: str, given: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The codes as their list writes them, the words for them, the languages."""
    canonical = (meanings.canonical(code) for code in given)
    usable = (code[:20] for code in canonical if code and code.isprintable())
    codes = tuple(dict.fromkeys(usable))
    return (
        codes,
        meanings.words_of(program, codes),
        meanings.languages_of(program, codes),
    )


def _timings(row: Row) -> tuple[tuple[Timing, ...], int]:
    """The days and the length. Without a day or a time it is by appointment."""
    given = row.get("day")
    days = tuple(map(_day, given)) if type(given) is list else (_day(given),)
    time, end = row.get("time"), row.get("end_time")
    if time in (None, ""):
        return (Timing(None, None),), USUAL_LENGTH
    if not isinstance(time, str):
        raise RowRejected("a time that is no text")
    return _timings_of(days, time, "" if end is None else str(end))


@lru_cache(maxsize=65536)
def _timings_of(
    days: tuple[int | None, ...], time: str, end: str
) -> tuple[tuple[Timing, ...], int]:
    minute = minute_of_day(time)
    minutes = length_between(minute, minute_of_day(end)) if end else USUAL_LENGTH
    start, shift = start_and_shift(minute)
    given = sorted({(day + shift) % 7 for day in days if day is not None})
    if not given:
        return (Timing(None, None),), minutes
    return tuple(Timing(day, start) for day in given), minutes


def _day(value: Any) -> int | None:
    """The feed counts from Sunday = 0; we from Monday. None for no day."""
    if type(value) is int and 0 <= value <= 6:
        return (value - 1) % 7
    if value is None or value == "":
        return None
    said = "" if isinstance(value, bool) else str(value).strip()
    if said not in _DAYS:
        raise RowRejected(f"an impossible day: {str(value)[:20]!r}")
    return _DAYS[said]


_DAYS = {str(day): (day - 1) % 7 for day in range(7)}


def _address(row: Row) -> tuple[str, int]:
    """The address in the form of the feed, and of how many parts it is."""
    given = cleaning.text(row.get("formatted_address"))
    if not given:
        region = " ".join(
            filter(
                None,
                (
                    cleaning.text(row.get("state")),
                    cleaning.text(row.get("postal_code")),
                ),
            )
        )
        fields = (row.get("address"), row.get("city"), region, row.get("country"))
        given = ", ".join(filter(None, (cleaning.text(field) for field in fields)))
    return given, _parts(given)


@lru_cache(maxsize=16384)
def _parts(address: str) -> int:
    return sum(1 for part in address.split(",") if part.strip())


def _place(row: Row) -> tuple[float | None, float | None, bool]:
    """Latitude, longitude, and whether they are the middle of bounds."""
    latitude = cleaning.number(row.get("latitude"))
    longitude = cleaning.number(row.get("longitude"))
    bounds = False
    if latitude is None or longitude is None:
        given = row.get("coordinates")
        if isinstance(given, str) and given.strip():
            numbers = [cleaning.number(part.strip()) for part in given.split(",")]
            known = [one for one in numbers if one is not None]
            if len(known) not in (2, 4) or len(known) != len(numbers):
                raise RowRejected("coordinates that are neither a point nor bounds")
            bounds = len(known) == 4
            latitude = (known[0] + known[-2]) / 2
            longitude = (known[1] + known[-1]) / 2
    if latitude is None or longitude is None:
        return None, None, False
    return latitude, longitude, bounds


def _approximate(value: Any, parts: int, bounds: bool) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("yes", "no"):
        return value.strip().lower() == "yes"
    return bounds or parts < _PARTS_OF_A_DOOR


def _attendance(row: Row, codes: tuple[str, ...], *, approximate: bool) -> Standing:
    joinable = bool(row.get("conference_url") or row.get("conference_phone"))
    # A row without any types cannot say ONL; its address for joining says it.
    online = joinable and ("ONL" in codes or "types" not in row)
    closed = "TC" in codes
    if online:
        return "online" if closed or approximate else "hybrid"
    return "inactive" if closed or approximate else "in-person"


def _precision(
    attendance: Standing, latitude: float | None, *, approximate: bool
) -> Precision:
    if latitude is None:
        return "none"
    return "approximate" if approximate or attendance == "online" else "exact"


def _notes(row: Row) -> str:
    fields = (row.get("notes"), row.get("location_notes"), row.get("group_notes"))
    if not any(fields):
        return ""
    return " ".join(filter(None, (cleaning.note(field) for field in fields)))
