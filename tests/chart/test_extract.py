"""From one resource to one value, whatever its shape."""

from collections.abc import Callable
from typing import Any

import pytest

from plugin.chart.chart import Chart, Coding

ME = {"reference": "Patient/p1"}
Read = Callable[..., Chart]


def condition(**said: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": "c1",
        "subject": ME,
        "code": {"coding": [{"system": "s", "code": "F10.20"}]},
        **said,
    }


def test_condition_keeps_what_the_chart_says(read: Read) -> None:
    chart = read(
        condition(
            code={
                "coding": [{"system": "s", "code": " F10.20 ", "display": "D"}],
                "text": "T",
            },
            clinicalStatus={"coding": [{"code": "active"}]},
            verificationStatus={"coding": [{"code": "confirmed"}]},
            category=[{"coding": [{"code": "problem-list-item"}]}],
            encounter={"reference": "Encounter/e1"},
            onsetDateTime="2019",
            recordedDate="2020-01",
            meta={"versionId": "7", "security": [{"code": "R"}]},
        )
    )
    (found,) = chart.conditions
    assert found.reference == "Condition/c1"
    assert found.codings == (Coding("s", "F10.20", "D"),)
    assert (found.text, found.clinical_status, found.verification_status) == (
        "T",
        "active",
        "confirmed",
    )
    assert found.categories == {"problem-list-item"}
    assert (found.encounter, found.onset, found.recorded) == (
        "Encounter/e1",
        "2019",
        "2020-01",
    )
    assert (found.version, found.restricted) == ("7", True)


def test_version_without_a_number_is_a_hash_of_the_entry(read: Read) -> None:
    first = read(condition()).conditions[0].version
    other = read(condition(recordedDate="2020")).conditions[0].version
    assert first.startswith("sha256:")
    assert first != other
    assert first == read(condition()).conditions[0].version


@pytest.mark.parametrize(
    ("said", "status"),
    [
        pytest.param(
            {"clinicalStatus": {"coding": [{"code": "resolved"}]}},
            "resolved",
            id="coded",
        ),
        pytest.param({"clinicalStatus": "resolved"}, "resolved", id="dstu2-string"),
        pytest.param(
            {"clinicalStatus": {"coding": [{"code": "RESOLVED"}]}},
            "resolved",
            id="case",
        ),
        pytest.param(
            {"clinicalStatus": {"coding": [{"code": "done"}]}},
            "unknown",
            id="unknown-code",
        ),
        pytest.param({}, "unknown", id="none"),
        pytest.param(
            {"abatementDateTime": "2020"}, "resolved", id="abated-without-status"
        ),
        pytest.param(
            {
                "abatementString": "gone",
                "clinicalStatus": {"coding": [{"code": "remission"}]},
            },
            "remission",
            id="status-wins",
        ),
    ],
)
def test_clinical_status(read: Read, said: dict[str, Any], status: str) -> None:
    assert read(condition(**said)).conditions[0].clinical_status == status


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        pytest.param(
            condition(code=None), "no code and no text", id="F12-code-missing"
        ),
        pytest.param(
            condition(code={"coding": [{"code": ""}], "text": ""}),
            "no code and no text",
            id="F12-empty-strings",
        ),
        pytest.param(
            condition(modifierExtension=[{"url": "https://x.example/negated"}]),
            "modifier that is not known here: negated",
            id="P06-unknown-modifier",
        ),
        pytest.param(
            condition(
                modifierExtension=[
                    {"url": "https://x.example/familyHistory", "valueBoolean": True}
                ]
            ),
            "family",
            id="P06-family-history",
        ),
        pytest.param(
            condition(subject={"reference": "Patient/other"}),
            "another patient",
            id="P04-other-patient",
        ),
        pytest.param(
            condition(subject={"reference": "urn:uuid:other"}),
            "another patient",
            id="P04-other-urn",
        ),
        pytest.param(
            condition(subject={"identifier": {"system": "m", "value": "9"}}),
            "another patient",
            id="P05-other-identifier",
        ),
        pytest.param(
            {
                "resourceType": "Observation",
                "id": "o",
                "subject": ME,
                "valueInteger": 1,
            },
            "no code",
            id="observation-without-code",
        ),
        pytest.param(
            {
                "resourceType": "MedicationRequest",
                "id": "m",
                "subject": ME,
                "intent": "order",
                "medicationReference": {"reference": "Medication/none"},
            },
            "could not be found",
            id="medicine-not-there",
        ),
    ],
)
def test_entry_that_cannot_be_used_is_set_aside_and_the_rest_is_read(
    read: Read, resource: dict[str, Any], reason: str
) -> None:
    chart = read(resource, condition(id="c2"))
    assert [c.reference for c in chart.conditions] == ["Condition/c2"]
    (aside,) = chart.unreadable
    assert (aside.entry, aside.source) == (1, resource["resourceType"])
    assert reason in aside.reason


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param({"reference": "Patient/p1"}, id="relative"),
        pytest.param({"reference": "https://ehr.example/r4/Patient/p1"}, id="absolute"),
        pytest.param({"reference": "Patient/p1/_history/2"}, id="versioned"),
        pytest.param(
            {"identifier": {"system": "m", "value": "1"}}, id="P05-identifier"
        ),
        pytest.param(None, id="none-in-a-file-of-one-patient"),
    ],
)
def test_reference_to_the_patient_is_known_in_every_form(
    read: Read, subject: Any
) -> None:
    patient = {"identifier": [{"system": "m", "value": "1"}]}
    assert read(condition(subject=subject), patient=patient).conditions


