"""Bundles of every kind, and files that are none."""

import json
from datetime import datetime
from typing import Any

import pytest

from plugin.chart.bundle import chart_from_bundle
from plugin.chart.errors import NoPatient, NotABundle

URN = "urn:uuid:5B0A2C1E-6F0E-4C39-9A51-2F7F3F0D8A11"


def bundle(kind: str, *entries: Any) -> bytes:
    return json.dumps(
        {"resourceType": "Bundle", "type": kind, "entry": entries}
    ).encode()


PATIENT = {"resourceType": "Patient", "id": "p1"}
CODE = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F10.20"}]}


def test_transaction_refers_by_urn(now: datetime) -> None:
    data = bundle(
        "transaction",
        {"fullUrl": URN, "resource": {"resourceType": "Patient"}},
        {
            "fullUrl": "urn:uuid:11111111-2222-3333-4444-555555555555",
            "resource": {
                "resourceType": "Condition",
                "code": CODE,
                "subject": {"reference": URN.lower()},
            },
        },
        {
            "fullUrl": "urn:uuid:m",
            "resource": {"resourceType": "Medication", "code": {"text": "Suboxone"}},
        },
        {
            "fullUrl": "urn:uuid:r",
            "resource": {
                "resourceType": "MedicationRequest",
                "subject": {"reference": URN},
                "medicationReference": {"reference": "urn:uuid:m"},
            },
        },
    )
    chart = chart_from_bundle(data, now)
    assert chart.patient.reference == "Patient/5b0a2c1e-6f0e-4c39-9a51-2f7f3f0d8a11"
    assert (
        chart.conditions[0].reference
        == "Condition/11111111-2222-3333-4444-555555555555"
    )
    assert chart.medications[0].text == "Suboxone"
    assert chart.unreadable == ()


def test_searchset_with_outcomes_and_included(now: datetime) -> None:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": "warning", "diagnostics": "Some were hidden"},
            {"severity": "information", "diagnostics": "fine"},
        ],
    }
    data = bundle(
        "searchset",
        {"resource": PATIENT, "search": {"mode": "include"}},
        {
            "resource": {
                "resourceType": "Condition",
                "id": "c",
                "code": CODE,
                "subject": {"reference": "https://ehr.example/r4/Patient/p1"},
                "contained": [{"resourceType": "Patient", "id": "x"}],
            }
        },
        {"resource": outcome, "search": {"mode": "outcome"}},
    )
    chart = chart_from_bundle(data, now)
    assert [c.reference for c in chart.conditions] == ["Condition/c"]
    assert [(u.entry, u.reason) for u in chart.unreadable] == [
        (2, "the server says: Some were hidden")
    ]


def test_entry_without_an_id_is_named_by_its_place(now: datetime) -> None:
    data = bundle(
        "collection",
        {"resource": PATIENT},
        {"resource": {"resourceType": "Condition", "code": CODE}},
    )
    assert chart_from_bundle(data, now).conditions[0].reference == "Condition/entry-1"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        pytest.param(None, "not an object", id="null"),
        pytest.param([], "not an object", id="list"),
        pytest.param({}, "no resource", id="F12-resource-missing"),
        pytest.param({"resource": None}, "no resource", id="F12-resource-null"),
        pytest.param(
            {"resource": {"id": "1"}},
            "not a FHIR R4 resource type: none",
            id="F12-no-type",
        ),
        pytest.param(
            {"resource": {"resourceType": "Conditon"}},
            "Conditon",
            id="F12-unknown-type",
        ),
        pytest.param({"resource": {"resourceType": 3}}, "none", id="F12-type-a-number"),
    ],
)
def test_malformed_entry_is_set_aside(now: datetime, entry: Any, reason: str) -> None:
    chart = chart_from_bundle(bundle("collection", {"resource": PATIENT}, entry), now)
    assert [u.entry for u in chart.unreadable] == [1]
    assert reason in chart.unreadable[0].reason


def test_types_that_the_app_does_not_use_are_no_findings(now: datetime) -> None:
    data = bundle(
        "collection", {"resource": PATIENT}, {"resource": {"resourceType": "Claim"}}
    )
    assert chart_from_bundle(data, now).unreadable == ()


def test_byte_order_mark_is_no_obstacle(now: datetime) -> None:
    data = b"\xef\xbb\xbf" + bundle("collection", {"resource": PATIENT})
    assert chart_from_bundle(data, now).patient.id == "p1"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"resourceType":"Patient"}', id="other-resource"),
        pytest.param(b'{"resourceType":"Bundle","entry":"x"}', id="F12-entry-no-list"),
        pytest.param(b'{"resourceType":"Bundle","x":1e400}', id="F05-1e400"),
        pytest.param(b'{"resourceType":"Bundle","x":NaN}', id="F05-nan"),
        pytest.param(b'{"a":' * 2000 + b"1" + b"}" * 2000, id="F05-deep"),
        pytest.param(bundle("collection")[:-5], id="F04-truncated"),
        pytest.param(
            '{"resourceType":"Bundle","x":"é"}'.encode("latin-1"), id="F14-latin-1"
        ),
    ],
)
def test_what_is_no_bundle_is_refused(now: datetime, data: bytes) -> None:
    with pytest.raises(NotABundle):
        chart_from_bundle(data, now)


@pytest.mark.parametrize(
    "entries", [[], [{"resource": {"resourceType": "Condition"}}], [None]]
)
def test_without_a_patient_there_is_no_chart(now: datetime, entries: list[Any]) -> None:
    with pytest.raises(NoPatient):
        chart_from_bundle(bundle("collection", *entries), now)
