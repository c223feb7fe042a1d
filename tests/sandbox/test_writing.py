"""Writing: what is not valid, not resolvable or not this patient's is refused."""

from collections.abc import Callable
from typing import Any

import pytest

Change = Callable[[dict[str, Any]], Any]


def put(path: str, value: Any) -> Change:
    """Set the element at a dotted path; a number is a place in a list."""

    def change(resource: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        place: Any = resource
        for step in steps:
            place = place[int(step)] if step.isdigit() else place[step]
        if value is None:
            place.pop(last)
        else:
            place[last] = value

    return change


def diagnostics(answer: Any) -> str:
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    return " ".join(issue["diagnostics"] for issue in body["issue"])


def test_create_answers_201_with_a_location(
    launched: Any, order: dict[str, Any]
) -> None:
    answer = launched.create(order)
    assert answer.status_code == 201
    body = answer.json()
    place = f"{launched.fhir}/ServiceRequest/{body['id']}/_history/1"
    assert answer.headers["Location"] == place
    assert answer.headers["ETag"] == 'W/"1"'
    value = order["identifier"][0]["value"]
    assert len(launched.sandbox.counts.writes("ServiceRequest", value)) == 1
    found = launched.get("ServiceRequest", identifier=value).json()
    assert found["entry"][0]["resource"] == body


def test_note_is_kept_byte_for_byte(launched: Any, note: dict[str, Any]) -> None:
    created = launched.create(note).json()
    kept = launched.get(f"DocumentReference/{created['id']}").json()
    assert kept["content"] == note["content"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(put("status", None), "status is required", id="no-status"),
        pytest.param(put("intent", None), "intent is required", id="no-intent"),
        pytest.param(put("subject", None), "subject is required", id="no-subject"),
        pytest.param(put("status", "bogus"), "not allowed", id="bad-code"),
        pytest.param(put("priority", "soon"), "not allowed", id="bad-priority"),
        pytest.param(put("vendorThing", 1), "unknown element", id="unknown"),
        pytest.param(put("code.coding.0.kode", "x"), "unknown element", id="deep"),
        pytest.param(put("code.coding.0.display", ""), "must not be empty", id="empty"),
        pytest.param(put("code.coding.0.code", "a  b"), "valid code", id="code"),
        pytest.param(put("code.coding", []), "not empty", id="empty-list"),
        pytest.param(put("code.coding", {}), "must be a list", id="no-list"),
        pytest.param(put("code", "x"), "must be an object", id="no-object"),
        pytest.param(put("authoredOn", "2026-11-24T10:31"), "dateTime", id="no-zone"),
        pytest.param(put("authoredOn", "24.11.2026"), "dateTime", id="no-date"),
        pytest.param(
            put("occurrencePeriod", {"start": "2026"}), "more than one", id="choice"
        ),
        pytest.param(put("doNotPerform", "false"), "true or false", id="boolean"),
        pytest.param(put("identifier.0.value", "a\u0000b"), "control", id="nul"),
        pytest.param(
            put("extension", [{"url": "http://x/y"}]), "value or", id="extension-empty"
        ),
        pytest.param(
            put("extension", [{"valueString": "x"}]), "url is required", id="no-url"
        ),
        pytest.param(
            put("text", {"status": "generated", "div": "<div><script/></div>"}),
            "active content",
            id="script",
        ),
        pytest.param(
            put("subject.reference", "http://127.0.0.1:9/r4/Patient/p0417"),
            "only relative references",
            id="absolute",
        ),
        pytest.param(put("subject.reference", "urn:uuid:1"), "only relative", id="urn"),
        pytest.param(
            put("requester.reference", "Condition/p0417-condition-1"),
            "may not refer to a Condition",
            id="target-type",
        ),
        pytest.param(put("requester", {"type": "x"}), "refers to nothing", id="vacant"),
        pytest.param(
            put("requester.reference", "Practitioner/nobody"),
            "not in this record",
            id="dangling",
        ),
        pytest.param(
            put("requester.reference", "#nobody"), "not in this record", id="contained"
        ),
    ],
)
def test_invalid_resource_is_refused(
    launched: Any, order: dict[str, Any], change: Change, said: str
) -> None:
    change(order)
    answer = launched.create(order)
    assert answer.status_code == 422
    assert said in diagnostics(answer)
    assert not launched.sandbox.counts.writes()


def test_every_reason_is_given_at_once(launched: Any, order: dict[str, Any]) -> None:
    order |= {"status": "bogus", "vendorThing": 1}
    assert len(launched.create(order).json()["issue"]) == 2


