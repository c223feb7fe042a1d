"""The app's own access: only where it is set, and never in a user's name."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import pytest

from smart_launch.backend_services import BackendServices
from smart_launch.errors import FhirUnavailable, RelaunchNeeded
from smart_launch.registration import Registrations

SCOPE = "system/ServiceRequest.crs system/DocumentReference.c"


@pytest.fixture
def backend(app: Any, ehr: Any, clock: Any) -> BackendServices:
    ehr.token_answer = {"scope": "system/ServiceRequest.cruds", "patient": None}
    return BackendServices(
        registrations=app.client.registrations,
        outbound=app.client.outbound,
        discovery=app.client.discovery,
        keys=app.client.keys,
        clock=clock,
        random=secrets.token_bytes,
        scopes={"general": SCOPE},
    )


def test_own_token_is_asked_for_once_and_used(backend: Any, ehr: Any) -> None:
    for _ in range(3):
        assert backend.fhir("general", "p1").read("Patient", "p1")
    (call,) = ehr.calls("/token")
    assert call.form["grant_type"] == "client_credentials"
    assert set(call.form["scope"].split()) == set(SCOPE.split())
    assert "client_assertion" in call.form


def test_own_token_is_renewed_when_it_is_over_or_refused(
    backend: Any, ehr: Any, clock: Any
) -> None:
    fhir = backend.fhir("general", "p1")
    fhir.read("Patient", "p1")
    clock.advance(seconds=290)
    fhir.read("Patient", "p1")
    assert len(ehr.calls("/token")) == 2
    ehr.good_tokens.clear()
    fhir.read("Patient", "p1")
    assert len(ehr.calls("/token")) == 3


def test_only_what_was_asked_and_granted_counts(backend: Any) -> None:
    scopes = backend.granted("general")
    assert scopes.covers("ServiceRequest", "crs", "system")
    assert not scopes.covers("ServiceRequest", "u", "system")
    assert not scopes.covers("DocumentReference", "c", "system")


def test_grant_without_a_scope_is_what_was_asked(backend: Any, ehr: Any) -> None:
    ehr.token_answer = {"scope": None}
    assert str(backend.granted("general")) == (
        "system/DocumentReference.c system/ServiceRequest.crs"
    )


def test_v1_server_of_the_app_itself_is_asked_in_its_own_spelling(
    backend: Any, ehr: Any
) -> None:
    ehr.configuration = {
        "scopes_supported": ["launch", "system/*.read", "system/*.write"],
        "capabilities": ["launch-ehr", "permission-v1"],
    }
    backend.fhir("general", "p1").read("Patient", "p1")
    (call,) = ehr.calls("/token")
    assert set(call.form["scope"].split()) == {
        "system/DocumentReference.write",
        "system/ServiceRequest.read",
        "system/ServiceRequest.write",
    }


def test_ehr_that_lists_other_system_scopes_is_not_asked(
    backend: Any, ehr: Any
) -> None:
    ehr.configuration = {"scopes_supported": ["launch", "system/Group.rs"]}
    with pytest.raises(RelaunchNeeded):
        backend.granted("general")
    assert ehr.calls("/token") == []


def test_ehr_that_is_not_registered_any_more_gives_no_access(backend: Any) -> None:
    with pytest.raises(RelaunchNeeded):
        backend.fhir("county", "p1")
    with pytest.raises(RelaunchNeeded):
        backend.granted("county")


def test_ehr_that_grants_nothing_leaves_the_work_waiting(
    backend: Any, ehr: Any, answer: Any
) -> None:
    ehr.on("/token", answer.of({"error": "unauthorized_client"}, 400))
    with pytest.raises(RelaunchNeeded):
        backend.fhir("general", "p1").read("Patient", "p1")


def test_ehr_that_does_not_answer_is_tried_again_later(
    backend: Any, ehr: Any, answer: Any
) -> None:
    ehr.on("/token", answer(500))
    with pytest.raises(FhirUnavailable):
        backend.fhir("general", "p1").read("Patient", "p1")
    ehr.off("/token")
    assert backend.fhir("general", "p1").read("Patient", "p1")


def test_ehr_without_the_setting_gives_no_access(backend: Any, ehr: Any) -> None:
    none = replace(backend, scopes={})
    assert backend.available("general")
    assert not none.available("general")
    with pytest.raises(RelaunchNeeded):
        none.fhir("general", "p1")
    assert ehr.received == []


def test_client_without_a_key_of_its_own_gets_none(
    backend: Any, ehr: Any, registered: Any
) -> None:
    public = replace(
        backend,
        registrations=Registrations([registered(ehr, client_auth="none")]),
        _accesses={},
    )
    with pytest.raises(RelaunchNeeded):
        public.fhir("general", "p1")
