"""Words, dates, times and distances in the reader's form."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import plugin.screens
from plugin.knowledge.load import load_knowledge
from plugin.referral.disclosure import WITHHELD_FOR
from plugin.referral.plan import REASONS
from plugin.screens.words import (
    DOMAINS,
    HERE,
    Words,
    catalogue,
    languages,
    nearest,
)

ROOT = Path(plugin.screens.__file__).parent
SAID = {"say": None, "count": (1, 2), "_": None, "gettext": None}
TUESDAY = datetime(2026, 3, 3, 18, 30, tzinfo=ZoneInfo("America/New_York"))
HOLE = re.compile(r"%\((\w+)\)s")


KNOWLEDGE = load_knowledge()
# Of the knowledge base: the needs and the warnings by their names.
NAMES = (
    *(need.name for need in KNOWLEDGE.needs.values()),
    *(rule.title for rule in KNOWLEDGE.rules.values()),
)


def messages() -> Iterator[Any]:
    """Every message of the templates and of the code."""
    ways = [("**.py", "python"), ("templates/**.html", "jinja2")]
    options = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}
    found = extract_from_dir(
        str(ROOT), method_map=ways, options_map=options, keywords=SAID
    )
    for _, _, message, _, _ in found:
        yield message if isinstance(message, str) else tuple(message[:2])


@pytest.mark.parametrize("language", [tag for tag in languages() if tag != "en"])
def test_catalogue_has_every_message(language: str) -> None:
    with (HERE / language / "LC_MESSAGES" / "screens.po").open("rb") as source:
        catalog = read_po(source, locale=language)
    known = {m.id if isinstance(m.id, str) else tuple(m.id) for m in catalog}
    wanted = {*messages(), *REASONS.values(), *WITHHELD_FOR.values(), *NAMES}
    assert wanted - known - {("", ""), ""} == set()


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", [tag for tag in languages() if tag != "en"])
def test_translation_keeps_the_holes_of_its_message(language: str, domain: str) -> None:
    with (HERE / language / "LC_MESSAGES" / f"{domain}.po").open("rb") as source:
        catalog = read_po(source, locale=language)
    for message in catalog:
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = (
            [message.string]
            if isinstance(message.string, str)
            else list(message.string)
        )
        for text in texts:
            assert text or not ids[0], message.id
            assert set(HOLE.findall(text)) == set(HOLE.findall(ids[0])), message.id


def test_extraction_finds_messages_of_both_kinds() -> None:
    found = set(messages())
    assert "Review and sign" in found
    assert "Signed and filed." in found


@pytest.mark.parametrize(
    ("language", "country", "day", "clock", "far"),
    [
        pytest.param("en", "US", "Tue, Mar 3", "6:30\u00a0PM", "0.9 mi", id="us"),
        pytest.param("en", "GB", "Tue 3 Mar", "18:30", "0.9 mi", id="gb"),
        pytest.param("en", "AU", "Tue, 3 Mar", "6:30\u00a0pm", "1.4 km", id="au"),
        pytest.param("es", "US", "mar, 3 de mar", "6:30\u00a0p.m.", "0.9 mi", id="es"),
    ],
)
def test_forms_follow_language_and_country(
    language: str, country: str, day: str, clock: str, far: str
) -> None:
    words = Words.of(language, country)
    assert words.day(TUESDAY) == day
    assert words.clock(TUESDAY) == clock
    assert words.distance(1.4) == far


def test_P14_time_is_the_meetings_own_and_never_shifted() -> None:
    late = datetime(2026, 3, 3, 23, 30, tzinfo=ZoneInfo("America/New_York"))
    words = Words.of("en", "US")
    assert words.when(late, datetime(2026, 3, 2, 12, tzinfo=UTC)) == (
        "Tue, Mar 3, 11:30\u00a0PM"
    )


def test_today_is_today_where_the_meeting_is() -> None:
    evening = datetime(2026, 3, 2, 20, 0, tzinfo=ZoneInfo("America/New_York"))
    after_midnight_utc = datetime(2026, 3, 3, 0, 30, tzinfo=UTC)
    assert Words.of("en", "US").when(evening, after_midnight_utc).startswith("Today")


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        pytest.param("1979", "1979", id="P14-year"),
        pytest.param("1979-05", "May 1979", id="P14-month"),
        pytest.param("1979-05-14", "May 14, 1979", id="day"),
        pytest.param("2026-03-02T23:00:00-05:00", "Mar 2, 2026", id="P14-zone"),
        pytest.param("long ago", "long ago", id="words"),
        pytest.param("2026-13-45", "2026-13-45", id="no-date"),
    ],
)
def test_recorded_date_keeps_its_precision(recorded: str, said: str) -> None:
    assert Words.of("en", "US").recorded(recorded) == said


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        pytest.param("es-MX", "es", id="region"),
        pytest.param("ES", "es", id="case"),
        pytest.param("tlh", "en", id="unknown"),
        pytest.param("", "en", id="none"),
    ],
)
def test_nearest_language(asked: str, given: str) -> None:
    assert nearest(asked) == given


def test_spanish_is_spoken() -> None:
    words = Words.of("es", "US")
    assert words.say("Not now") == "Ahora no"
    assert words.count("%(num)s order", "%(num)s orders", 2) == "2 órdenes"
    assert words.full_date(date(2026, 3, 2)) == "2 mar 2026"
    assert catalogue("es").gettext("never translated") == "never translated"
