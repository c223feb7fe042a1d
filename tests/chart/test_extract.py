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


def test_nul_and_endless_text_go_no_further(read: Read) -> None:
    said = condition(code={"text": "Alco\x00holism" + "x" * 100_000})
    words = read(said).conditions[0].text
    assert words.startswith("Alcoholism")
    assert len(words) < 2_001


def test_same_entry_twice_counts_once(read: Read) -> None:
    assert len(read(condition(), condition()).conditions) == 1


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
