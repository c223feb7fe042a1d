"""The whole recommendation: what is passed through, and what is said of gaps."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from plugin.chart.chart import Chart, Unreadable
from plugin.directory.meeting import Occurrence, Place
from plugin.knowledge.knowledge import Knowledge
from plugin.matching.as_json import recommendation_json
from plugin.matching.as_text import recommendation_text
from plugin.matching.recommend import recommend
from plugin.matching.recommendation import Preferences, Recommendation


@pytest.fixture
def ask(
    chart: Callable[..., Chart], knowledge: Knowledge, at: datetime
) -> Callable[..., Recommendation]:
    """Recommend for a chart that was changed after it was read."""

    def recommendation(*codes: str, find: Any = None, **changes: Any) -> Recommendation:
        return recommend(
            replace(chart(list(codes)), **changes),
            knowledge,
            Preferences(),
            at=at,
            find_meetings=find or (lambda _wanted: {}),
            near=Place(40.7, -74.0),
        )

    return recommendation


def test_source_that_could_not_be_read_is_named_and_said(ask: Any) -> None:
    found = ask("F10.20", could_not_check=("Observation", "Consent"))
    assert found.could_not_check == ("Consent", "Observation")
    assert "Could not check: Observation." in found.notes


def test_source_read_in_part_is_named_too(ask: Any) -> None:
    found = ask("F10.20", incomplete=("Condition",))
    assert found.could_not_check == ("Condition",)
    assert "Read in part only: Condition." in found.notes


def test_unreadable_entries_are_passed_on(ask: Any) -> None:
    found = ask("F10.20", unreadable=(Unreadable(7, "Condition: no code"),))
    assert [(u.entry, u.reason) for u in found.unreadable] == [
        (7, "Condition: no code")
    ]


def test_diagnosis_of_this_encounter_counts(ask: Any, chart: Any) -> None:
    old = {"codes": ["F10.231"], "category": "encounter-diagnosis", "on": "2024-05-01"}
    conditions = chart([{**old, "encounter": "Encounter/e1"}]).conditions
    now = ask(conditions=conditions, encounter="Encounter/e1")
    then = ask(conditions=conditions, encounter="Encounter/e2")
    assert [w.level for w in now.warnings if w.id == "S6"] == ["red"]
    assert [w.level for w in then.warnings if w.id == "S6"] == ["amber"]


def test_another_language_in_the_chart_is_said_not_acted_on(
    ask: Any, chart: Any
) -> None:
    patient = replace(chart().patient, language="es-MX")
    found = ask("F33.1", patient=patient)
    assert any("another language (es)" in note for note in found.notes)
    assert found.program("grow") is not None


def test_chart_in_the_language_of_the_site_says_nothing(ask: Any, chart: Any) -> None:
    patient = replace(chart().patient, language="en-US")
    assert not any("another language" in n for n in ask(patient=patient).notes)


def test_same_question_has_the_same_answer(ask: Any) -> None:
    assert ask("F10.20", "F33.1") == ask("F10.20", "F33.1")


def test_json_carries_meetings(ask: Any, at: datetime) -> None:
    meeting = Occurrence(
        "m1", "f", "k", "aa", "Group", at + timedelta(hours=3), 60, "hybrid", 1.26
    )
    found = ask("F10.20", find=lambda _wanted: {"aa": [meeting]})
    answer = recommendation_json(found)
    program = next(p for p in answer["programs"] if p["id"] == "aa")
    assert program["meetings"] == [
        {
            "id": "m1",
            "name": "Group",
            "starts": "2026-03-02T18:00:00+00:00",
            "attendance": "hybrid",
            "km": 1.3,
        }
    ]


def test_text_tells_all_of_it(
    ask: Any, knowledge: Knowledge, at: datetime, chart: Any
) -> None:
    meeting = Occurrence(
        "m1", "f", "k", "aa", "Group", at + timedelta(hours=3), 60, "in-person", 1.26
    )
    conditions = chart(
        [
            "F10.231",
            "F10.90",
            "I10",
            "I10",
            {"codes": ["Z60.2"], "verification": "provisional"},
        ]
    ).conditions
    text = recommendation_text(
        ask(
            conditions=conditions,
            unreadable=(Unreadable(3, "no code"),),
            find=lambda _wanted: {"aa": [meeting]},
        ),
        knowledge,
    )
    for line in (
        "RED  Alcohol withdrawal [F10.231]",
        "Alcoholics Anonymous (not now): strong fit",
        "Mon 2 Mar 18:00  Group (in-person, 1.3 km)",
        "Loneliness / social isolation [Z60.2]: ask: The diagnosis is provisional.",
        "I10 (2 times)",
        "entry 3: no code",
        "Women for Sobriety: for women; the record says male",
    ):
        assert line in text


def test_text_of_an_empty_chart(ask: Any, knowledge: Knowledge) -> None:
    text = recommendation_text(ask(), knowledge)
    assert "NEEDS IN THE CHART\n  none found" in text
    assert "no suitable group found" in text
