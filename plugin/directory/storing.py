"""From a listing to rows of the database: the meeting of each day, and its slots."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from plugin.directory.errors import RowRejected
from plugin.directory.listing import FeedOptions, Listing, Timing
from plugin.directory.places import (
    ANYWHERE,
    SOMEWHERE,
    cell_of,
    is_place,
)
from plugin.directory.schedule import DAYS, Rule, Slot, slots
from plugin.directory.words import bits_of, language_bits, shown
from plugin.directory.zones import zone, zone_of_place

# What the index says of a slot, in one small number.
IN_PERSON, ONLINE, HYBRID = 0, 1, 2
ATTENDANCE = 3
APPROXIMATE = 4
IRREGULAR = 8  # its rule must be asked whether it starts on that day

KINDS = {"in-person": IN_PERSON, "online": ONLINE, "hybrid": HYBRID}

# A version's meetings are numbered from its own beginning.
MEETINGS_OF_A_VERSION = 1 << 24

MEETING_COLUMNS = (
    "id, version, uid, digest, key, program, name, series, weekday, start_minute, "
    "minutes, timezone, zone_source, rrule, first_date, except_dates, attendance, "
    "precision, venue, address, latitude, longitude, tags, codes, languages, url, "
    "join_url, phone, notes, organisation, updated"
)
SLOT_COLUMNS = (
    "program, cell, minute, opens, meeting, closes, version, kind, tags, languages, "
    "latitude, longitude"
)

_NULL_ISLAND = 0.01  # degrees around 0/0, where no group meets


class Placed(NamedTuple):
    """A listing whose zone and place are settled."""

    listing: Listing
    program: str
    zone: str
    zone_source: str  # row, feed, place, unknown
    latitude: float | None
    longitude: float | None


def placed(listing: Listing, options: FeedOptions) -> Placed:
    """Settle zone and place.

    Raises: RowRejected for a place or a zone that cannot be.
    """
    latitude, longitude = listing.latitude, listing.longitude
    if latitude is not None and longitude is not None:
        wrong = _wrong_place(latitude, longitude)
        if wrong and listing.attendance != "online":
            raise RowRejected(wrong)
        if wrong:
            latitude = longitude = None
    name, source = _zone(listing, options, latitude, longitude)
    if source == "row" and latitude is not None and longitude is not None:
        _check_not_swapped(name, latitude, longitude)
    program = listing.program or options.program
    return Placed(listing, program, name, source, latitude, longitude)


def _wrong_place(latitude: float, longitude: float) -> str:
    """What is wrong with the coordinates, "" for nothing."""
    if not is_place(latitude, longitude):
        if is_place(longitude, latitude):
            return "latitude and longitude are swapped"
        return "coordinates that are not on the globe"
    if abs(latitude) < _NULL_ISLAND and abs(longitude) < _NULL_ISLAND:
        return "coordinates 0/0, where no group meets"
    return ""


def _zone(
    listing: Listing,
    options: FeedOptions,
    latitude: float | None,
    longitude: float | None,
) -> tuple[str, str]:
    """The row's own zone, else the feed's, else that of the place, else unknown."""
    if listing.zone:
        if zone(listing.zone) is None:
            raise RowRejected(f"no such time zone: {listing.zone[:40]!r}")
        return listing.zone, "row"
    if options.timezone:
        return options.timezone, "feed"
    if latitude is not None and longitude is not None:
        found = zone_of_place(latitude, longitude)
        if found:
            return found, "place"
    return "", "unknown"


def _check_not_swapped(name: str, latitude: float, longitude: float) -> None:
    """Refuse a place in a far zone that fits the stated zone once it is turned."""
    if abs(longitude - _meridian(name)) <= _FAR or not is_place(longitude, latitude):
        return
    if zone_of_place(longitude, latitude) == name:
        raise RowRejected("latitude and longitude are swapped")


@lru_cache(maxsize=1024)
def _meridian(name: str) -> float:
    """The longitude on which a zone's clock is right."""
    found = zone(name)
    offset = found.utcoffset(_A_JANUARY) if found else None
    return (offset or timedelta()) / timedelta(hours=1) * 15


# No zone lies so many degrees beside its own meridian.
_FAR = 50
_A_JANUARY = datetime(2026, 1, 15)  # noqa: DTZ001 - local time, to ask for an offset


def uid(feed: str, key: str, timing: Timing, alone: bool) -> str:
    """What names a meeting for good: its feed, its row, and its day if that has more.

    Every id is of one line and can be written in an address.
    """
    if ":" in key or "%" in key:
        key = key.replace("%", "%25").replace(":", "%3A")
    if alone or timing.weekday is None:
        return f"{feed}:{key}"
    return f"{feed}:{key}:{DAYS[timing.weekday].lower()}"


