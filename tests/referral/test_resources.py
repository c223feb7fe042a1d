"""What is sent to the EHR for a signed referral."""

import base64
import dataclasses
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import fhirkit
import orjson
import pytest

from plugin.fhir import InvalidResource, checked
from plugin.referral.resources import (
    document_reference,
    provenance,
    service_requests,
    task,
    with_references,
)
from plugin.referral.signed import (
    Choice,
    ChosenMeeting,
    SignedReferral,
    Site,
)

NEW_YORK = timezone(timedelta(hours=-5))
UUID = "0b9d2c1e-6f0e-4c39-9a51-2f7f3f0d8a11"
SITE = Site("https://selfhelp.example.org", name="General Hospital")

SMART = Choice(
    program="smart",
    name="SMART Recovery",
    meeting=ChosenMeeting(
        id="m-1",
        name="Tuesday Tools",
        starts=datetime(2026, 3, 3, 18, 30, tzinfo=NEW_YORK),
        attendance="in-person",
        where="Lantern House, Room 2",
    ),
    reasons=("Built for alcohol use disorder.",),
    conditions=("Condition/c1", "Condition/c2", "Condition/c1"),
    needs=("alcohol",),
)
DBSA = Choice("dbsa", "DBSA support group", None, (), ("Condition/c2",), ("mood",))
SIGNED = SignedReferral(
    id=UUID,
    tenant="general",
    patient="t-00417",
    encounter="e-88",
    author="Practitioner/lindqvist",
    author_name="Dr. R. Lindqvist",
    choices=(SMART, DBSA),
    note="Support groups were discussed.\nMedicines unchanged.",
    agreement="named",
    acknowledged=(),
    signed_at=datetime(2026, 3, 2, 15, 27, 4, 250_000, tzinfo=UTC),
    encounter_start="2026-03-02T10:00:00-05:00",
)


def changed(**values: Any) -> SignedReferral:
    return dataclasses.replace(SIGNED, **values)


def everything(signed: SignedReferral, site: Site = SITE) -> list[dict[str, Any]]:
    orders = service_requests(signed, site)
    references = [f"ServiceRequest/sr-{n}" for n in range(len(orders))]
    return [
        *orders,
        document_reference(signed, site, references),
        provenance(signed, site, [*references, "DocumentReference/d-1"]),
        *(
            task(signed, site, n, reference, signed.signed_at.date())
            for n, reference in enumerate(references, start=1)
        ),
    ]


def note_text(resource: dict[str, Any]) -> str:
    data = resource["content"][0]["attachment"]["data"]
    return base64.b64decode(data).decode()


# The orders


def test_service_requests_are_as_the_contract_says() -> None:
    first, second = service_requests(SIGNED, SITE)
    assert first == {
        "resourceType": "ServiceRequest",
        "meta": {
            "profile": [
                "https://selfhelp-referral.example/fhir/StructureDefinition/"
                "selfhelp-service-request"
            ]
        },
        "identifier": [
            {"system": "https://selfhelp.example.org/referrals", "value": f"{UUID}.1"}
        ],
        "status": "active",
        "intent": "order",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://snomed.info/sct",
                        "code": "410606002",
                        "display": "Social service procedure (procedure)",
                    }
                ]
            }
        ],
        "code": {
            "coding": [
                {
                    "system": "http://snomed.info/sct",
                    "code": "711281004",
                    "display": "Referral to support group (procedure)",
                }
            ]
        },
        "orderDetail": [{"text": "SMART Recovery"}],
        "subject": {"reference": "Patient/t-00417"},
        "encounter": {"reference": "Encounter/e-88"},
        "occurrenceDateTime": "2026-03-03T18:30:00-05:00",
        "authoredOn": "2026-03-02T15:27:04+00:00",
        "requester": {
            "reference": "Practitioner/lindqvist",
            "display": "Dr. R. Lindqvist",
        },
        "reasonReference": [
            {"reference": "Condition/c1"},
            {"reference": "Condition/c2"},
        ],
        "patientInstruction": (
            "Please follow the hand-out from your visit. Do not stop any medicine"
            " without calling us first."
        ),
    }
    assert second["identifier"][0]["value"] == f"{UUID}.2"
    assert "occurrenceDateTime" not in second


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"agreement": "unnamed"}, id="unnamed"),
        pytest.param({"restricted": True}, id="R4-named-but-violence"),
    ],
)
def test_service_requests_name_nothing_when_unnamed(values: dict[str, Any]) -> None:
    for order in service_requests(changed(**values), SITE):
        assert not {"orderDetail", "occurrenceDateTime", "reasonReference"} & set(order)


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param((), id="none"),
        pytest.param(("Observation/o1", "QuestionnaireResponse/q"), id="no-condition"),
    ],
)
def test_reasons_are_conditions_or_absent(conditions: tuple[str, ...]) -> None:
    choice = dataclasses.replace(SMART, conditions=conditions)
    (order,) = service_requests(changed(choices=(choice,)), SITE)
    assert "reasonReference" not in order


