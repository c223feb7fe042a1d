"""The launch from end to end, as it should go."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from smart_launch import errors
from smart_launch.errors import CodeRejected, EhrUnavailable, NotFound, SmartError


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


def test_discovery_is_asked_for_as_json(app: Any, ehr: Any) -> None:
    app.begin(ehr)
    (call,) = ehr.calls("/fhir/.well-known/smart-configuration")
    assert call.headers["accept"] == "application/json"


def test_no_token_reaches_the_browser_or_the_log(
    app: Any, ehr: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = app.begin(ehr)
    pending = dict(app.browser.cookies)
    reply = ehr.authorize(url)
    finished = app.finish(reply)
    fhir = app.client.fhir(finished.context.id)
    fhir.read("Patient", "p1")
    with pytest.raises(NotFound):
        fhir.search("Condition", {"patient": "canary"})
    (call,) = ehr.calls("/token")
    secrets = [
        "canary",
        "access-general-1",
        "refresh-1",
        reply[0][1],
        call.form["code_verifier"],
        call.form["client_assertion"],
    ]
    seen = " ".join(
        [url, str(pending), *finished.set_cookies, repr(finished), caplog.text]
    )
    seen += repr(app.client) + repr(app.grants) + repr(fhir)
    people = ["'p1'", "dr1", "user-1", "Ada"]
    assert [one for one in people if one in repr(finished) + repr(fhir)] == []
    assert [one for one in secrets if one in seen] == []


def test_errors_say_whose_launch_it_was(app: Any, ehr: Any, answer: Any) -> None:
    reply = ehr.authorize(app.begin(ehr))
    ehr.on("/token", answer(400))
    with pytest.raises(CodeRejected) as raised:
        app.finish(reply)
    assert raised.value.tenant == "general"
    app.client.discovery._kept.clear()
    ehr.on("/fhir/.well-known", answer(500))
    with pytest.raises(EhrUnavailable) as unavailable:
        app.begin(ehr)
    assert unavailable.value.tenant == "general"


def test_every_error_has_a_public_text_and_a_status() -> None:
    def below(kind: type[SmartError]) -> list[type[SmartError]]:
        return [kind, *(one for sub in kind.__subclasses__() for one in below(sub))]

    drawn = errors.__doc__ or ""
    for kind in below(SmartError):
        if not kind.__module__.startswith("smart_launch."):
            continue  # an app's own
        assert 400 <= kind.status < 600
        assert kind.public.endswith(".")
        assert kind.__name__ in drawn, "the tree in the docstring is whole"