def meeting_rows(
    one: Placed, options: FeedOptions, version: int, number: int
) -> list[tuple[Any, ...]]:
    """A row of `meetings` for each timing, numbered from `number` on."""
    (listing, program, zone_name, zone_source, latitude, longitude) = one
    group = (listing.group or listing.name).lower()
    series = _hash(program, group, listing.venue, listing.address)
    first = version * MEETINGS_OF_A_VERSION + number
    alone = len(listing.timings) == 1
    said = (
        listing.attendance,
        listing.precision,
        listing.venue,
        listing.address,
        latitude,
        longitude,
        " ".join(listing.words),
        " ".join(listing.codes),
        " ".join(listing.languages or (options.language,)),
        listing.url,
        listing.join_url,
        listing.phone,
        listing.notes,
        listing.organisation,
        listing.updated,
    )
    # Of the whole row in the source: the same on all its days.
    digest = _number_of(
        orjson.dumps(
            (
                *(listing.key, listing.name, program, series, zone_name, zone_source),
                *(listing.minutes, [tuple(timing) for timing in listing.timings]),
                said,
            )
        )
    )
    return [
        (
            first + offset,
            version,
            uid(options.feed, listing.key, timing, alone),
            digest,
            listing.key,
            program,
            listing.name,
            series,
            timing.weekday,
            timing.start,
            listing.minutes,
            zone_name,
            zone_source,
            timing.rrule or _weekly(timing),
            timing.first_date,
            " ".join(timing.except_dates),
            *said,
        )
        for offset, timing in enumerate(listing.timings)
    ]


def _weekly(timing: Timing) -> str:
    if timing.weekday is None or timing.start is None:
        return ""
    return f"FREQ=WEEKLY;BYDAY={DAYS[timing.weekday]}"


@lru_cache(maxsize=65536)
def _bits_of(words: tuple[str, ...], languages: tuple[str, ...]) -> tuple[int, int]:
    return bits_of(words), language_bits(languages)


@lru_cache(maxsize=65536)
def _times_of(
    timing: Timing, zone_name: str, day: int
) -> tuple[Rule, tuple[Slot, ...]]:
    rule = rule_of(timing, zone_name)
    return rule, slots(rule, day)


@lru_cache(maxsize=65536)
def rule_of(timing: Timing, zone_name: str) -> Rule:
    return Rule(
        zone_name,
        timing.weekday,
        timing.start or 0,
        timing.rrule,
        timing.first_date,
        timing.except_dates,
    )


class Indexed(NamedTuple):
    """What the index holds of a listing, besides its times."""

    program: str
    version: int
    cells: tuple[int, ...]
    about: tuple[int | float | None, ...]  # tags, languages, latitude, longitude

    def rows(self, meeting: int, kind: int, times: Iterable[Slot]) -> list[Any]:
        """A row for each place, weekly minute and season."""
        program, version, cells, about = self
        return [
            (program, cell, minute, opens, meeting, closes, version, kind, *about)
            for minute, opens, closes in times
            for cell in cells
        ]


def slot_rows(
    one: Placed, options: FeedOptions, version: int, number: int, day: int
) -> list[tuple[Any, ...]]:
    """The rows of the search index: none for what nobody can attend at a known time."""
    (listing, program, zone_name, _, latitude, longitude) = one
    if listing.attendance == "inactive" or not zone_name:
        return []
    bits = _bits_of(listing.words, listing.languages or (options.language,))
    about = (*bits, latitude, longitude)
    cells = cells_of(listing.attendance, latitude, longitude)
    indexed = Indexed(program, version, cells, about)
    first = version * MEETINGS_OF_A_VERSION + number
    rows: list[tuple[Any, ...]] = []
    for offset, timing in enumerate(listing.timings):
        if timing.start is not None:
            rule, times = _times_of(timing, zone_name, day)
            kind = kind_of(listing.attendance, listing.precision, rule)
            rows += indexed.rows(first + offset, kind, times)
    return rows


def kind_of(attendance: str, precision: str, rule: Rule) -> int:
    kind = KINDS[attendance]
    if precision == "approximate":
        kind |= APPROXIMATE
    return kind if rule.plain else kind | IRREGULAR


def cells_of(
    attendance: str, latitude: float | None, longitude: float | None
) -> tuple[int, ...]:
    """Where a meeting is looked for: what is joined from anywhere stands anywhere."""
    if attendance == "online":
        return (ANYWHERE,)
    if latitude is None or longitude is None:
        place = SOMEWHERE
    else:
        place = cell_of(latitude, longitude)
    return (place, ANYWHERE) if attendance == "hybrid" else (place,)


def _hash(*parts: str) -> int:
    """A number of 63 bits that names the parts."""
    return _number_of("\x1f".join(parts).encode())


def _number_of(said: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big") >> 1


def tags_shown(words: str, languages: str) -> tuple[str, ...]:
    return shown(words.split(), languages.split())
