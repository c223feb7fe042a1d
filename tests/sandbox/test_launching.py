"""The way through: discovery, authorize, token, and what the answers say."""

from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from deploy.sandbox.serving import RunningSandbox


def discovery(app: Any) -> dict[str, Any]:
    address = f"{app.fhir}/.well-known/smart-configuration"
    document: dict[str, Any] = requests.get(address, timeout=5).json()
    return document


def test_launch_gives_the_context_of_the_chart(app: Any) -> None:
    tokens = app.launched("alcohol")
    assert tokens["patient"] == app.sandbox.patient_id("alcohol")
    assert tokens["encounter"] == f"{tokens['patient']}-visit"
    assert tokens["need_patient_banner"] is True
    assert tokens["smart_style_url"].startswith(app.sandbox.url)
    assert tokens["token_type"] == "Bearer"
    assert "fhirContext" not in tokens


def test_launch_carries_what_it_was_minted_with(app: Any) -> None:
    order = {"reference": "ServiceRequest/1"}
    launch = app.sandbox.mint_launch(
        "alcohol",
        need_patient_banner=False,
        intent="refer",
        tenant="north",
        fhir_context=[order],
    )
    tokens = app.launched(launch=launch)
    assert tokens["need_patient_banner"] is False
    assert (tokens["intent"], tokens["tenant"]) == ("refer", "north")
    assert tokens["fhirContext"] == [order]


def test_id_token_names_the_clinician_and_is_signed(app: Any) -> None:
    tokens = app.launched()
    keys = requests.get(discovery(app)["jwks_uri"], timeout=5).json()
    decoded = jwt.decode(
        tokens["id_token"], KeySet.import_key_set(keys), algorithms=["RS256"]
    )
    claims = decoded.claims
    assert claims["iss"] == app.fhir
    assert claims["aud"] == "selfhelp"
    assert claims["nonce"] == "some-nonce"
    assert claims["fhirUser"] == f"{app.fhir}/Practitioner/lindqvist"
    assert "d" not in keys["keys"][0]


def test_id_token_is_left_out_without_openid(app: Any) -> None:
    tokens = app.launched(scope="launch patient/Patient.r")
    assert "id_token" not in tokens
    assert "refresh_token" not in tokens


@pytest.mark.parametrize(
    ("flavour", "told"),
    [
        pytest.param("full", True, id="full"),
        pytest.param("epic", False, id="epic"),
        pytest.param("read-only", True, id="read-only"),
    ],
)
def test_issuer_is_sent_back_where_the_server_says_so(
    app: Any, flavour: str, told: bool
) -> None:
    app.flavour = flavour
    said = "authorization_response_iss_parameter_supported"
    assert discovery(app).get(said, False) is told
    answer = app.authorize(app.authorization())
    assert ("iss=" in answer.headers["Location"]) is told


def test_each_flavour_is_an_issuer_of_its_own(sandbox: RunningSandbox) -> None:
    issuers = {
        flavour: sandbox.issuer(flavour)
        for flavour in ("full", "epic", "oracle", "athena", "read-only")
    }
    assert issuers["full"] == f"{sandbox.url}/r4"
    assert len(set(issuers.values())) == 5
    for issuer in issuers.values():
        address = f"{issuer}/.well-known/smart-configuration"
        assert requests.get(address, timeout=5).json()["issuer"] == issuer


def test_token_of_one_issuer_is_refused_by_another(app: Any) -> None:
    app.launched()
    app.flavour = "epic"
    assert app.get("Patient/p0417").status_code == 401


def test_unknown_hospital_is_not_found(sandbox: RunningSandbox) -> None:
    address = f"{sandbox.url}/nowhere/r4/metadata"
    assert requests.get(address, timeout=5).status_code == 404
