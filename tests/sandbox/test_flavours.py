"""Each flavour takes what its CapabilityStatement declares, and no more."""

from typing import Any

import pytest

from deploy.sandbox.flavours import FLAVOURS

KINDS = (
    "ServiceRequest",
    "DocumentReference",
    "Provenance",
    "Task",
    "QuestionnaireResponse",
    "AuditEvent",
    "Consent",
    "Observation",
)


def declared(app: Any, interaction: str) -> set[str]:
    statement = app.http.get(f"{app.fhir}/metadata", timeout=5).json()
    return {
        resource["type"]
        for resource in statement["rest"][0]["resource"]
        if interaction in {one["code"] for one in resource["interaction"]}
    }


def refused(answer: Any) -> str:
    assert answer.status_code == 422, answer.text
    return " ".join(issue["diagnostics"] for issue in answer.json()["issue"])


def _values(resource: dict[str, Any]) -> tuple[str, ...]:
    return tuple(one["value"] for one in resource["identifier"])


@pytest.mark.parametrize(
    ("flavour", "creates"),
    [
        pytest.param("full", {*KINDS} - {"Observation"}, id="full"),
        pytest.param("epic", {"DocumentReference"}, id="epic"),
        pytest.param("oracle", {"DocumentReference", "Provenance"}, id="oracle"),
        pytest.param("athena", {"QuestionnaireResponse"}, id="athena"),
        pytest.param("read-only", set(), id="read-only"),
    ],
)
def test_flavour_takes_what_it_declares(
    app: Any, flavour: str, creates: set[str]
) -> None:
    app.flavour = flavour
    assert declared(app, "create") == creates
    assert {"Patient", "Condition"} <= declared(app, "read")
    app.launched()
    for kind in KINDS:
        # An empty resource: taken up for checking (422), or not taken at all (405).
        status = app.create({"resourceType": kind}).status_code
        assert status == (422 if kind in creates else 405), kind


def test_no_flavour_grants_a_create_that_it_refuses(app: Any) -> None:
    for flavour in FLAVOURS:
        app.flavour = flavour
        scope = app.launched()["scope"]
        can = "patient/ServiceRequest.c" in scope
        assert can == (flavour == "full")


def test_epic_answers_201_with_nothing_and_a_relative_place(
    app: Any, note: dict[str, Any]
) -> None:
    app.flavour = "epic"
    assert "patient/DocumentReference.write" in app.launched()["scope"]
    answer = app.create(note)
    assert (answer.status_code, answer.content) == (201, b"")
    place = answer.headers["Location"]
    assert place.startswith("DocumentReference/")
    assert app.get(place).json()["content"] == note["content"]
    asked = app.create(note, Prefer="return=representation")
    assert asked.json()["resourceType"] == "DocumentReference"


def test_epic_ignores_if_none_exist(app: Any, note: dict[str, Any]) -> None:
    app.flavour = "epic"
    app.launched()
    value = note["identifier"][0]["value"]
    for _ in range(2):
        app.create(note, **{"If-None-Exist": f"identifier={value}"})
    assert len(app.sandbox.counts.writes("DocumentReference", value)) == 2


def test_epic_adds_an_outcome_and_tells_no_total(app: Any) -> None:
    app.flavour = "epic"
    app.launched()
    found = app.get("Condition", patient="p0417").json()
    assert "total" not in found
    modes = [entry["search"]["mode"] for entry in found["entry"]]
    assert (modes.count("match"), modes.count("outcome")) == (6, 1)


def test_epic_note_needs_one_encounter_of_the_patient(
    app: Any, note: dict[str, Any]
) -> None:
    app.flavour = "epic"
    app.launched()
    del note["context"]["encounter"]
    assert "existing encounter" in refused(app.create(note))
    note["context"]["encounter"] = [{"reference": "Encounter/nothing"}]
    assert "not in this record" in refused(app.create(note))
    note["context"]["encounter"] = [{"reference": "Encounter/p0533-visit"}]
    assert app.create(note).status_code == 403


def test_epic_note_is_one_plain_text(app: Any, note: dict[str, Any]) -> None:
    app.flavour = "epic"
    app.launched()
    note["content"].append(note["content"][0])
    assert "one attachment" in refused(app.create(note))
    del note["content"][1]
    note["content"][0]["attachment"]["contentType"] = "text/html"
    assert "text/plain" in refused(app.create(note))


def test_oracle_final_note_is_the_users_own(app: Any, note: dict[str, Any]) -> None:
    app.flavour = "oracle"
    app.launched()
    assert app.create(note).status_code == 201
    note["author"] = [{"reference": "Practitioner/okonedo"}]
    assert "who is the user" in refused(app.create(note))
    del note["author"]
    assert "who is the user" in refused(app.create(note))
    note["docStatus"] = "preliminary"
    assert app.create(note).status_code == 201


def test_oracle_final_note_names_its_end_and_charset(
    app: Any, note: dict[str, Any]
) -> None:
    app.flavour = "oracle"
    app.launched()
    note["context"]["period"] = {"end": "2026-11-24"}
    assert "period.end" in refused(app.create(note))
    note["content"][0]["attachment"]["contentType"] = "text/plain"
    assert "charset" in refused(app.create(note))


def test_oracle_provenance_has_one_target(app: Any, note: dict[str, Any]) -> None:
    app.flavour = "oracle"
    app.launched()
    made = app.create(note).json()["id"]
    target = {"reference": f"DocumentReference/{made}"}
    provenance = {
        "resourceType": "Provenance",
        "target": [target, {"reference": "Condition/p0417-condition-1"}],
        "recorded": "2026-11-24T10:31:00-05:00",
        "agent": [{"who": {"reference": "Practitioner/lindqvist"}}],
    }
    assert "exactly one target" in refused(app.create(provenance))
    provenance["target"] = [target]
    assert app.create(provenance).status_code == 201


def test_athena_pages_are_short(app: Any) -> None:
    app.flavour = "athena"
    app.launched("odd-entries")
    found = app.get("Condition", _count=100).json()
    assert len(found["entry"]) <= 10


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"contentType": "text/plain"}, id="no-data"),
        pytest.param({"data": "aGVsbG8="}, id="no-content-type"),
        pytest.param({"contentType": "text/plain", "data": "/w=="}, id="no-utf8"),
    ],
)
def test_note_without_readable_text_is_refused(
    launched: Any, note: dict[str, Any], change: dict[str, str]
) -> None:
    note["content"][0]["attachment"] = change
    assert refused(launched.create(note))


def test_flavour_is_switched_while_running(app: Any, order: dict[str, Any]) -> None:
    app.launched()
    app.sandbox.set_flavour("read-only")
    try:
        assert app.create(order).status_code == 405
    finally:
        app.sandbox.set_flavour("full")
    assert app.create(order).status_code == 201


def test_further_hospital_has_records_of_its_own(
    app: Any, order: dict[str, Any]
) -> None:
    issuer = app.sandbox.add_issuer("north")
    app.flavour = "north"
    assert app.fhir == issuer
    app.launched()
    app.create(order)
    writes = app.sandbox.counts.writes("ServiceRequest")
    assert [write.site for write in writes] == ["north"]
    here = app.sandbox.resources("ServiceRequest", "alcohol", "full")
    assert writes[0].identifiers not in [_values(one) for one in here]
    assert len(app.sandbox.resources("ServiceRequest", "alcohol", "north")) == 1
