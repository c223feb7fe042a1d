"""BMLT: the client JSON of a server, with its formats and service bodies beside it.

Every value is text. A format's key is neither unique nor universal: rows are joined to
formats by id, and a format's meaning is its world id.
Source: BMLT, "Semantic administration: GetSearchResults, GetFormats, GetServiceBodies".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plugin.directory import cleaning, meanings
from plugin.directory.errors import FeedUnreadable, RowRejected
from plugin.directory.feeds import json_rows
from plugin.directory.feeds.clock_times import (
    DAY,
    USUAL_LENGTH,
    minute_of_day,
    start_and_shift,
)
from plugin.directory.feeds.meeting_guide import refusing
from plugin.directory.feeds.reading import FeedSource, Read, Row, each
from plugin.directory.languages import language_code, written_languages
from plugin.directory.listing import FeedOptions, Listing, Standing, Timing

_FOREIGN = {
    "serviceBodyId": "it is BMLT's admin API, whose days are counted otherwise: "
    "use client_interface/json/?switcher=GetSearchResults",
    "slug": "it is a Meeting Guide feed: import it with --format meeting-guide",
    "resourceType": "it is FHIR: import it with --format fhir",
}

_VENUES: Mapping[str, Standing] = {"1": "in-person", "2": "online", "3": "hybrid"}
_LANGUAGE = "LANG"


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of meeting, as one server names it."""

    code: str  # its world id, or its own key where it has none
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Server:
    """What a row refers to."""

    formats: Mapping[str, Format]
    keys: Mapping[str, Format]  # for rows of servers that send no ids
    bodies: Mapping[str, Mapping[str, Any]]


def read(source: FeedSource, options: FeedOptions) -> Iterator[Read]:
    """Each row of the feed.

    Raises: FeedUnreadable, FeedUnsupported.
    """
    server = _server(source)
    with source.open() as stream:
        rows = refusing(json_rows.rows(stream, "meetings"), _FOREIGN)
        yield from each(
            rows,
            lambda row: _listing(row, options.program, server),
            lambda row: row.get("id_bigint"),
        )


def _server(source: FeedSource) -> _Server:
    by_id: dict[str, Format] = {}
    by_key: dict[str, Format] = {}
    for row in _sibling(source, "GetFormats"):
        found = _format(row)
        in_english = row.get("lang", "en") == "en"
        identity, key = str(row.get("id", "")), str(row.get("key_string", ""))
        # The same id comes once for each language.
        if in_english or identity not in by_id:
            by_id[identity] = found
        if in_english or key not in by_key:
            by_key[key] = found
    bodies = {str(row.get("id")): row for row in _sibling(source, "GetServiceBodies")}
    return _Server(by_id, by_key, bodies)


def _sibling(source: FeedSource, part: str) -> list[Mapping[str, Any]]:
    stream = source.sibling(part)
    if stream is None:
        return []
    with stream:
        try:
            return [row for row in json_rows.rows(stream) if isinstance(row, dict)]
        except FeedUnreadable as error:
            raise FeedUnreadable(f"{part}: {error}") from None


def _format(row: Mapping[str, Any]) -> Format:
    world = str(row.get("world_id") or "").strip()
    name = str(row.get("name_string") or "")
    key = meanings.canonical(str(row.get("key_string") or ""))
    if world == _LANGUAGE or not world:
        languages = written_languages(name)
        if languages:
            return Format("", languages)
    if not world:
        return Format(_unnumbered(name, key))
    return Format(meanings.canonical(world))


def _unnumbered(name: str, key: str) -> str:
    """Formats that have no world id, and yet a plain name."""
    said = name.lower()
    if "agnostic" in said or "atheist" in said or "secular" in said:
        return "Ag"
    if said in ("asl", "american sign language"):
        return "SL"
    if "online" in said or "virtual" in said:
        return "VM"
    if "temporarily closed" in said:
        return "TC"
    return f"x-{key}"[:20]


