"""From options, or a line of JSON with the same names, to a search."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
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
    from plugin.knowledge.knowledge import Knowledge

    Known = Callable[[], Knowledge]  # read when it is first needed, and then kept

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


def answered(directory: "Directory", known: "Known", line: bytes) -> dict[str, Any]:
    """The answer to one line; a line that cannot be read is answered with why."""
    try:
        asked = orjson.loads(line)
        if not isinstance(asked, dict):
            return {"error": "a query is a JSON object"}
        unknown = set(asked) - _NAMES
        if unknown:
            return {"error": f"no such option: {min(unknown)}"}
        query = query_of(asked, directory.clock(), known)
        check_programs(directory, known, query.programs)
        return found_json(directory.search(query))
    except orjson.JSONDecodeError:
        return {"error": "the line is no JSON"}
    except (BadInput, BadSearch) as error:
        return {"error": str(error)}


def check_programs(
    directory: "Directory", known: "Known", programs: Sequence[str]
) -> None:
    """Raises: BadInput for a programme that neither a feed nor the rules know."""
    for one in programs:
        if directory.lists(one) or one in known().programs:
            continue
        said = {p.id: p.id for p in known().programs.values()}
        said |= {p.name.lower(): p.id for p in known().programs.values()}
        said |= {status.program: status.program for status in directory.status()}
        near = get_close_matches(one.lower(), said, n=4, cutoff=0.5)
        meant = ", ".join(dict.fromkeys(said[name] for name in near))
        mend = f"did you mean {meant}?" if meant else f"they are {_listed(said)}."
        raise BadInput(f"there is no programme {one[:40]}: {mend}")


def _listed(programs: Mapping[str, str]) -> str:
    return ", ".join(sorted(set(programs.values())))


def unlisted(
    directory: "Directory", known: "Known", programs: Sequence[str]
) -> Iterator[str]:
    """Where to look for the meetings of programmes that no feed has."""
    for one in programs:
        if directory.lists(one) or one not in known().programs:
            continue
        program = known().programs[one]
        found = f"Find one at {program.url}" if program.url else "Ask for one nearby."
        yield f"{program.name}: its meetings are not listed here. {found}"


def query_of(asked: Mapping[str, Any], now: datetime, known: "Known") -> Search:
    """Raises: BadInput."""
    near = _place(asked.get("near"))
    return Search(
        programs=_programs(asked, known),
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


def _programs(asked: Mapping[str, Any], known: "Known") -> tuple[str, ...]:
    programs = _texts(asked, "program")
    need = asked.get("need")
    if not need:
        if not programs:
            raise BadInput("name a --program or a --need.")
        return programs
    knowledge = known()
    if need not in knowledge.needs:
        near = get_close_matches(str(need).lower(), knowledge.needs, n=4, cutoff=0.5)
        meant = ", ".join(near or sorted(knowledge.needs))
        raise BadInput(f"there is no need {str(need)[:40]}: one is {meant}.")
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
