"""Reading: read, search, pages, and the patient of the launch."""

from typing import Any

import pytest

SNOMED = "http://snomed.info/sct"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Authorization": ""}, id="none"),
        pytest.param({"Authorization": "Bearer invented"}, id="unknown"),
        pytest.param({"Authorization": "Basic abc"}, id="other-scheme"),
    ],
)
def test_token_is_needed(launched: Any, headers: dict[str, str]) -> None:
    answer = launched.call("GET", "Patient/p0417", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_token_in_the_address_is_refused(launched: Any) -> None:
    answer = launched.get("Patient/p0417", access_token=launched.token)
    assert answer.status_code == 401


def test_token_runs_out(launched: Any) -> None:
    launched.sandbox.advance(3601)
    assert launched.get("Patient/p0417").status_code == 401


def test_metadata_needs_no_token(app: Any) -> None:
    statement = app.http.get(f"{app.fhir}/metadata", timeout=5).json()
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"] == "4.0.1"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("Condition/nothing", 404, id="unknown-id"),
        pytest.param("Claim/1", 404, id="unknown-type"),
        pytest.param("Condition/p0533-condition-1", 403, id="other-patient"),
        pytest.param("Organization/general", 200, id="house"),
    ],
)
def test_read_answers(launched: Any, path: str, status: int) -> None:
    answer = launched.get(path)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("kind", "params", "expected"),
    [
        pytest.param("Condition", {"patient": "p0417"}, 6, id="patient"),
        pytest.param("Condition", {"patient": "Patient/p0417"}, 6, id="patient-typed"),
        pytest.param("Condition", {"subject": "Patient/p0417"}, 6, id="subject"),
        pytest.param("Condition", {}, 6, id="nobody-named"),
        pytest.param("Condition", {"code": f"{ICD}|F10.20"}, 2, id="code"),
        pytest.param("Condition", {"code": "F10.20,F33.1"}, 3, id="code-or"),
        pytest.param("Condition", {"code": f"{SNOMED}|F10.20"}, 0, id="code-system"),
        pytest.param(
            "Condition", {"category": f"{CATEGORY}|problem-list-item"}, 5, id="category"
        ),
        pytest.param("Condition", {"clinical-status": "resolved"}, 0, id="status"),
        pytest.param("Condition", {"_id": "p0417-condition-1"}, 1, id="id"),
        pytest.param("Condition", {"recorded-date": "le2000"}, 0, id="date-none"),
        pytest.param("Condition", {"recorded-date": "ge2000"}, 6, id="date-all"),
        pytest.param("Observation", {"category": "survey"}, 3, id="survey"),
        pytest.param("Observation", {"date": "ge2020-01-01"}, 3, id="observed"),
        pytest.param("Patient", {"identifier": "T-00417"}, 1, id="identifier"),
        pytest.param(
            "Patient", {"identifier": "urn:example:sandbox:mrn|T-00417"}, 1, id="mrn"
        ),
        pytest.param("Patient", {"identifier": "urn:other|T-00417"}, 0, id="mrn-other"),
        pytest.param("Encounter", {"status": "in-progress"}, 1, id="encounter"),
        pytest.param("MedicationRequest", {"status": "active"}, 1, id="medicine"),
    ],
)
def test_search_finds(
    launched: Any, kind: str, params: dict[str, str], expected: int
) -> None:
    found = launched.get(kind, **params).json()
    assert found["total"] == expected
    assert len(found.get("entry", [])) == expected


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"nonsense": "1"}, id="unknown"),
        pytest.param({"code:in": "x"}, id="modifier"),
        pytest.param({"_include": "Condition:subject"}, id="include"),
        pytest.param({"patient": ""}, id="empty"),
        pytest.param({"_count": "many"}, id="count"),
        pytest.param({"recorded-date": "yesterday"}, id="date"),
        pytest.param({"_sort": "nonsense"}, id="sort"),
    ],
)
def test_search_refuses_what_it_does_not_know(
    launched: Any, params: dict[str, str]
) -> None:
    assert launched.get("Condition", **params).status_code == 400


def test_search_for_another_patient_is_refused_and_counted(launched: Any) -> None:
    assert launched.get("Condition", patient="p0533").status_code == 403
    assert launched.get("Patient/p0533").status_code == 403
    assert launched.sandbox.counts.wrong_patient == 2


def test_search_gives_no_one_else(launched: Any) -> None:
    found = launched.get("Condition", code="F10.20").json()
    subjects = {e["resource"]["subject"]["reference"] for e in found["entry"]}
    assert subjects == {"Patient/p0417"}


def test_search_may_be_posted(launched: Any) -> None:
    answer = launched.call("POST", "Condition/_search", data={"code": "F33.1"})
    assert answer.json()["total"] == 1


def test_pages_are_followed_to_the_end(launched: Any) -> None:
    address = f"{launched.fhir}/Condition?patient=p0417&_count=2"
    seen: list[str] = []
    pages = 0
    while address:
        page = launched.call("GET", address.removeprefix(f"{launched.fhir}/")).json()
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        assert links["self"] == address
        address = links.get("next", "")
        pages += 1
    assert pages == 3
    assert len(seen) == len(set(seen)) == 6


def test_search_sorts(launched: Any) -> None:
    found = launched.get("Condition", _sort="-recorded-date").json()
    dates = [entry["resource"]["recordedDate"] for entry in found["entry"]]
    assert dates == sorted(dates, reverse=True)
