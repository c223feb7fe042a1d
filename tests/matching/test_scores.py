"""Which result of a measure counts, and how its value is read."""

from typing import Any

import pytest

ITEM9 = "44260-8"


def observation(value: dict[str, Any], **said: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": said.pop("id", "o1"),
        "status": said.pop("status", "final"),
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": ITEM9}]},
        "effectiveDateTime": said.pop("on", "2026-02-20"),
        **value,
        **said,
    }


def coded(code: str, display: str = "") -> dict[str, Any]:
    return {"valueCodeableConcept": {"coding": [{"code": code, "display": display}]}}


@pytest.mark.parametrize(
    ("value", "level"),
    [
        pytest.param(coded("LA6568-5"), None, id="coded-0"),
        pytest.param(coded("LA6569-3"), "amber", id="coded-1"),
        pytest.param(coded("LA6570-1"), "red", id="coded-2"),
        pytest.param(coded("LA6571-9"), "red", id="coded-3"),
        pytest.param(coded("x", "Nearly every day"), "red", id="display-alone"),
        pytest.param({"valueInteger": 2}, "red", id="integer"),
        pytest.param({"valueString": "2"}, "red", id="string"),
        pytest.param({"valueQuantity": {"value": 1}}, "amber", id="quantity"),
        pytest.param({"valueString": "Several days"}, "amber", id="words"),
        pytest.param({"valueInteger": 9}, None, id="impossible"),
        pytest.param(
            {"dataAbsentReason": {"text": "asked, declined"}}, None, id="none"
        ),
    ],
)
def test_item_9_is_read_in_every_form(
    answer: Any, value: dict[str, Any], level: str | None
) -> None:
    assert answer([], [observation(value)]).levels.get("S1") == level


def test_impossible_result_is_said(answer: Any) -> None:
    notes = answer([], [observation({"valueInteger": 9})]).r.notes
    assert any("PHQ-9 item 9 of 9 cannot be" in note for note in notes)


def test_component_of_a_panel_counts(answer: Any) -> None:
    panel = {
        "resourceType": "Observation",
        "id": "panel",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "44249-1"}]},
        "effectiveDateTime": "2026-02-20",
        "component": [
            {
                "code": {"coding": [{"system": "http://loinc.org", "code": ITEM9}]},
                "valueInteger": 2,
            }
        ],
    }
    found = answer([], [panel])
    assert found.levels == {"S1": "red"}
    assert found.warning("S1").because[0].resource == "Observation/panel"


def test_answer_of_a_questionnaire_counts(answer: Any) -> None:
    response = {
        "resourceType": "QuestionnaireResponse",
        "id": "q1",
        "status": "completed",
        "authored": "2026-02-20T09:00:00Z",
        "subject": {"reference": "Patient/p1"},
        "item": [
            {
                "linkId": "panel",
                "item": [
                    {
                        "linkId": f"/{ITEM9}",
                        "answer": [{"valueCoding": {"code": "LA6571-9"}}],
                    }
                ],
            }
        ],
    }
    found = answer([], [response])
    assert found.warning("S1").because[0].resource == "QuestionnaireResponse/q1"


@pytest.mark.parametrize(
    ("on", "fires"),
    [
        pytest.param("2026-02-01", True, id="29-days"),
        pytest.param("2026-01-31", True, id="30-days"),
        pytest.param("2026-01-30", False, id="31-days"),
        pytest.param("2026", True, id="year-alone-may-be-recent"),
        pytest.param("2027-01-01", True, id="future"),
        pytest.param("nonsense", True, id="no-date"),
    ],
)
def test_suicide_items_count_for_30_days(answer: Any, on: str, fires: bool) -> None:
    found = answer([], [observation({"valueInteger": 2}, on=on)])
    assert ("S1" in found.levels) is fires


@pytest.mark.parametrize(("on", "fires"), [("2025-12-02", True), ("2025-12-01", False)])
def test_other_scores_count_for_90_days(answer: Any, on: str, fires: bool) -> None:
    score = observation({"valueInteger": 20}, on=on)
    score["code"]["coding"][0]["code"] = "44261-6"
    assert ("S21" in answer([], [score]).levels) is fires


def test_latest_result_counts(answer: Any) -> None:
    older = observation({"valueInteger": 3}, on="2026-02-10", id="a")
    newer = observation({"valueInteger": 0}, on="2026-02-20", id="b")
    assert answer([], [older, newer]).levels == {}
    assert answer([], [newer, older]).levels == {}


def test_of_two_results_at_once_the_higher_counts(answer: Any) -> None:
    low = observation({"valueInteger": 0}, id="a")
    high = observation({"valueInteger": 2}, id="b")
    for both in ([low, high], [high, low]):
        assert answer([], both).levels == {"S1": "red"}


@pytest.mark.parametrize("status", ["preliminary", "entered-in-error", "cancelled"])
def test_result_that_is_not_final_does_not_count(answer: Any, status: str) -> None:
    found = answer([], [observation({"valueInteger": 3}, status=status)])
    assert found.levels == {}


def test_amended_result_counts(answer: Any) -> None:
    found = answer([], [observation({"valueInteger": 3}, status="amended")])
    assert found.levels == {"S1": "red"}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(coded("LA33-6", "Yes"), id="loinc-answer"),
        pytest.param(coded("373066001"), id="snomed-answer"),
        pytest.param({"valueString": "Yes"}, id="words"),
        pytest.param({"valueBoolean": True}, id="boolean"),
        pytest.param({"valueInteger": 1}, id="number"),
    ],
)
def test_cssrs_yes_in_every_form(answer: Any, value: dict[str, Any]) -> None:
    item = observation(value)
    item["code"]["coding"][0]["code"] = "93249-1"
    assert answer([], [item]).levels == {"S1": "red"}


@pytest.mark.parametrize("value", [coded("LA32-8", "No"), {"valueBoolean": False}])
def test_cssrs_no_does_not_fire(answer: Any, value: dict[str, Any]) -> None:
    item = observation(value)
    item["code"]["coding"][0]["code"] = "93249-1"
    assert answer([], [item]).levels == {}