def test_with_two_patients_an_entry_must_say_whose_it_is(read: Read) -> None:
    chart = read(condition(subject=None), {"resourceType": "Patient", "id": "p2"})
    assert chart.conditions == ()
    assert "does not say whose it is" in chart.unreadable[0].reason


def test_same_entry_twice_counts_once(read: Read) -> None:
    assert len(read(condition(), condition()).conditions) == 1


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


def test_encounter_consent_and_referral(read: Read) -> None:
    chart = read(
        {
            "resourceType": "Encounter",
            "id": "e",
            "subject": ME,
            "status": "in-progress",
            "period": {"start": "2026-03-02T10:00:00-05:00"},
            "type": [{"text": "Visit"}],
            "location": [{"location": {"display": "Ward 3"}}],
        },
        {
            "resourceType": "Consent",
            "id": "k",
            "patient": ME,
            "status": "active",
            "scope": {"coding": [{"code": "patient-privacy"}]},
            "provision": {"type": "permit", "period": {"end": "2027-01-01"}},
            "policy": [{"uri": "urn:x"}],
            "policyRule": {"coding": [{"code": "cric"}]},
        },
        {
            "resourceType": "ServiceRequest",
            "id": "r",
            "subject": ME,
            "status": "active",
            "code": {"coding": [{"code": "711281004"}], "text": "Support group"},
            "authoredOn": "2026-02-01",
            "requester": {"display": "Dr. R"},
            "identifier": [{"value": "abc.1"}],
            "orderDetail": [{"text": "SMART Recovery"}],
        },
        {
            "resourceType": "ServiceRequest",
            "id": "lab",
            "subject": ME,
            "code": {"coding": [{"code": "1"}]},
        },
    )
    (encounter,), (consent,), (referral,) = (
        chart.encounters,
        chart.consents,
        chart.referrals,
    )
    assert (encounter.id, encounter.start, encounter.kind, encounter.location) == (
        "e",
        "2026-03-02T10:00:00-05:00",
        "Visit",
        "Ward 3",
    )
    assert (consent.scope, consent.provision, consent.period_end, consent.policies) == (
        "patient-privacy",
        "permit",
        "2027-01-01",
        ("urn:x", "cric"),
    )
    assert (
        referral.status,
        referral.requester,
        referral.text,
        referral.identifiers,
    ) == ("active", "Dr. R", "SMART Recovery", ("abc.1",))


