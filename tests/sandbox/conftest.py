"""An app of the plainest kind, to try the sandbox's rules with."""

import base64
import hashlib
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from deploy.sandbox.serving import RunningSandbox, start_sandbox

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
APP = "http://127.0.0.1:9"  # nothing listens there: redirects are read, not followed
SCOPES = (
    "launch openid fhirUser online_access patient/*.rs patient/ServiceRequest.crus"
    " patient/DocumentReference.crs patient/Provenance.crs patient/Task.crus"
    " patient/QuestionnaireResponse.crs patient/AuditEvent.crs patient/Consent.crs"
)


@dataclass
class PlainApp:
    """Does what an app does, one step at a time, and lets each step be changed."""

    sandbox: RunningSandbox
    key: ECKey | RSAKey
    alg: str = "ES384"
    flavour: str = ""
    http: requests.Session = field(default_factory=requests.Session)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    token: str = ""
    redirect_uri: str = f"{APP}/callback"

    @property
    def fhir(self) -> str:
        return self.sandbox.issuer(self.flavour)

    @property
    def token_url(self) -> str:
        return self.fhir.removesuffix("/r4") + "/oauth/token"

    def authorization(self, patient: str = "alcohol", **changed: Any) -> dict[str, str]:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": "selfhelp",
            "redirect_uri": self.redirect_uri,
            "launch": self.sandbox.mint_launch(patient, self.flavour),
            "scope": SCOPES,
            "state": "some-state",
            "aud": self.fhir,
            "nonce": "some-nonce",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        } | changed
        return {name: value for name, value in asked.items() if value is not None}

    def authorize(self, asked: dict[str, str]) -> requests.Response:
        url = self.fhir.removesuffix("/r4") + "/oauth/authorize"
        return self.http.get(url, params=asked, allow_redirects=False, timeout=5)

    def code(self, patient: str = "alcohol", **changed: Any) -> str:
        return answered(self.authorize(self.authorization(patient, **changed)))["code"]

    def assertion(self, header: dict[str, Any] | None = None, **changed: Any) -> str:
        claims = {
            "iss": "selfhelp",
            "sub": "selfhelp",
            "aud": self.token_url,
            "exp": int(time.time()) + 240,
            "jti": str(uuid.uuid4()),
        } | changed
        head = {"alg": self.alg, "kid": self.key.kid, "typ": "JWT"} | (header or {})
        return jwt.encode(
            {k: v for k, v in head.items() if v is not None},
            {k: v for k, v in claims.items() if v is not None},
            self.key,
            algorithms=["ES384", "RS384", "RS256"],
        )

    def post_token(self, form: dict[str, Any], **given: Any) -> requests.Response:
        return self.http.post(
            self.token_url, data=form, allow_redirects=False, timeout=5, **given
        )

    def redeem(self, code: str, **changed: Any) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": self.assertion(),
        } | changed
        return self.post_token({k: v for k, v in form.items() if v is not None})

    def refresh(self, token: str) -> requests.Response:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": self.assertion(),
        }
        return self.post_token(form)

    def launched(self, patient: str = "alcohol", **changed: Any) -> dict[str, Any]:
        answer = self.redeem(self.code(patient, **changed))
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        self.token = tokens["access_token"]
        return tokens

    def call(self, method: str, path: str, **given: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | given.pop("headers", {})
        return self.http.request(
            method,
            f"{self.fhir}/{path}",
            headers=headers,
            allow_redirects=False,
            timeout=5,
            **given,
        )

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.call("GET", path, params=params)

    def create(self, resource: dict[str, Any], **headers: str) -> requests.Response:
        kind = resource["resourceType"]
        typed = {"Content-Type": "application/fhir+json"} | headers
        return self.call("POST", kind, json=resource, headers=typed)


def answered(response: requests.Response) -> dict[str, str]:
    """Read the parameters with which the browser is sent back."""
    assert response.status_code == 302, response.text
    return dict(parse_qsl(urlsplit(response.headers["Location"]).query))


@pytest.fixture(scope="session")
def app_key() -> ECKey:
    return ECKey.generate_key("P-384", {"kid": "one", "use": "sig", "alg": "ES384"})


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    """One sandbox for the tests of a file; `app` puts switches and tallies back."""
    running = start_sandbox()
    yield running
    running.stop()


@pytest.fixture
def app(sandbox: RunningSandbox, app_key: ECKey) -> Iterator[PlainApp]:
    """A registered app, not launched yet."""
    sandbox.faults.clear()
    sandbox.counts.clear()
    sandbox.register_client(APP, jwks={"keys": [app_key.as_dict(private=False)]})
    plain = PlainApp(sandbox, app_key)
    yield plain
    plain.http.close()
    sandbox.faults.clear()
    sandbox.sandbox.return_to_now()


@pytest.fixture
def launched(app: PlainApp) -> PlainApp:
    """The app, opened from the chart `alcohol` with every scope."""
    app.launched()
    return app


@pytest.fixture
def order(sandbox: RunningSandbox) -> dict[str, Any]:
    """A ServiceRequest that the full sandbox takes, with an identifier of its own."""
    patient = sandbox.patient_id("alcohol")
    snomed = "http://snomed.info/sct"
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "identifier": [{"system": f"{APP}/referrals", "value": f"{uuid.uuid4()}.1"}],
        "category": [{"coding": [{"system": snomed, "code": "410606002"}]}],
        "code": {"coding": [{"system": snomed, "code": "711281004"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "encounter": {"reference": f"Encounter/{patient}-visit"},
        "occurrenceDateTime": "2026-11-28T16:00:00-05:00",
        "authoredOn": "2026-11-24T10:31:00-05:00",
        "requester": {"reference": "Practitioner/lindqvist"},
        "reasonReference": [{"reference": f"Condition/{patient}-condition-1"}],
    }


@pytest.fixture
def note(sandbox: RunningSandbox) -> dict[str, Any]:
    """A DocumentReference that every flavour which takes notes will take."""
    patient = sandbox.patient_id("alcohol")
    text = base64.b64encode("Referral to a group: naïve text".encode()).decode()
    kind = "text/plain; charset=utf-8"
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "final",
        "identifier": [{"system": f"{APP}/referrals", "value": str(uuid.uuid4())}],
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "date": "2026-11-24T10:31:00-05:00",
        "author": [{"reference": "Practitioner/lindqvist"}],
        "content": [{"attachment": {"contentType": kind, "data": text}}],
        "context": {
            "encounter": [{"reference": f"Encounter/{patient}-visit"}],
            "period": {
                "start": "2026-11-24T10:11:00-05:00",
                "end": "2026-11-24T10:31:00-05:00",
            },
        },
    }