def test_contained_resource_is_checked(launched: Any, order: dict[str, Any]) -> None:
    clinic = {"resourceType": "Organization", "id": "clinic", "name": "A clinic"}
    order["contained"] = [clinic]
    order["performer"] = [{"reference": "#clinic"}]
    assert launched.create(order).status_code == 201
    clinic["nome"] = "x"
    assert "contained[0].nome" in diagnostics(launched.create(order))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(put("subject.reference", "Patient/p0533"), id="subject"),
        pytest.param(put("encounter.reference", "Encounter/p0533-visit"), id="visit"),
        pytest.param(
            put("reasonReference.0.reference", "Condition/p0533-condition-1"),
            id="reason",
        ),
    ],
)
def test_P03_another_patient_is_refused_and_counted(
    launched: Any, order: dict[str, Any], change: Change
) -> None:
    change(order)
    assert launched.create(order).status_code == 403
    assert launched.sandbox.counts.wrong_patient == 1
    assert not launched.sandbox.counts.writes()


def test_provenance_of_another_patients_order_is_refused(
    launched: Any, order: dict[str, Any]
) -> None:
    made = launched.create(order).json()["id"]
    provenance = {
        "resourceType": "Provenance",
        "target": [{"reference": f"ServiceRequest/{made}"}],
        "recorded": "2026-11-24T10:31:00-05:00",
        "agent": [{"who": {"reference": "Practitioner/lindqvist"}}],
    }
    assert launched.create(provenance).status_code == 201
    found = launched.get("Provenance", target=f"ServiceRequest/{made}").json()
    assert found["total"] == 1
    provenance["target"].append({"reference": "Condition/p0533-condition-1"})
    assert launched.create(provenance).status_code == 403


@pytest.mark.parametrize(
    ("given", "status"),
    [
        pytest.param({"data": b"{"}, 400, id="no-json"),
        pytest.param({"data": b"[]"}, 400, id="no-object"),
        pytest.param({"json": {"resourceType": "Task"}}, 400, id="other-type"),
        pytest.param({"data": b" " * (2**21 + 1)}, 413, id="too-large"),
    ],
)
def test_body_that_cannot_be_read_is_refused(
    launched: Any, given: dict[str, Any], status: int
) -> None:
    headers = {"Content-Type": "application/fhir+json"}
    answer = launched.call("POST", "ServiceRequest", headers=headers, **given)
    assert answer.status_code == status


def test_other_content_type_is_refused(launched: Any) -> None:
    answer = launched.call("POST", "ServiceRequest", data={"a": "b"})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        pytest.param("return=minimal", None, id="minimal"),
        pytest.param("return=representation", "ServiceRequest", id="representation"),
        pytest.param("return=OperationOutcome", "OperationOutcome", id="outcome"),
    ],
)
def test_prefer_is_honoured(
    launched: Any, order: dict[str, Any], prefer: str, kind: str | None
) -> None:
    answer = launched.create(order, Prefer=prefer)
    assert answer.status_code == 201
    assert (answer.json()["resourceType"] if answer.content else None) == kind


def test_conditional_create_writes_once(launched: Any, order: dict[str, Any]) -> None:
    one = order["identifier"][0]
    condition = f"identifier={one['system']}|{one['value']}"
    first = launched.create(order, **{"If-None-Exist": condition})
    second = launched.create(order, **{"If-None-Exist": condition})
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert len(launched.sandbox.counts.writes("ServiceRequest", one["value"])) == 1
    launched.create(order)
    third = launched.create(order, **{"If-None-Exist": condition})
    assert third.status_code == 412


def test_update_makes_a_version_and_minds_if_match(
    launched: Any, order: dict[str, Any]
) -> None:
    made = launched.create(order).json()
    path = f"ServiceRequest/{made['id']}"
    headers = {"Content-Type": "application/fhir+json", "If-Match": 'W/"1"'}
    revoked = {**made, "status": "revoked"}
    first = launched.call("PUT", path, json=revoked, headers=headers)
    assert (first.status_code, first.headers["ETag"]) == (200, 'W/"2"')
    stale = launched.call("PUT", path, json=revoked, headers=headers)
    assert stale.status_code == 412
    assert launched.get(path).json()["status"] == "revoked"
    assert len(launched.sandbox.counts.writes(interaction="update")) == 1


def test_update_of_nothing_is_not_found(launched: Any, order: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/fhir+json"}
    answer = launched.call("PUT", "ServiceRequest/x", json=order, headers=headers)
    assert answer.status_code == 404


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
def test_other_interactions_are_not_allowed(launched: Any, method: str) -> None:
    assert launched.call(method, "Condition/p0417-condition-1").status_code == 405
