"""The token endpoint refuses what it must, and rotates what it gives."""

import time
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def refused(answer: Any) -> str:
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.status_code in {400, 401}, answer.text
    error: str = answer.json()["error"]
    assert (answer.status_code == 401) == (error == "invalid_client")
    return error


def test_tokens_are_never_stored_by_caches(app: Any) -> None:
    answer = app.redeem(app.code())
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"


@pytest.mark.parametrize("alg", ["RS384", "ES384"])
def test_both_algorithms_are_taken(app: Any, alg: str) -> None:
    key: ECKey | RSAKey
    if alg == "RS384":
        key = RSAKey.generate_key(2048, {"kid": "rsa"})
    else:
        key = ECKey.generate_key("P-384", {"kid": "ec"})
    jwks = {"keys": [key.as_dict(private=False)]}
    app.sandbox.register_client("http://127.0.0.1:9", jwks=jwks)
    app.key, app.alg = key, alg
    assert app.redeem(app.code()).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"iss": "someone"}, id="iss"),
        pytest.param({"sub": "someone"}, id="sub"),
        pytest.param({"aud": "http://evil.example/token"}, id="aud"),
        pytest.param({"aud": None}, id="no-aud"),
        pytest.param({"exp": None}, id="no-exp"),
        pytest.param({"exp": "soon"}, id="exp-no-number"),
        pytest.param({"exp": int(time.time()) - 5}, id="expired"),
        pytest.param({"exp": int(time.time()) + 3600}, id="too-long"),
        pytest.param({"exp": int(time.time()) * 1000}, id="exp-in-milliseconds"),
        pytest.param({"jti": None}, id="no-jti"),
    ],
)
def test_L36_assertion_with_wrong_claims_is_refused(
    app: Any, changed: dict[str, Any]
) -> None:
    answer = app.redeem(app.code(), client_assertion=app.assertion(**changed))
    assert refused(answer) == "invalid_client"


def test_L36_assertion_for_the_issuer_alone_is_refused(app: Any) -> None:
    assertion = app.assertion(aud=app.fhir)
    assert refused(app.redeem(app.code(), client_assertion=assertion))


def test_L36_assertion_works_once(app: Any) -> None:
    assertion = app.assertion()
    first = app.redeem(app.code(), client_assertion=assertion)
    again = app.redeem(app.code(), client_assertion=assertion)
    assert first.status_code == 200
    assert refused(again) == "invalid_client"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"kid": "two"}, id="unknown-kid"),
        pytest.param({"kid": None}, id="no-kid"),
        pytest.param({"jku": "http://evil.example/jwks"}, id="jku"),
    ],
)
def test_L36_assertion_with_a_wrong_header_is_refused(
    app: Any, header: dict[str, Any]
) -> None:
    answer = app.redeem(app.code(), client_assertion=app.assertion(header))
    assert refused(answer) == "invalid_client"


def test_L36_assertion_of_another_key_is_refused(app: Any) -> None:
    app.key = ECKey.generate_key("P-384", {"kid": "one"})
    assert refused(app.redeem(app.code())) == "invalid_client"


def test_L36_weaker_algorithm_is_refused(app: Any) -> None:
    key = RSAKey.generate_key(2048, {"kid": "rsa"})
    jwks = {"keys": [key.as_dict(private=False)]}
    app.sandbox.register_client("http://127.0.0.1:9", jwks=jwks)
    app.key, app.alg = key, "RS256"
    assert refused(app.redeem(app.code())) == "invalid_client"


def test_L37_published_private_key_is_refused(app: Any) -> None:
    jwks = {"keys": [app.key.as_dict(private=True)]}
    app.sandbox.register_client("http://127.0.0.1:9", jwks=jwks)
    assert refused(app.redeem(app.code())) == "invalid_client"


def test_keys_that_cannot_be_fetched_are_refused(app: Any) -> None:
    app.sandbox.register_client("http://127.0.0.1:9")
    assert refused(app.redeem(app.code())) == "invalid_client"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param({"code": "invented"}, "invalid_grant", id="unknown-code"),
        pytest.param({"code_verifier": "x" * 43}, "invalid_grant", id="verifier"),
        pytest.param({"code_verifier": None}, "invalid_grant", id="no-verifier"),
        pytest.param({"redirect_uri": None}, "invalid_grant", id="no-redirect"),
        pytest.param(
            {"redirect_uri": "http://127.0.0.1:9/"}, "invalid_grant", id="uri"
        ),
        pytest.param({"grant_type": "password"}, "unsupported_grant_type", id="grant"),
        pytest.param({"client_id": "other"}, "invalid_client", id="client-id"),
        pytest.param({"client_assertion": None}, "invalid_client", id="no-assertion"),
        pytest.param({"client_assertion_type": "x"}, "invalid_client", id="type"),
        pytest.param({"client_secret": "x"}, "invalid_request", id="two-ways"),
    ],
)
def test_wrong_token_request_is_refused(
    app: Any, changed: dict[str, Any], error: str
) -> None:
    assert refused(app.redeem(**{"code": app.code(), **changed})) == error


def test_code_used_twice_ends_what_it_gave(app: Any) -> None:
    code = app.code()
    tokens = app.redeem(code).json()
    app.token = tokens["access_token"]
    assert app.get(f"Patient/{tokens['patient']}").status_code == 200
    assert refused(app.redeem(code)) == "invalid_grant"
    assert app.get(f"Patient/{tokens['patient']}").status_code == 401
    assert refused(app.refresh(tokens["refresh_token"])) == "invalid_grant"


