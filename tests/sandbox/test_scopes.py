"""Scopes: what is granted in which spelling, and that nothing beyond it works."""

from typing import Any

import pytest

from deploy.sandbox.flavours import FLAVOURS, Flavour
from deploy.sandbox.scopes import granted, parse_scope, supported

FULL, EPIC = FLAVOURS["full"], FLAVOURS["epic"]


@pytest.mark.parametrize(
    ("flavour", "asked", "given"),
    [
        pytest.param(FULL, "launch openid", "launch openid", id="special"),
        pytest.param(FULL, "offline_access", "", id="not-offered"),
        pytest.param(FULL, "patient/Condition.rs", "patient/Condition.rs", id="v2"),
        pytest.param(
            FULL, "patient/Condition.cruds", "patient/Condition.rs", id="letters-cut"
        ),
        pytest.param(FULL, "patient/Condition.read", "patient/Condition.rs", id="v1"),
        pytest.param(
            FULL,
            "patient/ServiceRequest.write",
            "patient/ServiceRequest.cu",
            id="write",
        ),
        pytest.param(FULL, "system/Patient.rs", "", id="no-system"),
        pytest.param(FULL, "patient/Claim.rs", "", id="unknown-type"),
        pytest.param(FULL, "patient/Condition.sr", "", id="letters-out-of-order"),
        pytest.param(FULL, "patient/Condition.", "", id="no-letters"),
        pytest.param(
            FULL,
            "patient/Condition.rs?category=http://x|y",
            "patient/Condition.rs?category=http://x|y",
            id="filter",
        ),
        pytest.param(
            EPIC, "patient/Condition.rs", "patient/Condition.read", id="epic-spelling"
        ),
        pytest.param(
            EPIC,
            "patient/DocumentReference.crs",
            "patient/DocumentReference.read patient/DocumentReference.write",
            id="epic-note",
        ),
        pytest.param(
            EPIC,
            "patient/ServiceRequest.crs",
            "patient/ServiceRequest.read",
            id="epic-no-order",
        ),
        pytest.param(EPIC, "patient/Condition.rs?category=a|b", "", id="epic-filter"),
    ],
)
def test_scopes_are_granted_as_the_flavour_allows(
    flavour: Flavour, asked: str, given: str
) -> None:
    assert granted(asked, flavour) == given


def test_withheld_scopes_are_not_granted() -> None:
    asked = "launch openid patient/Patient.r patient/DocumentReference.crs"
    given = granted(asked, FULL, ["openid", "DocumentReference"])
    assert given == "launch patient/Patient.r"


def test_wildcard_is_granted_as_the_types_that_are_kept() -> None:
    given = granted("patient/*.rs", FULL).split()
    assert "patient/Condition.rs" in given
    assert all(parse_scope(scope) for scope in given)


def test_discovery_lists_only_its_own_spelling() -> None:
    assert not any(scope.endswith((".read", ".write")) for scope in supported(FULL))
    listed = [scope for scope in supported(EPIC) if "/" in scope]
    assert all(scope.endswith((".read", ".write")) for scope in listed)


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        pytest.param("patient/Patient.r", "Patient/p0417", 200, id="read"),
        pytest.param("patient/Patient.s", "Patient/p0417", 403, id="search-no-read"),
        pytest.param(
            "patient/Patient.r", "Patient?_id=p0417", 403, id="read-no-search"
        ),
        pytest.param("patient/Patient.s", "Patient?_id=p0417", 200, id="search"),
        pytest.param("patient/Condition.rs", "Patient/p0417", 403, id="other-type"),
        pytest.param("patient/*.read", "Patient/p0417", 200, id="v1"),
        pytest.param("user/Patient.r", "Patient/p0533", 200, id="user-level"),
        pytest.param("patient/Patient.r", "Patient/p0533", 403, id="other-patient"),
        pytest.param("openid fhirUser", "Practitioner/lindqvist", 200, id="own-record"),
        pytest.param("openid fhirUser", "Practitioner/okonedo", 403, id="colleague"),
        pytest.param("openid", "Practitioner/lindqvist", 403, id="no-fhirUser"),
    ],
)
def test_scopes_are_enforced(app: Any, scope: str, path: str, status: int) -> None:
    app.launched(scope=f"launch {scope}")
    assert app.get(path).status_code == status


def test_scope_filter_narrows_searches_and_reads(app: Any) -> None:
    system = "http://terminology.hl7.org/CodeSystem/condition-category"
    wanted = f"patient/Condition.rs?category={system}|encounter-diagnosis"
    app.launched(scope=f"launch {wanted}")
    found = app.get("Condition", patient="p0417").json()
    assert found["total"] == 1
    assert app.get("Condition/p0417-condition-1").status_code == 403
    assert (
        app.get(f"Condition/{found['entry'][0]['resource']['id']}").status_code == 200
    )


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param("patient/ServiceRequest.rs", id="read-only"),
        pytest.param("patient/ServiceRequest.u", id="update-only"),
        pytest.param("patient/DocumentReference.c", id="other-type"),
    ],
)
def test_create_needs_its_scope(app: Any, order: dict[str, Any], scope: str) -> None:
    app.launched(scope=f"launch {scope}")
    assert app.create(order).status_code == 403
    assert not app.sandbox.counts.writes()


def test_narrow_fault_withholds_scopes(app: Any) -> None:
    app.sandbox.faults.add("narrow", on="authorize", scopes=["DocumentReference"])
    assert "DocumentReference" not in app.launched()["scope"]
