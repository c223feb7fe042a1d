"""`selfhelp recommend`: the whole recommendation for a Bundle, without an EHR."""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from plugin.chart.bundle import chart_from_bundle
from plugin.chart.chart import Chart
from plugin.chart.errors import ChartError
from plugin.chart.extract_patient import country_code
from plugin.clock import system_clock
from plugin.commands.endings import BadInput
from plugin.directory.meeting import MeetingsWanted, Occurrence, Place
from plugin.knowledge.load import Knowledge, load_knowledge
from plugin.matching.as_json import recommendation_json
from plugin.matching.recommend import recommend as recommend_for
from plugin.matching.recommendation import FindMeetings, Preferences
from plugin.matching.stated import PreferencesRefused, is_language, preferences_from

_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})"
)
_SQLITE = "sqlite:///"
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="The TOML file; SELFHELP_CONFIG where it is not given."
    ),
]


def recommend(
    bundle: Annotated[Path, typer.Argument(help="A FHIR R4 Bundle as JSON.")],
    *,
    at: Annotated[
        str, typer.Option(help="The moment, RFC 3339 with an offset; else now.")
    ] = "",
    near: Annotated[str, typer.Option(help="LAT,LON; else the patient's place.")] = "",
    within: Annotated[float, typer.Option(help="Kilometres.")] = 50.0,
    preferences: Annotated[
        Path | None, typer.Option(help="What the patient said: a JSON file.")
    ] = None,
    country: Annotated[
        str, typer.Option(help="ISO 3166-1 alpha-2; else the patient's.")
    ] = "",
    language: Annotated[str, typer.Option(help="Language of groups.")] = "en",
    json: Annotated[bool, typer.Option("--json", help="JSON alone.")] = False,
    config: Config = None,
) -> None:
    """Recommend for a FHIR Bundle, without an EHR."""
    when = _moment(at) if at else system_clock()
    knowledge = load_knowledge(_site_file(config))
    wishes = _preferences(preferences, knowledge)
    place = _place(near)
    if not is_language(language):
        raise BadInput("--language is a code such as en or es.")
    if not 0 < within <= 20_000:
        raise BadInput("--within is a distance in km, above 0.")
    where = _country(country)
    chart = _chart(bundle, when)
    with _meetings(config) as find:
        answer = recommend_for(
            chart,
            knowledge,
            wishes,
            at=when,
            find_meetings=find,
            near=place or _home(chart),
            within_km=within,
            country=where,
            language=language,
        )
    if json:
        print(orjson.dumps(recommendation_json(answer)).decode())
        return
    from plugin.knowledge.texts import load_texts
    from plugin.matching.as_text import recommendation_text

    words = load_texts(knowledge).linkage(language)
    print(recommendation_text(answer, knowledge, words), end="")


def _chart(bundle: Path, when: datetime) -> Chart:
    try:
        return chart_from_bundle(bundle.read_bytes(), when)
    except OSError as error:
        raise BadInput(f"{bundle} cannot be read: {error.strerror}.") from error
    except ChartError as error:
        raise BadInput(f"{bundle}: {error.public}") from error


def _moment(at: str) -> datetime:
    """Source: RFC 3339; a time without an offset is refused."""
    if _TIME.fullmatch(at):
        try:
            return datetime.fromisoformat(at.upper())
        except ValueError:
            pass
    raise BadInput(
        "--at is a time with an offset, for example 2026-03-02T19:00:00-05:00."
    )


def _place(near: str) -> Place | None:
    if not near:
        return None
    parts = near.split(",")
    try:
        latitude, longitude = (float(part) for part in parts)
    except ValueError:
        raise BadInput("--near is LAT,LON, for example 40.69,-73.99.") from None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise BadInput("--near is no place on earth: give LAT,LON in degrees.")
    return Place(latitude, longitude)


def _home(chart: Chart) -> Place | None:
    patient = chart.patient
    if patient.latitude is None or patient.longitude is None:
        return None
    return Place(patient.latitude, patient.longitude)


def _country(country: str) -> str | None:
    if not country:
        return None
    code = country_code(country)
    if len(country) != 2 or not code:
        raise BadInput("--country is two letters, for example US or GB.")
    return code


def _preferences(file: Path | None, knowledge: Knowledge) -> Preferences:
    if file is None:
        return Preferences()
    try:
        return preferences_from(orjson.loads(file.read_bytes()), knowledge.programs)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from error
    except orjson.JSONDecodeError:
        raise BadInput(f"{file} is not JSON: give one JSON object.") from None
    except PreferencesRefused as error:
        raise BadInput(f"{file}: {error}.") from error


def _site_file(config: Path | None) -> Path | None:
    """The hospital's own file, if one is named. Raises: ConfigRefused."""
    if config is None and not os.environ.get("SELFHELP_CONFIG"):
        return None
    from plugin.commands.directory_parts import with_some_key
    from plugin.settings import load_settings

    return load_settings(config, with_some_key(os.environ)).site_file


@contextmanager
def _meetings(config: Path | None) -> Iterator[FindMeetings]:
    """The directory's meetings, or none and a line that says so.

    Raises: ConfigRefused, StoreUnavailable.
    """
    from plugin.commands.directory_parts import database_url, opened_directory

    if not _is_there(database_url(config)):
        print("No directory: meetings were not looked up.", file=sys.stderr)
        yield _no_meetings
        return
    with opened_directory(config) as directory:
        yield directory.next_meetings


def _no_meetings(_wanted: MeetingsWanted) -> Mapping[str, Sequence[Occurrence]]:
    return {}


def _is_there(url: str) -> bool:
    """Whether there is a database: asking for a recommendation makes none."""
    if not url.startswith(_SQLITE):
        return True
    return Path(url.removeprefix(_SQLITE)).is_file()