def test_failed_redemption_spends_the_code(app: Any) -> None:
    code = app.code()
    assert refused(app.redeem(code, code_verifier="x" * 43)) == "invalid_grant"
    assert refused(app.redeem(code)) == "invalid_grant"


def test_refresh_rotates_and_a_used_token_ends_the_grant(app: Any) -> None:
    first = app.launched()
    second = app.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["patient"] == first["patient"]
    assert second["scope"] == first["scope"]
    assert refused(app.refresh(first["refresh_token"])) == "invalid_grant"
    assert refused(app.refresh(second["refresh_token"])) == "invalid_grant"
    app.token = second["access_token"]
    assert app.get(f"Patient/{first['patient']}").status_code == 401


def test_refresh_token_needs_online_access(app: Any) -> None:
    assert "refresh_token" not in app.launched(scope="launch openid patient/*.rs")


def test_revoked_refresh_token_ends_the_grant(app: Any) -> None:
    tokens = app.launched()
    form = {
        "token": tokens["refresh_token"],
        "client_assertion_type": JWT_BEARER,
        "client_assertion": app.assertion(),
    }
    url = app.token_url.removesuffix("token") + "revoke"
    assert app.http.post(url, data=form, timeout=5).status_code == 200
    assert app.get(f"Patient/{tokens['patient']}").status_code == 401
    assert refused(app.refresh(tokens["refresh_token"])) == "invalid_grant"


def test_body_that_is_no_form_is_refused(app: Any) -> None:
    answer = app.http.post(app.token_url, json={"grant_type": "x"}, timeout=5)
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("pair", "status"),
    [
        pytest.param(("selfhelp", "s3cret"), 200, id="right"),
        pytest.param(("selfhelp", "wrong"), 401, id="wrong-secret"),
        pytest.param(("someone", "s3cret"), 401, id="unknown-app"),
        pytest.param(None, 401, id="no-header"),
    ],
)
def test_secret_is_checked(app: Any, pair: tuple[str, str] | None, status: int) -> None:
    app.sandbox.register_client(
        "http://127.0.0.1:9", auth="client_secret_basic", secret="s3cret"
    )
    form = {
        "grant_type": "authorization_code",
        "code": app.code(),
        "redirect_uri": "http://127.0.0.1:9/callback",
        "code_verifier": app.verifier,
    }
    assert app.post_token(form, auth=pair).status_code == status


def test_public_app_names_itself(app: Any) -> None:
    app.sandbox.register_client("http://127.0.0.1:9", auth="none")
    without = {"client_assertion": None, "client_assertion_type": None}
    assert refused(app.redeem(app.code(), **without)) == "invalid_client"
    answer = app.redeem(app.code(), client_id="selfhelp", **without)
    assert answer.status_code == 200


def test_code_runs_out_after_a_minute(app: Any) -> None:
    code = app.code()
    app.sandbox.advance(61)
    late = int(time.time()) + 61 + 240
    answer = app.redeem(code, client_assertion=app.assertion(exp=late))
    assert refused(answer) == "invalid_grant"


@pytest.fixture
def key_server(httpserver: Any, app: Any) -> Any:
    """The app's key address; what it serves is set by the test."""
    app.sandbox.register_client(httpserver.url_for(""))
    app.redirect_uri = f"{httpserver.url_for('').rstrip('/')}/callback"
    return httpserver


def serve(key_server: Any, *keys: ECKey) -> None:
    key_server.clear()
    document = {"keys": [key.as_dict(private=False) for key in keys]}
    key_server.expect_request("/.well-known/jwks.json").respond_with_json(document)


def test_keys_are_fetched_once_and_again_for_a_new_kid(
    app: Any, key_server: Any
) -> None:
    serve(key_server, app.key)
    assert app.redeem(app.code()).status_code == 200
    assert app.redeem(app.code()).status_code == 200
    assert len(key_server.log) == 1
    rotated = ECKey.generate_key("P-384", {"kid": "rotated"})
    serve(key_server, app.key, rotated)
    app.key = rotated
    assert app.redeem(app.code()).status_code == 200
    assert len(key_server.log) == 1  # of the log that `serve` began anew


def own_token(app: Any, scope: str, **changed: Any) -> Any:
    form = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": JWT_BEARER,
        "client_assertion": app.assertion(),
    }
    return app.post_token(form | changed)


def with_own_access(app: Any, app_key: ECKey) -> None:
    jwks = {"keys": [app_key.as_dict(private=False)]}
    app.sandbox.register_client("http://127.0.0.1:9", jwks=jwks, own_access=True)


def test_app_that_was_not_granted_its_own_access_gets_none(app: Any) -> None:
    assert refused(own_token(app, "system/Patient.r")) == "unauthorized_client"


def test_own_token_has_system_scopes_alone_and_no_patient(
    app: Any, app_key: ECKey
) -> None:
    with_own_access(app, app_key)
    asked = "openid online_access patient/*.rs system/Patient.r system/Condition.c"
    answer = own_token(app, asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json()["scope"] == "system/Patient.r"
    assert refused(own_token(app, "patient/*.rs")) == "invalid_scope"


def test_own_token_reaches_what_it_names_of_any_patient(
    app: Any, app_key: ECKey, order: dict[str, Any]
) -> None:
    with_own_access(app, app_key)
    scope = "system/Patient.r system/ServiceRequest.cs"
    app.token = own_token(app, scope).json()["access_token"]
    for patient in ("alcohol", "opioid"):
        assert app.get(f"Patient/{app.sandbox.patient_id(patient)}").status_code == 200
    assert app.create(order).status_code == 201
    assert app.get("Condition").status_code == 403
    app.sandbox.sandbox.advance(3601)
    assert app.get("ServiceRequest").status_code == 401