@pytest.mark.parametrize(
    ("author", "reference"),
    [
        pytest.param("Practitioner/1", "Practitioner/1", id="relative"),
        pytest.param(
            "https://ehr.example/r4/PractitionerRole/9",
            "PractitionerRole/9",
            id="absolute",
        ),
    ],
)
def test_author_is_a_relative_reference(author: str, reference: str) -> None:
    (order, *_) = service_requests(changed(author=author), SITE)
    assert order["requester"]["reference"] == reference


@pytest.mark.parametrize("author", ["Patient/1", "RelatedPerson/1", "javascript:x", ""])
def test_author_who_is_no_practitioner_is_refused(author: str) -> None:
    with pytest.raises(InvalidResource):
        service_requests(changed(author=author), SITE)


# The note


def test_note_is_as_the_contract_says() -> None:
    note = document_reference(SIGNED, SITE, ["ServiceRequest/a", "ServiceRequest/b"])
    assert note["identifier"] == [
        {"system": "https://selfhelp.example.org/referrals", "value": UUID}
    ]
    assert (note["status"], note["docStatus"]) == ("current", "preliminary")
    assert note["type"]["coding"][0] == {
        "system": "http://loinc.org",
        "code": "11488-4",
        "display": "Consult note",
    }
    assert note["category"][0]["coding"][0]["code"] == "clinical-note"
    assert note["author"][0]["reference"] == "Practitioner/lindqvist"
    assert note["context"] == {
        "encounter": [{"reference": "Encounter/e-88"}],
        "period": {
            "start": "2026-03-02T10:00:00-05:00",
            "end": "2026-03-02T15:27:04+00:00",
        },
        "related": [
            {"reference": "ServiceRequest/a"},
            {"reference": "ServiceRequest/b"},
        ],
    }
    attachment = note["content"][0]["attachment"]
    assert attachment["contentType"] == "text/plain;charset=utf-8"
    assert note_text(note) == SIGNED.note
    assert "securityLabel" not in note
    assert "security" not in note["meta"]


@pytest.mark.parametrize(
    ("code", "display"),
    [
        pytest.param("11488-4", "Consult note", id="consult"),
        pytest.param("34109-9", "Note", id="note"),
        pytest.param("57133-1", "Referral note", id="referral"),
        pytest.param("28570-0", None, id="a-site-of-its-own"),
    ],
)
def test_note_type_carries_its_display(code: str, display: str | None) -> None:
    note = document_reference(SIGNED, dataclasses.replace(SITE, note_type=code))
    assert note["type"]["coding"][0].get("display") == display


@pytest.mark.parametrize(
    ("start", "end", "period"),
    [
        pytest.param("", "", ("15:27:04+00:00", "15:27:04+00:00"), id="unknown"),
        pytest.param(
            "2026-03-02T10:00:00-05:00",
            "2026-03-02T10:40:00-05:00",
            ("10:00:00-05:00", "10:40:00-05:00"),
            id="known",
        ),
        pytest.param(
            "2026-03-02", "2026-03", ("15:27:04+00:00", "15:27:04+00:00"), id="no-time"
        ),
        pytest.param(
            "2026-03-02T11:00:00-05:00",
            "2026-03-02T10:40:00-05:00",
            ("15:27:04+00:00", "10:40:00-05:00"),
            id="start-after-signing",
        ),
        pytest.param(
            "2026-03-02T10:00:00-05:00",
            "2026-03-02T09:40:00-05:00",
            ("10:00:00-05:00", "15:27:04+00:00"),
            id="end-before-a-good-start",
        ),
    ],
)
def test_note_period_has_both_ends_in_order(
    start: str, end: str, period: tuple[str, str]
) -> None:
    note = document_reference(changed(encounter_start=start, encounter_end=end), SITE)
    found = note["context"]["period"]
    assert (found["start"][11:], found["end"][11:]) == period


def test_note_without_a_visit_names_none() -> None:
    signed = changed(encounter=None)
    assert "encounter" not in document_reference(signed, SITE)["context"]
    assert "encounter" not in service_requests(signed, SITE)[0]


