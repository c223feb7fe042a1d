"""Every system that the founding paper names: from a chart to a card that is offered.

A row is a chart and the programmes that must stand among the three to five that are put
forward for it, each with reasons, evidence, a way there and texts for the patient.
"""

from datetime import timedelta
from typing import Any

import pytest

from plugin.directory.meeting import MeetingsWanted, Occurrence
from plugin.knowledge.texts import LANGUAGES, Texts, load_texts
from plugin.matching.as_json import recommendation_json
from plugin.matching.as_text import recommendation_text
from plugin.matching.recommendation import Preferences

IN_WORDS = {"codes": ["F63.89"], "text": "Compulsive spending"}
OFFERED = [
    ("Alcoholics Anonymous", ["F10.20"], {}, ["aa"]),
    ("Narcotics Anonymous", ["F19.20"], {}, ["na"]),
    ("Cocaine Anonymous", ["F14.20"], {}, ["ca"]),
    ("Gamblers Anonymous", ["F63.0"], {}, ["ga"]),
    ("Overeaters Anonymous", ["F50.810"], {}, ["oa"]),
    ("Emotions Anonymous", ["R45.7"], {}, ["ea"]),
    ("SMART Recovery", ["F10.20"], {"spiritual": "secular_only"}, ["smart"]),
    ("GROW", ["F33.1"], {"country": "AU"}, ["grow"]),
    ("Recovery International", ["F41.1"], {}, ["recovery_intl"]),
    ("Marijuana Anonymous", ["F12.20"], {}, ["ma"]),
    ("Crystal Meth Anonymous", ["F15.20"], {}, ["cma"]),
    ("Nicotine Anonymous", ["F17.210"], {}, ["nica"]),
    ("Heroin Anonymous, picked", ["F11.20"], {"picks": ["ha"]}, ["ha", "mara"]),
    ("Medication-Assisted Recovery", ["F11.20"], {"medicine": "rx:1819"}, ["mara"]),
    (
        "Debtors Anonymous, picked",
        [IN_WORDS],
        {"added": ["debt_spending"], "picks": ["da"]},
        ["da"],
    ),
    (
        "Sex and Love Addicts Anonymous, picked",
        ["sct:268724009"],
        {"picks": ["slaa"]},
        ["slaa"],
    ),
    (
        "Co-Dependents Anonymous, picked",
        ["F60.7"],
        {"added": ["codependency"], "picks": ["coda"]},
        ["coda"],
    ),
    ("Workaholics Anonymous, picked", ["Z73.0"], {"picks": ["wa"]}, ["wa"]),
    ("Internet and gaming", ["sct:735551007"], {}, ["olga", "smart"]),
    ("Survivors of abuse, picked", ["Z62.810"], {"picks": ["aca_sia"]}, ["aca_sia"]),
    ("Schizophrenia", ["F20.9"], {}, ["spaa", "grow"]),
    ("Hearing voices", ["R44.0"], {"country": "GB"}, ["hvn"]),
    ("Depression", ["F33.1"], {}, ["recovery_intl"]),
    ("Bipolar disorder", ["F31.81"], {}, ["dbsa"]),
    ("Bipolar disorder in Britain", ["F31.81"], {"country": "GB"}, ["bipolar_uk"]),
    ("Chronic fatigue", ["G93.32"], {}, ["meaction", "mecfs_local"]),
    ("Family of one who drinks", ["Z63.72"], {}, ["alanon", "smart_ff"]),
    ("Child of one who drinks", ["Z63.72"], {"age": 14}, ["alateen"]),
    ("Family of one who is ill", ["Z63.79"], {}, ["nami_family"]),
    (
        "Family of one who gambles",
        [{"codes": ["Z63.72"], "text": "Husband gambles"}],
        {},
        ["gamanon"],
    ),
    ("Dual diagnosis", ["F20.9", "F10.20"], {}, ["dra"]),
    ("Dual diagnosis in Australia", ["F20.9", "F10.20"], {"country": "AU"}, ["dra"]),
]  # fmt: skip
YOUTH = [
    ("Depression at 15", ["F32.0"], {}, ["abc_project", "project_personality"]),
    ("Anxiety at 12", ["F41.1"], {"age": 12}, ["project_personality", "solve"]),
    ("Self-harm at 15", ["R45.88"], {}, ["project_save", "spi"]),
    ("LGBTQ+ and said so", ["F32.0"], {"lgbtq": True}, ["project_rise"]),
    ("Distress at 16", ["R45.7"], {"age": 16}, ["project_yes"]),
    ("Fear of dogs at 9", ["F40.218"], {"age": 9}, ["ost"]),
]


@pytest.fixture(scope="module")
def texts(knowledge: Any) -> Texts:
    return load_texts(knowledge)


@pytest.fixture
def recommended(answer: Any) -> Any:
    def go(conditions: list[Any], said: dict[str, Any], age: int) -> Any:
        said = dict(said)
        medicines = [said.pop("medicine")] if "medicine" in said else []
        return answer(
            conditions,
            {},
            medicines,
            age=said.pop("age", age),
            country=said.pop("country", "US"),
            asks={"added_needs": said.pop("added", ())},
            wishes=Preferences(**{k: _frozen(v) for k, v in said.items()}),
            find=_tomorrow,
        )

    return go


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _tomorrow(wanted: MeetingsWanted) -> dict[str, tuple[Occurrence, ...]]:
    starts = wanted.at + timedelta(days=1)
    return {
        program: (
            Occurrence(
                id=f"{program}-1", feed="f", key="k", program=program, name="Evening",
                starts=starts, minutes=60, attendance="online",
            ),
        )
        for program in wanted.programs
    }  # fmt: skip


@pytest.mark.parametrize(
    ("conditions", "said", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in OFFERED],
)
def test_system_is_offered_with_all_that_a_card_needs(
    conditions: list[Any],
    said: dict[str, Any],
    expected: list[str],
    recommended: Any,
    texts: Texts,
) -> None:
    found = recommended(conditions, said, age=40).r
    assert set(expected) <= set(found.offered)
    shown = {p["id"]: p for p in recommendation_json(found)["programs"]}
    printed = " ".join(recommendation_text(found, texts.knowledge).split())
    for program in expected:
        card, held = shown[program], found.program(program)
        assert 2 <= len(card["reasons"]) <= 4
        assert card["evidence"]["grade"] == "D" or card["evidence"]["citations"]
        assert card["meetings"][0]["starts"] == "2026-03-03T15:00:00+00:00"
        assert held.because or said.get("added")
        assert held.finder_url.startswith("https://")
        assert held.name in printed
        for language in LANGUAGES:
            assert texts.handout(program, language).title
            assert texts.evidence(program, language).concerns


@pytest.mark.parametrize(
    ("conditions", "said", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in YOUTH],
)
def test_young_people_are_offered_single_sessions_and_no_adult_group(
    conditions: list[Any], said: dict[str, Any], expected: list[str], recommended: Any
) -> None:
    found = recommended(conditions, said, age=15)
    assert set(expected) <= set(found.sessions)
    assert found.r.offered == ()
    assert "S12" in found.levels
    for session in found.r.single_sessions:
        assert session.reasons
        assert session.evidence.references or session.evidence.grade == "D"
