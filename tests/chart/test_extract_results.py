"""Results and medicines, in every form in which they are sent."""

from collections.abc import Callable
from typing import Any

import pytest

from plugin.chart.chart import Chart

Read = Callable[..., Chart]
ME = {"reference": "Patient/p1"}


def observation(**said: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": ME,
        "code": {"coding": [{"system": "http://loinc.org", "code": "44261-6"}]},
        **said,
    }


@pytest.mark.parametrize(
    ("said", "value", "unit", "text"),
    [
        pytest.param(
            {"valueQuantity": {"value": 15.6, "code": "kg/m2"}},
            15.6,
            "kg/m2",
            "",
            id="quantity",
        ),
        pytest.param(
            {"valueQuantity": {"value": "15.6"}}, 15.6, "", "", id="quantity-as-text"
        ),
        pytest.param({"valueInteger": 17}, 17, "", "", id="integer"),
        pytest.param({"valueString": "17"}, 17, "", "17", id="string-number"),
        pytest.param({"valueString": "high"}, None, "", "high", id="string"),
        pytest.param({"valueBoolean": True}, 1, "", "yes", id="boolean"),
        pytest.param(
            {"valueCodeableConcept": {"text": "Yes"}}, None, "", "Yes", id="concept"
        ),
        pytest.param(
            {"valueQuantity": {"value": True}}, None, "", "", id="boolean-is-no-number"
        ),
        pytest.param({"valueQuantity": {"value": 1e300}}, None, "", "", id="F05-huge"),
        pytest.param({}, None, "", "", id="none"),
    ],
)
def test_observation_value(
    read: Read, said: dict[str, Any], value: float | None, unit: str, text: str
) -> None:
    (found,) = read(observation(**said)).observations
    assert (found.value, found.unit, found.text) == (value, unit, text)


@pytest.mark.parametrize(
    ("said", "when"),
    [
        ({"effectiveDateTime": "2026-01-01"}, "2026-01-01"),
        ({"effectivePeriod": {"start": "2026-01"}}, "2026-01"),
        ({"effectiveInstant": "2026-01-01T10:00:00Z"}, "2026-01-01T10:00:00Z"),
        ({"issued": "2026-02-01T10:00:00Z"}, "2026-02-01T10:00:00Z"),
        ({}, ""),
    ],
)
def test_observation_date(read: Read, said: dict[str, Any], when: str) -> None:
    assert read(observation(**said)).observations[0].effective == when


def test_components_are_results_of_the_same_resource(read: Read) -> None:
    part = {"code": {"coding": [{"code": "44260-8"}]}, "valueInteger": 2}
    chart = read(observation(component=[part]))
    assert [(o.reference, o.value) for o in chart.observations] == [
        ("Observation/o1", None),
        ("Observation/o1", 2),
    ]


def test_questionnaire_answers_with_a_loinc_code_are_results(read: Read) -> None:
    chart = read(
        {
            "resourceType": "QuestionnaireResponse",
            "id": "q",
            "status": "completed",
            "authored": "2026-02-01",
            "subject": ME,
            "item": [
                {"linkId": "44260-8", "answer": [{"valueInteger": 1}]},
                {"linkId": "free", "answer": [{"valueString": "x"}]},
                {
                    "linkId": "g",
                    "item": [
                        {
                            "linkId": "1",
                            "definition": "http://loinc.org/44261-6",
                            "answer": [{"valueDecimal": 9}],
                        }
                    ],
                },
                {
                    "linkId": "n",
                    "answer": [
                        {
                            "item": [
                                {"linkId": "/70274-6", "answer": [{"valueInteger": 3}]}
                            ]
                        }
                    ],
                },
            ],
        }
    )
    assert {(o.codings[0].code, o.value, o.status) for o in chart.observations} == {
        ("44260-8", 1, "final"),
        ("44261-6", 9, "final"),
        ("70274-6", 3, "final"),
    }


def test_deep_questionnaire_ends(read: Read) -> None:
    item: dict[str, Any] = {"linkId": "44260-8", "answer": [{"valueInteger": 1}]}
    for _ in range(60):
        item = {"linkId": "x", "item": [item]}
    chart = read(
        {"resourceType": "QuestionnaireResponse", "subject": ME, "item": [item]}
    )
    assert chart.observations == ()


def request(**said: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "subject": ME,
        **said,
    }


RX = {
    "coding": [
        {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1819"}
    ]
}


@pytest.mark.parametrize(
    "resources",
    [
        pytest.param([request(medicationCodeableConcept=RX)], id="concept"),
        pytest.param(
            [
                request(
                    medicationReference={"reference": "#a"},
                    contained=[{"resourceType": "Medication", "id": "a", "code": RX}],
                )
            ],
            id="contained",
        ),
        pytest.param(
            [
                request(medicationReference={"reference": "Medication/x"}),
                {"resourceType": "Medication", "id": "x", "code": RX},
            ],
            id="referenced",
        ),
    ],
)
def test_medicine_is_found_wherever_it_stands(
    read: Read, resources: list[dict[str, Any]]
) -> None:
    assert read(*resources).medications[0].codings[0].code == "1819"


def test_medicine_known_by_its_words(read: Read) -> None:
    chart = read(
        request(
            medicationReference={
                "reference": "Medication/none",
                "display": "Subutex 8 mg",
            }
        )
    )
    assert chart.medications[0].text == "Subutex 8 mg"


@pytest.mark.parametrize(
    "said", [{"intent": "proposal"}, {"intent": "plan"}, {"doNotPerform": True}]
)
def test_what_is_only_planned_is_no_medicine(read: Read, said: dict[str, Any]) -> None:
    chart = read(request(medicationCodeableConcept=RX, **said))
    assert chart.medications == ()
    assert chart.unreadable == ()