@pytest.mark.parametrize(
    "text", [pytest.param("\x00 \n", id="empty"), pytest.param("a" * 20_001, id="long")]
)
def test_note_that_cannot_be_signed_is_refused(text: str) -> None:
    with pytest.raises(InvalidResource):
        document_reference(changed(note=text), SITE)


# Labels


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        pytest.param({}, [], id="plain"),
        pytest.param({"part2": True}, ["R", "42CFRPart2"], id="part-2-named"),
        pytest.param(
            {"part2": True, "agreement": "unnamed"}, [], id="part-2-unnamed-tells-none"
        ),
        pytest.param(
            {"restricted": True, "agreement": "unnamed"}, ["R"], id="restricted"
        ),
        pytest.param(
            {"restricted": True, "part2": True}, ["R"], id="restricted-tells-no-basis"
        ),
    ],
)
def test_labels_follow_from_what_is_told(
    values: dict[str, Any], codes: list[str]
) -> None:
    for resource in everything(changed(**values)):
        labels = resource["meta"].get("security", [])
        assert [label["code"] for label in labels] == codes
        if resource["resourceType"] == "DocumentReference":
            again = [c["coding"][0] for c in resource.get("securityLabel", [])]
            assert again == labels


# The signature


def test_provenance_names_author_and_transmitter() -> None:
    record = provenance(SIGNED, SITE, ["ServiceRequest/a", "DocumentReference/d"])
    assert [t["reference"] for t in record["target"]] == [
        "ServiceRequest/a",
        "DocumentReference/d",
    ]
    author, transmitter = record["agent"]
    assert author["type"]["coding"][0]["code"] == "author"
    assert author["who"]["reference"] == "Practitioner/lindqvist"
    assert transmitter["type"]["coding"][0]["code"] == "transmitter"
    assert transmitter["who"] == {"type": "Device", "display": "Self-help referral app"}
    assert {a["onBehalfOf"]["display"] for a in record["agent"]} == {"General Hospital"}
    assert "identifier" not in record


def test_provenance_of_a_site_without_a_name_names_the_tenant() -> None:
    record = provenance(SIGNED, dataclasses.replace(SITE, name=" "), ["Task/1"])
    assert record["agent"][0]["onBehalfOf"]["display"] == "general"


def test_task_points_at_its_order() -> None:
    reminder = task(SIGNED, SITE, 2, "ServiceRequest/b", date(2026, 3, 30))
    assert reminder["identifier"][0]["value"] == f"{UUID}.2.task"
    assert reminder["focus"] == {"reference": "ServiceRequest/b"}
    assert reminder["restriction"]["period"] == {"end": "2026-03-30"}


# Completing what was stored


def test_with_references_completes_the_note_and_nothing_else() -> None:
    stored = checked(document_reference(SIGNED, SITE))
    sent = orjson.loads(
        with_references("DocumentReference", stored, ["ServiceRequest/7"])
    )
    assert sent["context"].pop("related") == [{"reference": "ServiceRequest/7"}]
    assert sent == orjson.loads(stored)


def test_with_references_leaves_a_note_without_orders_as_stored() -> None:
    stored = checked(document_reference(SIGNED, SITE))
    assert with_references("DocumentReference", stored, []) == stored


def test_with_references_gives_the_provenance_its_targets() -> None:
    stored = checked(provenance(SIGNED, SITE))
    sent = orjson.loads(with_references("Provenance", stored, ["ServiceRequest/7"]))
    assert sent.pop("target") == [{"reference": "ServiceRequest/7"}]
    assert sent == orjson.loads(stored)


@pytest.mark.parametrize(
    ("kind", "references"),
    [
        pytest.param("Provenance", ["ServiceRequest/1"], id="another-kind"),
        pytest.param("ServiceRequest", ["ServiceRequest/1"], id="nothing-to-complete"),
    ],
)
def test_with_references_refuses_what_does_not_fit(
    kind: str, references: list[str]
) -> None:
    (order, *_) = service_requests(SIGNED, SITE)
    with pytest.raises(InvalidResource):
        with_references(kind, checked(order), references)


def test_provenance_without_targets_is_refused() -> None:
    stored = checked(provenance(SIGNED, SITE))
    with pytest.raises(InvalidResource):
        with_references("Provenance", stored, [])


# Everything


@pytest.mark.parametrize("agreement", ["named", "unnamed"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_everything_written_is_r4(agreement: str, language: str) -> None:
    for resource in everything(changed(agreement=agreement, language=language)):
        assert fhirkit.validate(checked(resource)) == []