def _listing(row: Row, program: str, server: _Server) -> Listing:
    key = cleaning.key(row.get("id_bigint"), "id_bigint")
    if str(row.get("published", "1")) == "0":
        raise RowRejected("not published by its service body")
    formats = _formats_of(row, server)
    codes = tuple(dict.fromkeys(one.code for one in formats if one.code))
    timings, minutes = _timings(row)
    attendance = _attendance(row, codes)
    latitude, longitude = _place(row, attendance)
    body = server.bodies.get(str(row.get("service_body_bigint")), {})
    spoken = tuple(dict.fromkeys(lang for one in formats for lang in one.languages))
    stated = language_code(str(row.get("lang_enum") or ""))
    return Listing(
        key=key,
        name=cleaning.name(row.get("meeting_name") or _unnamed(program)),
        timings=timings,
        minutes=minutes,
        zone=cleaning.text(row.get("time_zone")),
        attendance=attendance,
        precision="none" if latitude is None else "exact",
        venue=cleaning.text(row.get("location_text")),
        address=_address(row),
        latitude=latitude,
        longitude=longitude,
        codes=codes,
        words=meanings.words_of(program, codes),
        languages=spoken or ((stated,) if stated else ()),
        url="",
        join_url=cleaning.https(row.get("virtual_meeting_link")),
        phone=cleaning.public_line(body.get("helpline")),
        notes=_notes(row),
        organisation=cleaning.text(body.get("name")),
    )


def _unnamed(program: str) -> str:
    return f"{program.upper()} meeting"


def _formats_of(row: Row, server: _Server) -> list[Format]:
    ids = str(row.get("format_shared_id_list") or "")
    found = [server.formats.get(one.strip()) for one in ids.split(",") if one.strip()]
    known = [one for one in found if one is not None]
    if known:
        return known
    given = [key.strip() for key in str(row.get("formats") or "").split(",")]
    return [
        server.keys.get(key) or Format(meanings.canonical(key)[:20])
        for key in given
        if key and key.isprintable()
    ]


def _timings(row: Row) -> tuple[tuple[Timing, ...], int]:
    minutes = _duration(row.get("duration_time"))
    day = str(row.get("weekday_tinyint") or "").strip()
    time = str(row.get("start_time") or "").strip()
    if not time or not day:
        return (Timing(None, None),), minutes
    if len(day) != 1 or day not in "1234567":
        raise RowRejected(f"an impossible day: {day[:20]!r}")
    start, shift = start_and_shift(minute_of_day(time))
    # The feed counts from Sunday = 1; we from Monday = 0.
    return (Timing((int(day) - 2 + shift) % 7, start),), minutes


def _duration(value: Any) -> int:
    said = str(value or "").strip()
    if not said:
        return USUAL_LENGTH
    try:
        minutes = minute_of_day(said)
    except RowRejected:
        raise RowRejected(f"an impossible duration: {said[:20]!r}") from None
    return min(minutes, DAY) or USUAL_LENGTH


def _attendance(row: Row, codes: tuple[str, ...]) -> Standing:
    """The venue type, or for older servers the formats; what is closed is closed."""
    stated = _VENUES.get(str(row.get("venue_type") or ""))
    if stated is None:
        stated = "in-person"
        if "HYBR" in codes:
            stated = "hybrid"
        elif "VM" in codes:
            stated = "online"
    if "TC" in codes:
        stated = "inactive" if stated == "in-person" else "online"
    joinable = row.get("virtual_meeting_link") or row.get("phone_meeting_number")
    if stated == "online" and not joinable and "VM" not in codes:
        return "inactive"
    return stated


def _place(row: Row, attendance: Standing) -> tuple[float | None, float | None]:
    latitude = cleaning.number(row.get("latitude"))
    longitude = cleaning.number(row.get("longitude"))
    if latitude is None or longitude is None:
        return None, None
    if attendance == "online" and latitude == 0 and longitude == 0:
        return None, None
    return latitude, longitude


def _address(row: Row) -> str:
    town = row.get("location_municipality") or row.get("location_city_subsection")
    fields = (
        row.get("location_street"),
        town,
        row.get("location_province"),
        row.get("location_postal_code_1"),
    )
    return ", ".join(filter(None, (cleaning.text(field) for field in fields)))


def _notes(row: Row) -> str:
    fields = (row.get("location_info"), row.get("comments"))
    return " ".join(filter(None, (cleaning.note(field) for field in fields)))