CORE = "http://hl7.org/fhir/StructureDefinition/"
US = "http://hl7.org/fhir/us/core/StructureDefinition/"


@pytest.mark.parametrize(
    ("said", "field", "value"),
    [
        pytest.param(
            {
                "name": [
                    {"use": "old", "text": "A"},
                    {"use": "official", "given": ["B", "C"], "family": "D"},
                ]
            },
            "name",
            "B C D",
            id="official-name",
        ),
        pytest.param({"name": [{"text": "A B"}]}, "name", "A B", id="name-as-text"),
        pytest.param(
            {"birthDate": "1980-02"}, "birth_date", "1980-02", id="birth-month"
        ),
        pytest.param({"gender": "Female"}, "gender", "female", id="gender"),
        pytest.param({}, "gender", "unknown", id="no-gender"),
        pytest.param(
            {
                "identifier": [
                    {"value": "1"},
                    {"type": {"coding": [{"code": "MR"}]}, "value": "2"},
                ]
            },
            "mrn",
            "2",
            id="mrn",
        ),
        pytest.param({"deceasedBoolean": True}, "deceased", True, id="P07-deceased"),
        pytest.param(
            {"deceasedDateTime": "2020"}, "deceased", True, id="P07-deceased-on"
        ),
        pytest.param({"deceasedBoolean": False}, "deceased", False, id="alive"),
        pytest.param({"active": False}, "active", False, id="P07-inactive"),
        pytest.param(
            {"link": [{"type": "replaced-by", "other": {"reference": "Patient/n"}}]},
            "replaced_by",
            "Patient/n",
            id="P07-replaced",
        ),
        pytest.param(
            {
                "communication": [
                    {"language": {"coding": [{"code": "en"}]}},
                    {"preferred": True, "language": {"coding": [{"code": "es"}]}},
                ]
            },
            "language",
            "es",
            id="preferred-language",
        ),
        pytest.param(
            {
                "extension": [
                    {"url": CORE + "patient-interpreterRequired", "valueBoolean": True}
                ]
            },
            "interpreter_needed",
            True,
            id="interpreter",
        ),
        pytest.param(
            {
                "extension": [
                    {
                        "url": US + "us-core-interpreter-needed",
                        "valueCoding": {"code": "373067005"},
                    }
                ]
            },
            "interpreter_needed",
            False,
            id="us-core-interpreter",
        ),
        pytest.param({}, "interpreter_needed", None, id="interpreter-not-known"),
        pytest.param(
            {"address": [{"country": "USA"}]}, "country", "US", id="country-in-words"
        ),
        pytest.param(
            {"address": [{"country": "uk"}]}, "country", "GB", id="country-uk"
        ),
        pytest.param(
            {"address": [{"country": "Atlantis"}]}, "country", "", id="country-unknown"
        ),
        pytest.param(
            {
                "address": [
                    {"use": "work", "postalCode": "1"},
                    {"use": "home", "postalCode": "2"},
                ]
            },
            "postal_code",
            "2",
            id="home-address",
        ),
        pytest.param(
            {"meta": {"security": [{"code": "V"}]}},
            "restricted",
            True,
            id="P08-restricted",
        ),
    ],
)
def test_patient(read: Read, said: dict[str, Any], field: str, value: Any) -> None:
    assert getattr(read(patient=said).patient, field) == value


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        (40.69, -73.99, (40.69, -73.99)),
        (140.0, 0.0, (None, None)),
        (None, 0.0, (None, None)),
    ],
)
def test_place_of_the_home(
    read: Read, latitude: Any, longitude: Any, place: tuple[Any, Any]
) -> None:
    parts = [
        {"url": "latitude", "valueDecimal": latitude},
        {"url": "longitude", "valueDecimal": longitude},
    ]
    address = {"extension": [{"url": CORE + "geolocation", "extension": parts}]}
    patient = read(patient={"address": [address]}).patient
    assert (patient.latitude, patient.longitude) == place
