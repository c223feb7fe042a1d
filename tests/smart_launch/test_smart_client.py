"""The launch from end to end, as it should go."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit


def test_launch_ends_in_a_context(app: Any, ehr: Any) -> None:
    finished = app.launch(ehr)
    context = finished.context
    assert (context.tenant, context.patient) == ("general", "p1")
    assert (context.fhir_user, context.subject) == ("Practitioner/dr1", "user-1")
    assert context.user_name == "Dr. Ada One"
    assert context.scopes.covers("ServiceRequest", "c")
    assert len(ehr.calls("/token")) == 1
    assert app.client.context(context.id, app.browser.cookies) == context


def test_authorization_request_carries_what_smart_asks_for(app: Any, ehr: Any) -> None:
    asked = parse_qs(urlsplit(app.begin(ehr)).query)
    assert {name: values[0] for name, values in asked.items()} | {
        "state": "",
        "nonce": "",
        "code_challenge": "",
        "scope": "",
    } == {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": "https://app.example/callback",
        "launch": "launch-1",
        "aud": ehr.issuer,
        "code_challenge_method": "S256",
        "state": "",
        "nonce": "",
        "code_challenge": "",
        "scope": "",
    }
    assert len(asked["state"][0].partition(".")[2]) == 43  # 256 bits
    assert all(len(values) == 1 for values in asked.values())


def test_context_reads_through_its_grant(app: Any, ehr: Any) -> None:
    fhir = app.client.fhir(app.launch(ehr).context.id)
    assert fhir.read("Patient", fhir.patient).resource["id"] == "p1"
