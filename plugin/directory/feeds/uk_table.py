"""CSV of the intergroups of the UK and Ireland; one file may hold several fellowships.

Real files hold all-zero Guids, durations of "-1hr" and "0hr 5mins", and blank times.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping

from plugin.directory import cleaning, words
from plugin.directory.errors import RowRejected
from plugin.directory.feeds import csv_rows
from plugin.directory.feeds.clock_times import (
    USUAL_LENGTH,
    minute_of_day,
    start_and_shift,
)
from plugin.directory.feeds.reading import FeedSource, Read, Row, each
from plugin.directory.listing import FeedOptions, Listing, Standing, Timing
from plugin.directory.schedule import DAYS

# The columns by which the shape is known, in small letters.
COLUMNS = frozenset(
    {"guid", "title", "time", "duration", "day", "meetingtypenamespace"}
)

_PROGRAMS: Mapping[str, str] = {
    "AA": "aa",
    "NA": "na",
    "CA": "ca",
    "OA": "oa",
    "GA": "ga",
    "DA": "da",
    "CMA": "cma",
    "SLAA": "slaa",
    "ACA": "aca",
    "CODA": "coda",
    "ALANON": "alanon",
    "AL-ANON": "alanon",
}

# Countries of one zone: what the row says of its place, where it has no coordinates.
_ZONES: Mapping[str, str] = {
    "england": "Europe/London",
    "scotland": "Europe/London",
    "wales": "Europe/London",
    "northern ireland": "Europe/London",
    "united kingdom": "Europe/London",
    "uk": "Europe/London",
    "gb": "Europe/London",
    "ireland": "Europe/Dublin",
    "republic of ireland": "Europe/Dublin",
}

_SAID = {
    "women": "women",
    "ladies": "women",
    "lgbt": "lgbtq",
    "gay": "lgbtq",
    "lesbian": "lgbtq",
    "newcomer": "beginners",
    "beginner": "beginners",
    "young": "young-people",
    "step": "steps",
    "tradition": "traditions",
    "big book": "literature",
    "literature": "literature",
    "discussion": "discussion",
    "speaker": "speaker",
    "chair": "speaker",
    "meditation": "meditation",
    "secular": "secular",
    "agnostic": "secular",
    "freethink": "secular",
    "sign language": "sign-language",
}

_DURATION = re.compile(r"^(?:(-?\d+)\s*hrs?)?\s*(?:(-?\d+)\s*mins?)?$", re.IGNORECASE)
_SHORTEST, _LONGEST = 15, 12 * 60  # minutes; beyond them the figure is a slip
_ZEROS = re.compile(r"^[0{}-]*$")


def read(source: FeedSource, options: FeedOptions) -> Iterator[Read]:
    with source.open() as stream:
        yield from each(
            csv_rows.rows(stream),
            lambda row: _listing(row, options.program),
            lambda row: row.get("Guid"),
        )


def _listing(row: Row, feed_program: str) -> Listing:
    program = _PROGRAMS.get(str(row.get("MeetingTypeNamespace") or "").strip().upper())
    timings = _timings(row)
    attendance = _attendance(row)
    latitude = cleaning.number(row.get("Latitude"))
    longitude = cleaning.number(row.get("Longitude"))
    return Listing(
        key=_key(row),
        name=cleaning.name(row.get("Title")),
        timings=timings,
        minutes=_minutes(row),
        zone=_zone(row) if latitude is None else "",
        attendance=attendance,
        precision="none" if latitude is None or longitude is None else "exact",
        program=program or feed_program,
        venue=cleaning.text(row.get("Venue")),
        address=_address(row),
        latitude=latitude,
        longitude=longitude,
        codes=(),
        words=_words(row),
        notes=cleaning.note(row.get("Note")),
        organisation=cleaning.text(row.get("Region")),
    )


def _key(row: Row) -> str:
    """The Guid; for a row without a true one, what it says of itself."""
    guid = str(row.get("Guid") or "").strip()
    if not _ZEROS.match(guid):
        return cleaning.key(guid, "Guid")
    said = "|".join(
        str(row.get(column) or "").strip().lower()
        for column in ("Title", "Day", "Time", "Postcode", "Venue", "Code")
    )
    if not said.strip("|"):
        raise RowRejected("no Guid, and nothing to tell it by")
    return "row-" + hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def _timings(row: Row) -> tuple[Timing, ...]:
    time = str(row.get("Time") or "").strip()
    day = str(row.get("Day") or "").strip()
    if not time or not day:
        return (Timing(None, None),)
    if day[:2].upper() not in DAYS or not day.isalpha():
        raise RowRejected(f"an impossible day: {day[:20]!r}")
    start, shift = start_and_shift(minute_of_day(time))
    return (Timing((DAYS.index(day[:2].upper()) + shift) % 7, start),)


def _minutes(row: Row) -> int:
    match = _DURATION.match(str(row.get("Duration") or "").strip())
    if not match:
        return USUAL_LENGTH
    minutes = int(match[1] or 0) * 60 + int(match[2] or 0)
    return minutes if _SHORTEST <= minutes <= _LONGEST else USUAL_LENGTH


def _zone(row: Row) -> str:
    return _ZONES.get(str(row.get("Country") or "").strip().lower(), "")


def _attendance(row: Row) -> Standing:
    said = str(row.get("MeetingType") or "").lower()
    if "hybrid" in said:
        return "hybrid"
    if any(word in said for word in ("online", "virtual", "zoom", "phone")):
        return "online"
    return "in-person"


def _address(row: Row) -> str:
    fields = (row.get("Address"), row.get("Postcode"))
    return ", ".join(filter(None, (cleaning.text(field) for field in fields)))


def _words(row: Row) -> tuple[str, ...]:
    said = f"{row.get('Format') or ''} {row.get('OpenFormat') or ''}".lower()
    found = {word for sign, word in _SAID.items() if sign in said}
    if re.search(r"\bmen\b|\bmen's\b", said):
        found.add("men")
    ticked = {
        "Wheelchair": "wheelchair",
        "Hearing": "hearing-loop",
        "Open": "open",
        "Chit": "proof-of-attendance",
    }
    for column, word in ticked.items():
        if str(row.get(column) or "").strip().lower() == "true":
            found.add(word)
    return words.in_order(found)
