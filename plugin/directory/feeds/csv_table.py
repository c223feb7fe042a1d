"""CSV: our own columns, for groups that have no feed, and the intergroups' of the UK.

Our own columns, in any order; only `key`, `name` and `attendance` must be filled:

    key         names the row for good, once in the file
    name        of the meeting
    program     id of the knowledge base; empty: that of the feed
    day         mon tue wed thu fri sat sun, or several; empty: by appointment
    time        19:30 or 7:30 pm, on the clock of the place
    minutes     how long; 60 where empty
    timezone    America/New_York; empty: that of the feed, or of the place
    rule        where it is not every week: FREQ=MONTHLY;BYDAY=1TU (RFC 5545)
    first_date  2026-03-03, for a rule that counts from a date
    except      dates on which it does not meet, with spaces between
    attendance  in-person, online, hybrid; closed: for now not at all
    venue, address, latitude, longitude
    precision   exact; approximate: only the town is known
    tags        our words, with spaces: open beginners women wheelchair ...
    codes       the fellowship's own
    languages   en es ...
    url, join_url   https
    phone       of the organisation; never a person's
    organisation, notes, updated
"""

from collections.abc import Iterator
from datetime import date

from plugin.directory import cleaning, meanings, words
from plugin.directory.errors import FeedUnreadable, RowRejected
from plugin.directory.feeds import csv_rows, uk_table
from plugin.directory.feeds.clock_times import (
    USUAL_LENGTH,
    minute_of_day,
    start_and_shift,
)
from plugin.directory.feeds.reading import FeedSource, Read, Row, each
from plugin.directory.languages import language_code
from plugin.directory.listing import FeedOptions, Listing, Standing, Timing
from plugin.directory.meeting import Precision
from plugin.directory.schedule import DAYS, checked_rule, weekday_of

COLUMNS = (
    *("key", "name", "program", "day", "time", "minutes", "timezone", "rule"),
    *("first_date", "except", "attendance", "venue", "address", "latitude"),
    *("longitude", "precision", "tags", "codes", "languages", "url", "join_url"),
    *("phone", "organisation", "notes", "updated"),
)

_NEEDED = frozenset({"key", "name", "attendance"})
_ATTENDANCE: dict[str, Standing] = {
    "in-person": "in-person",
    "in person": "in-person",
    "online": "online",
    "hybrid": "hybrid",
    "closed": "inactive",
    "inactive": "inactive",
}
_LONGEST = 24 * 60  # minutes


def read(source: FeedSource, options: FeedOptions) -> Iterator[Read]:
    """Each row of the file.

    Raises: FeedUnreadable for a file whose header is of neither shape.
    """
    with source.open() as stream:
        header = csv_rows.header_of(stream)
    if header >= uk_table.COLUMNS:
        yield from uk_table.read(source, options)
        return
    if not header >= _NEEDED:
        missing = ", ".join(sorted(_NEEDED - header))
        raise FeedUnreadable(f"its header lacks {missing}: see directory template")
    with source.open() as stream:
        yield from each(
            csv_rows.rows(stream),
            lambda row: _listing(row, options.program),
            lambda row: row.get("key"),
        )


def _listing(row: Row, feed_program: str) -> Listing:
    program = cleaning.text(row.get("program"), 64)
    timings, minutes = _timings(row)
    attendance = _attendance(row)
    latitude = cleaning.number(row.get("latitude"))
    longitude = cleaning.number(row.get("longitude"))
    codes = tuple(meanings.canonical(code) for code in _list(row, "codes"))
    return Listing(
        key=cleaning.key(row.get("key"), "key"),
        name=cleaning.name(row.get("name")),
        timings=timings,
        minutes=minutes,
        zone=cleaning.text(row.get("timezone")),
        attendance=attendance,
        precision=_precision(row, latitude, longitude),
        program=program,
        venue=cleaning.text(row.get("venue")),
        address=cleaning.text(row.get("address")),
        latitude=latitude,
        longitude=longitude,
        codes=codes,
        words=_words(row, program or feed_program, codes),
        languages=_languages(row),
        url=cleaning.https(row.get("url")),
        join_url=cleaning.https(row.get("join_url")),
        phone=cleaning.public_line(row.get("phone")),
        notes=cleaning.note(row.get("notes")),
        organisation=cleaning.text(row.get("organisation")),
        updated=cleaning.text(row.get("updated"), 40),
    )


def _list(row: Row, column: str) -> list[str]:
    return str(row.get(column) or "").replace(",", " ").split()


def _words(row: Row, program: str, codes: tuple[str, ...]) -> tuple[str, ...]:
    given = [word.lower() for word in _list(row, "tags")]
    for word in given:
        if not words.is_word(word):
            raise RowRejected(f"no such tag: {word[:30]!r}")
    return words.in_order((*given, *meanings.words_of(program, codes)))


def _languages(row: Row) -> tuple[str, ...]:
    found = []
    for one in _list(row, "languages"):
        code = language_code(one)
        if not code:
            raise RowRejected(f"no such language: {one[:30]!r}")
        found.append(code)
    return tuple(dict.fromkeys(found))


def _attendance(row: Row) -> Standing:
    said = str(row.get("attendance") or "").strip().lower()
    if said not in _ATTENDANCE:
        raise RowRejected(
            f"attendance is in-person, online, hybrid or closed: {said!r}"
        )
    return _ATTENDANCE[said]


def _precision(row: Row, latitude: float | None, longitude: float | None) -> Precision:
    if latitude is None or longitude is None:
        return "none"
    said = str(row.get("precision") or "exact").strip().lower()
    if said not in ("exact", "approximate"):
        raise RowRejected("precision is exact or approximate")
    return "exact" if said == "exact" else "approximate"


def _timings(row: Row) -> tuple[tuple[Timing, ...], int]:
    minutes = _minutes(row)
    days = _days(row)
    time = str(row.get("time") or "").strip()
    given = str(row.get("rule") or "").strip()
    if not time or not (days or given):
        return (Timing(None, None),), minutes
    start, shift = start_and_shift(minute_of_day(time))
    first = str(row.get("first_date") or "").strip()
    excepted = tuple(_date(one) for one in _list(row, "except"))
    rule = checked_rule(given, _date(first) if first else "") if given else ""
    if rule and shift:
        raise RowRejected("24:00 with a rule: write 00:00 of the next day")
    if rule and not days:
        return (Timing(weekday_of(rule), start, rule, first, excepted),), minutes
    return (
        tuple(Timing((day + shift) % 7, start, rule, first, excepted) for day in days),
        minutes,
    )


def _days(row: Row) -> tuple[int, ...]:
    found = []
    for one in _list(row, "day"):
        day = one[:2].upper()
        if day not in DAYS or not one.isalpha():
            raise RowRejected(f"an impossible day: {one[:20]!r}")
        found.append(DAYS.index(day))
    return tuple(sorted(set(found)))


def _minutes(row: Row) -> int:
    said = str(row.get("minutes") or "").strip()
    if not said:
        return USUAL_LENGTH
    if not said.isdigit() or not 1 <= int(said) <= _LONGEST:
        raise RowRejected(f"an impossible duration: {said[:20]!r}")
    return int(said)


def _date(said: str) -> str:
    try:
        return date.fromisoformat(said).isoformat()
    except ValueError:
        raise RowRejected(f"an impossible date: {said[:20]!r}") from None
