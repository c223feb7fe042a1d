"""The active referral: each step with its owner and its day."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from plugin.directory.meeting import Occurrence
from plugin.knowledge.texts import LANGUAGES, load_texts
from plugin.matching.as_json import recommendation_json
from plugin.matching.as_text import recommendation_text

TODAY = date(2026, 3, 2)
ALL = [
    "permission", "choice", "hand_off", "preparation", "first_meeting", "journal",
    "settling", "review_week", "review_month", "review_quarter",
]  # fmt: skip


def days(found: Any) -> dict[str, date | None]:
    return {step.id: step.due for step in found.r.plan.steps}


def owners(found: Any) -> dict[str, str]:
    return {step.id: step.owner for step in found.r.plan.steps}


def test_every_step_has_its_owner_and_its_day(answer: Any) -> None:
    found = answer(["F10.20"])
    assert list(days(found)) == ALL
    assert days(found) == {
        **dict.fromkeys(("permission", "choice", "hand_off", "preparation"), TODAY),
        "first_meeting": date(2026, 3, 9),
        "journal": date(2026, 4, 6),
        "settling": None,
        "review_week": date(2026, 3, 9),
        "review_month": date(2026, 3, 30),
        "review_quarter": date(2026, 6, 1),
    }
    assert owners(found) == {
        **dict.fromkeys(("permission", "hand_off", "preparation"), "clinician"),
        **dict.fromkeys(("choice", "first_meeting", "journal", "settling"), "patient"),
        "review_week": "clinic",
        "review_month": "clinician",
        "review_quarter": "clinician",
    }


def test_first_meeting_is_the_soonest_of_what_is_offered(
    answer: Any, directory: Any, at: datetime
) -> None:
    def meeting(program: str, hours: int) -> Occurrence:
        starts = at + timedelta(hours=hours)
        return Occurrence(
            id=program, feed="f", key="k", program=program, name="Evening",
            starts=starts, minutes=60, attendance="online",
        )  # fmt: skip

    directory.meetings = {
        "aa": [meeting("aa", 70)],
        "smart": [meeting("smart", 30)],
        "na": [meeting("na", 2)],  # suits, and is not offered
    }
    found = answer(["F10.20"], find=directory.find)
    assert "na" not in found.r.offered
    assert days(found)["first_meeting"] == date(2026, 3, 3)
    assert days(found)["journal"] == date(2026, 3, 31)


def test_hand_off_waits_where_joining_would_be_unsafe(answer: Any) -> None:
    found = answer(["F10.231"])
    assert found.r.plan.waits_for == ("Alcohol withdrawal",)
    waiting = [step for step, day in days(found).items() if day is None]
    assert waiting == ALL[1:7]
    assert days(found)["permission"] == TODAY
    assert days(found)["review_week"] == date(2026, 3, 9)


def test_groups_without_sponsors_speak_of_none(answer: Any) -> None:
    assert "settling" not in days(answer(["G93.32"]))


@pytest.mark.parametrize(
    ("conditions", "age", "contact"),
    [
        pytest.param(["F10.20"], 40, "", id="as-usual"),
        pytest.param(["T74.11XA"], 40, "safe", id="violence"),
        pytest.param(["F10.20", "Z91.410"], 40, "safe", id="history-of-violence"),
        pytest.param(["Z63.72"], 14, "minor", id="minor"),
        pytest.param(["Z63.72"], 18, "", id="grown-up"),
    ],
)
def test_way_of_contact(
    answer: Any, conditions: list[str], age: int, contact: str
) -> None:
    assert answer(conditions, age=age).r.plan.contact == contact


@pytest.mark.parametrize(
    ("conditions", "further"),
    [
        pytest.param(["F10.20"], (), id="addiction"),
        pytest.param(["F33.1"], ("powell2000b",), id="mood"),
        pytest.param(["F10.20", "F20.9"], ("timko2011",), id="both"),
        pytest.param(["F10.20", "F31.9"], ("timko2011", "powell2000b"), id="all"),
    ],
)
def test_plan_rests_on_what_was_studied(
    answer: Any, knowledge: Any, conditions: list[str], further: tuple[str, ...]
) -> None:
    citations = answer(conditions).r.plan.citations
    assert citations == ("timko2006", "timko2007", *further)
    assert set(citations) <= set(knowledge.citations)


def test_nothing_offered_has_no_plan(answer: Any) -> None:
    plan = answer(["F51.01"]).r.plan
    assert (plan.steps, plan.citations) == ((), ())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_owner_and_contact_has_its_words(
    answer: Any, knowledge: Any, language: str
) -> None:
    words = load_texts(knowledge).linkage(language)
    assert list(words.steps) == ALL
    assert set(words.owners) == set(owners(answer(["F10.20"])).values())
    assert set(words.contact) == {"safe", "minor"}
    printed = " ".join(
        recommendation_text(answer(["T74.11XA"]).r, knowledge, words).split()
    )
    assert words.contact["safe"] in printed
    assert f"[ ] 2026-03-02, {words.owners['clinician']}: " in printed
    assert "(Timko 2006, Timko 2007)" in printed


def test_json_says_who_does_what_by_when(answer: Any) -> None:
    plan = recommendation_json(answer(["F10.23"]).r)["plan"]
    steps = {step["id"]: step for step in plan["steps"]}
    assert list(steps) == ALL
    assert steps["review_week"] == {
        "id": "review_week",
        "owner": "clinic",
        "due": "2026-03-09",
    }
    assert steps["hand_off"]["due"] is None
    assert plan["waits_for"] == ["Alcohol withdrawal"]
    assert "timko2006" in plan["citations"]
