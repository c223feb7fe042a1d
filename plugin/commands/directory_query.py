"""From options, or a line of JSON with the same names, to a search."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from plugin.commands.endings import BadInput
from plugin.directory.as_json import found_json
from plugin.directory.errors import BadSearch, RowRejected
from plugin.directory.feeds.clock_times import minute_of_day
from plugin.directory.languages import language_code
from plugin.directory.meeting import Attendance, Place, Search
from plugin.directory.schedule import DAYS

if TYPE_CHECKING:
    from plugin.directory.directory import Directory

_KM_A_MILE = 1.609344
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})"
)
_ATTENDANCE: Mapping[str, Attendance] = {
    "in-person": "in-person",
    "online": "online",
    "hybrid": "hybrid",
}
_NAMES = frozenset(
    {"program", "need", "near", "within", "within-miles", "from", "hours"}
    | {"attendance", "tag", "language", "day", "after", "before", "begun", "limit"}
)


def answered(directory: "Directory", line: bytes) -> dict[str, Any]:
    """The answer to one line; a line that cannot be read is answered with why."""
    try:
        asked = orjson.loads(line)
        if not isinstance(asked, dict):
            return {"error": "a query is a JSON object"}
        unknown = set(asked) - _NAMES
        if unknown:
            return {"error": f"no such option: {min(unknown)}"}
        return found_json(directory.search(query_of(asked, directory.clock())))
    except orjson.JSONDecodeError:
        return {"error": "the line is no JSON"}
    except (BadInput, BadSearch) as error:
        return {"error": str(error)}


def unlisted(directory: "Directory", programs: Sequence[str]) -> Iterator[str]:
    """Where to look for the meetings of programmes that no feed has."""
    missing = [one for one in programs if not directory.lists(one)]
    if not missing:
        return
    from plugin.knowledge.load import load_knowledge

    known = load_knowledge().programs
    for one in missing:
        if one in known and known[one].url:
            name, url = known[one].name, known[one].url
            yield f"{name}: its meetings are not listed here. Find one at {url}"


def query_of(asked: Mapping[str, Any], now: datetime) -> Search:
    """Raises: BadInput."""
    near = _place(asked.get("near"))
    return Search(
        programs=_programs(asked),
        at=_moment(asked.get("from"), now),
        hours=_number(asked, "hours", 48.0),
        near=near,
        within_km=_radius(asked, near),
        attendance=_attendance(asked.get("attendance")),
        tags=_texts(asked, "tag"),
        language=_language(asked.get("language")),
        weekdays=_weekdays(asked),
        earliest=_minute(asked, "after", 0),
        latest=_minute(asked, "before", 24 * 60),
        begun_minutes=int(_number(asked, "begun", 0)),
        limit=int(_number(asked, "limit", 20)),
    )


def _programs(asked: Mapping[str, Any]) -> tuple[str, ...]:
    programs = _texts(asked, "program")
    need = asked.get("need")
    if not need:
        if not programs:
            raise BadInput("name a --program or a --need.")
        return programs
    from plugin.knowledge.load import load_knowledge

    knowledge = load_knowledge()
    if need not in knowledge.needs:
        raise BadInput(f"there is no need {need}: see needs of the knowledge base.")
    serving = tuple(p.id for p in knowledge.programs.values() if need in p.needs)
    if programs:
        serving = tuple(one for one in serving if one in programs)
    if not serving:
        raise BadInput(f"none of these programmes serves {need}.")
    return serving


def _texts(asked: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = asked.get(name)
    if value in (None, ""):
        return ()
    given = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) and one.strip() for one in given):
        raise BadInput(f"--{name} is text.")
    return tuple(dict.fromkeys(one.strip() for one in given))


def _place(value: Any) -> Place | None:
    if value in (None, ""):
        return None
    parts = value.split(",") if isinstance(value, str) else value
    try:
        latitude, longitude = (float(part) for part in parts)
    except (TypeError, ValueError):
        raise BadInput("--near is LAT,LON, for example 40.69,-73.99.") from None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise BadInput("--near is no place on earth: give LAT,LON in degrees.")
    return Place(latitude, longitude)


def _radius(asked: Mapping[str, Any], near: Place | None) -> float:
    miles, km = asked.get("within-miles"), asked.get("within")
    if miles is not None and km is not None:
        raise BadInput("give --within or --within-miles, not both.")
    if near is None and (miles is not None or km is not None):
        raise BadInput("a radius needs --near LAT,LON.")
    if miles is not None:
        return _number(asked, "within-miles", 30.0) * _KM_A_MILE
    return _number(asked, "within", 50.0)


def _number(asked: Mapping[str, Any], name: str, usual: float) -> float:
    value = asked.get(name)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"--{name} is a number.")
    return float(value)


def _moment(value: Any, now: datetime) -> datetime:
    """Source: RFC 3339; a time without an offset is refused."""
    if value in (None, ""):
        return now
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:
            pass
    raise BadInput(
        "--from is a time with an offset, for example 2026-03-02T19:00:00-05:00."
    )


def _attendance(value: Any) -> Attendance | None:
    if value in (None, ""):
        return None
    if not isinstance(value, str) or value not in _ATTENDANCE:
        raise BadInput("--attendance is in-person, online or hybrid.")
    return _ATTENDANCE[value]


def _language(value: Any) -> str | None:
    if value in (None, ""):
        return None
    code = language_code(value) if isinstance(value, str) else ""
    if not code:
        raise BadInput("--language is a code such as en or es.")
    return code


def _weekdays(asked: Mapping[str, Any]) -> frozenset[int]:
    found = set()
    for one in _texts(asked, "day"):
        day = one[:2].upper()
        if day not in DAYS:
            raise BadInput("--day is mon, tue, wed, thu, fri, sat or sun.")
        found.add(DAYS.index(day))
    return frozenset(found)


def _minute(asked: Mapping[str, Any], name: str, usual: int) -> int:
    value = asked.get(name)
    if value in (None, ""):
        return usual
    try:
        return minute_of_day(value if isinstance(value, str) else "")
    except RowRejected:
        raise BadInput(f"--{name} is a time of day, for example 18:30.") from None
