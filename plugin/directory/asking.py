"""What is asked, made ready for the index: checked, and in the index's own terms."""

from datetime import datetime
from functools import lru_cache
from math import isfinite
from zoneinfo import ZoneInfo

from plugin.directory.candidates import Filter, Reach
from plugin.directory.errors import BadSearch
from plugin.directory.finding import Keep
from plugin.directory.languages import language_code
from plugin.directory.meanings import canonical
from plugin.directory.meeting import MeetingsWanted, Place, Search
from plugin.directory.places import (
    ANYWHERE,
    MOST_KM_BY_CELLS,
    cells_around,
    is_place,
)
from plugin.directory.rows import MeetingRow
from plugin.directory.storing import HYBRID, IN_PERSON, ONLINE
from plugin.directory.words import (
    WORDS,
    bits_of,
    is_word,
    language_bits,
    language_words,
)
from plugin.directory.zones import DAY, minutes_since_1970, zone

PHYSICAL = frozenset({IN_PERSON, HYBRID})
JOINED = frozenset({ONLINE, HYBRID})
FROM_ANYWHERE = Reach((ANYWHERE,), kinds=JOINED)

# Rules of time are not known beyond these.
_FIRST_YEAR, _LAST_YEAR = 1971, 2100
_MOST_HOURS = 24 * 400
_MOST_KM = 20_100.0


def checked(query: Search) -> Search:
    """The same query.

    Raises: BadSearch, whose message says what is wrong.
    """
    if not query.programs:
        raise BadSearch("name a programme")
    check_moment(query.at)
    if not 0 < query.hours <= _MOST_HOURS:
        raise BadSearch(f"hours must be more than 0 and at most {_MOST_HOURS}")
    if query.limit is not None and query.limit < 1:
        raise BadSearch("limit must be at least 1")
    check_place(query.near, query.within_km)
    for tag in query.tags:
        _check_tag(tag)
    return query


def check_moment(at: datetime) -> None:
    if at.tzinfo is None:
        raise BadSearch("a time needs its offset, as in 2026-03-02T19:00:00-05:00")
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise BadSearch(f"the time must lie in {_FIRST_YEAR} to {_LAST_YEAR}")


def check_place(near: Place | None, within_km: float) -> None:
    if near is not None and not is_place(near.latitude, near.longitude):
        raise BadSearch("the place must be a latitude of -90 to 90 and a longitude")
    if not (isfinite(within_km) and 0 < within_km <= _MOST_KM):
        raise BadSearch("the radius must be more than 0 km")


@lru_cache(maxsize=1024)
def _check_tag(tag: str) -> None:
    said = _tag(tag)
    if is_word(said) or said in language_words() or tag == canonical(tag) != "":
        return
    raise BadSearch(f"no such tag: {tag}. Tags are {', '.join(WORDS)}, or a language")


def _tag(tag: str) -> str:
    return tag.strip().lower().replace("_", "-").replace(" ", "-")


def minutes_from(moment: datetime) -> int:
    """The first whole minute that is not before the moment, since 1970."""
    whole = minutes_since_1970(moment)
    return whole if not (moment.second or moment.microsecond) else whole + 1


def reaches(query: Search) -> tuple[Reach, ...]:
    """Where to look, and where else if nothing is found there."""
    if query.attendance == "online":
        near = query.near
        if near is None:
            return (FROM_ANYWHERE,)
        return (Reach((ANYWHERE,), near.latitude, near.longitude, kinds=JOINED),)
    kinds = PHYSICAL if query.attendance == "in-person" else None
    if query.attendance == "hybrid":
        kinds = frozenset({HYBRID})
    if query.near is None:
        return (Reach(None, kinds=kinds or PHYSICAL | JOINED),)
    around = around_place(query.near, query.within_km, kinds or PHYSICAL)
    return (around,) if kinds else (around, FROM_ANYWHERE)


def around_place(near: Place, within_km: float, kinds: frozenset[int]) -> Reach:
    cells = None
    if within_km <= MOST_KM_BY_CELLS:
        cells = cells_around(near.latitude, near.longitude, within_km)
    return Reach(cells, near.latitude, near.longitude, within_km, kinds)


def physical_reach(wanted: MeetingsWanted) -> Reach:
    if wanted.near is None:
        return Reach(None, kinds=PHYSICAL)
    return around_place(wanted.near, wanted.within_km, PHYSICAL)


def bits_wanted(query: Search) -> Filter:
    return Filter(_bits_of_tags(query.tags), spoken(query.language))


@lru_cache(maxsize=1024)
def _bits_of_tags(tags: tuple[str, ...]) -> int:
    return bits_of(tuple(word for word in map(_tag, tags) if is_word(word)))


@lru_cache(maxsize=256)
def spoken(language: str | None) -> int:
    """The bit of a language; of a language that no group can have, none of them all."""
    if language is None:
        return 0
    code = language_code(language)
    return language_bits((code,)) or _NO_LANGUAGE


# A bit that no meeting has.
_NO_LANGUAGE = 1 << 62


def keeper(query: Search) -> Keep | None:
    """What the index cannot tell: a feed's own code, the local day and time of day."""
    spoken_words, codes = _beyond_words(query.tags)
    any_time = not query.weekdays and query.earliest <= 0 and query.latest >= DAY
    if any_time and not codes and not spoken_words:
        return None

    def keep(row: MeetingRow, start: datetime) -> bool:
        if codes and not codes.issubset(row.codes.split()):
            return False
        if spoken_words and not spoken_words.issubset(row.languages.split()):
            return False
        return _at_local_time(query, zone(row.timezone), start)

    return keep


@lru_cache(maxsize=1024)
def _beyond_words(tags: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """The languages among the tags, and a fellowship's own codes."""
    languages = language_words()
    said = {tag: _tag(tag) for tag in tags}
    spoken_words = (languages[word] for word in said.values() if word in languages)
    codes = (
        canonical(tag)
        for tag, word in said.items()
        if not is_word(word) and word not in languages
    )
    return frozenset(spoken_words), frozenset(codes)


def _at_local_time(query: Search, zoned: ZoneInfo | None, start: datetime) -> bool:
    if not query.weekdays and query.earliest <= 0 and query.latest >= DAY:
        return True
    local = start.astimezone(zoned)
    if query.weekdays and local.weekday() not in query.weekdays:
        return False
    minute = local.hour * 60 + local.minute
    if query.earliest <= query.latest:
        return query.earliest <= minute < query.latest
    return minute >= query.earliest or minute < query.latest  # over midnight
