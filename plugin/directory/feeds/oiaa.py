"""OIAA, the Online Intergroup of AA: a JSON array of online meetings.

Days are those of ISO 8601 (1 Monday to 7 Sunday); the wild also has 0 for Sunday. A row
without a day is always open, or by appointment.
Source: Online Intergroup of Alcoholics Anonymous, meetings service.
"""

from collections.abc import Iterator
from typing import Any

from plugin.directory import cleaning, meanings, words
from plugin.directory.errors import RowRejected
from plugin.directory.feeds import json_rows
from plugin.directory.feeds.clock_times import (
    DAY,
    USUAL_LENGTH,
    minute_of_day,
    start_and_shift,
)
from plugin.directory.feeds.meeting_guide import refusing
from plugin.directory.feeds.reading import FeedSource, Read, Row, each
from plugin.directory.languages import language_code
from plugin.directory.listing import FeedOptions, Listing, Standing, Timing

_FOREIGN = {
    "id_bigint": "it is a BMLT feed: import it with --format bmlt",
    "formatted_address": "it is a Meeting Guide feed: use --format meeting-guide",
    "resourceType": "it is FHIR: import it with --format fhir",
}


def read(source: FeedSource, options: FeedOptions) -> Iterator[Read]:
    """Each row of the feed.

    Raises: FeedUnreadable, FeedUnsupported.
    """
    with source.open() as stream:
        rows = refusing(json_rows.rows(stream, "meetings"), _FOREIGN)
        yield from each(
            rows,
            lambda row: _listing(row, options.program),
            lambda row: row.get("slug"),
        )


def _listing(row: Row, program: str) -> Listing:
    key = cleaning.key(row.get("slug"))
    if row.get("archived") is True:
        raise RowRejected("archived by its intergroup")
    types = row.get("types")
    codes = tuple(
        dict.fromkeys(
            meanings.canonical(code)[:20]
            for code in (types if isinstance(types, list) else [])
            if isinstance(code, str) and code.strip() and code.isprintable()
        )
    )
    zone = cleaning.text(row.get("timezone"))
    timing = _timing(row, zone)
    found = meanings.words_of(program, codes)
    if not row.get("conference_url") and row.get("conference_phone"):
        found = words.in_order((*found, "by-phone"))
    return Listing(
        key=key,
        name=cleaning.name(row.get("name")),
        timings=(timing,),
        minutes=_minutes(row.get("duration")),
        zone=zone,
        attendance=_attendance(row),
        precision="none",
        codes=codes,
        words=found,
        languages=_languages(row.get("languages")),
        join_url=cleaning.https(row.get("conference_url")),
        notes=cleaning.note(row.get("notes")),
        updated=_updated(row.get("updatedAt")),
    )


def _attendance(row: Row) -> Standing:
    joinable = row.get("conference_url") or row.get("conference_phone")
    return "online" if joinable else "inactive"


def _timing(row: Row, zone: str) -> Timing:
    day, time = row.get("day"), row.get("time")
    if day in (None, "") or time in (None, ""):
        return _timing_in_utc(row.get("rtc"), zone)
    said = str(day) if not isinstance(day, bool) else ""
    if len(said) != 1 or said not in "01234567":
        raise RowRejected(f"an impossible day: {str(day)[:20]!r}")
    if not isinstance(time, str):
        raise RowRejected("a time that is no text")
    start, shift = start_and_shift(minute_of_day(time))
    # 1 is Monday; both 7 and 0 are Sunday.
    return Timing((int(said) - 1 + shift) % 7, start)


def _timing_in_utc(rtc: Any, zone: str) -> Timing:
    """Some rows say only `W:HH:MM` in UTC, which is a local time in that zone alone."""
    if not isinstance(rtc, str) or zone != "UTC":
        return Timing(None, None)
    day, _, time = rtc.partition(":")
    if len(day) != 1 or day not in "01234567":
        raise RowRejected(f"an impossible day: {rtc[:20]!r}")
    return Timing((int(day) - 1) % 7, minute_of_day(time) % DAY)


def _minutes(value: Any) -> int:
    if value in (None, ""):
        return USUAL_LENGTH
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= DAY:
        raise RowRejected(f"an impossible duration: {str(value)[:20]!r}")
    return value


def _languages(value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list) else []
    found = (language_code(one) for one in given if isinstance(one, str))
    return tuple(dict.fromkeys(one for one in found if one))


def _updated(value: Any) -> str:
    said = value.get("$date") if isinstance(value, dict) else value
    return cleaning.text(said, 40)
