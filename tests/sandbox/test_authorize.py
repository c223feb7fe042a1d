"""The authorization endpoint refuses what it must."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests


def error_of(answer: requests.Response) -> str:
    assert answer.status_code == 302, answer.text
    sent = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert "code" not in sent
    assert sent["state"] == "some-state"
    return sent["error"]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"client_id": "stranger"}, id="unknown-app"),
        pytest.param({"client_id": None}, id="no-app"),
        pytest.param({"redirect_uri": "http://127.0.0.1:9/callback/"}, id="slash"),
        pytest.param({"redirect_uri": "http://127.0.0.1:9/callback?a=b"}, id="query"),
        pytest.param({"redirect_uri": "http://evil.example/callback"}, id="other-host"),
        pytest.param({"redirect_uri": None}, id="no-redirect-uri"),
    ],
)
def test_wrong_app_or_redirect_is_never_redirected(
    app: Any, changed: dict[str, Any]
) -> None:
    answer = app.authorize(app.authorization(**changed))
    assert answer.status_code == 400
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        pytest.param(
            {"response_type": "token"}, "unsupported_response_type", id="type"
        ),
        pytest.param({"launch": "invented"}, "invalid_request", id="unknown-launch"),
        pytest.param({"launch": None}, "invalid_request", id="no-launch"),
        pytest.param({"aud": "http://evil.example/r4"}, "invalid_request", id="aud"),
        pytest.param({"aud": None}, "invalid_request", id="no-aud"),
        pytest.param({"code_challenge": None}, "invalid_request", id="no-pkce"),
        pytest.param({"code_challenge": "short"}, "invalid_request", id="bad-pkce"),
        pytest.param(
            {"code_challenge_method": "plain"}, "invalid_request", id="pkce-plain"
        ),
        pytest.param(
            {"code_challenge_method": None}, "invalid_request", id="pkce-no-method"
        ),
        pytest.param({"scope": None}, "invalid_request", id="no-scope"),
        pytest.param(
            {"scope": "openid patient/*.rs"}, "invalid_scope", id="no-launch-scope"
        ),
    ],
)
def test_wrong_request_goes_back_with_an_error(
    app: Any, changed: dict[str, Any], error: str
) -> None:
    assert error_of(app.authorize(app.authorization(**changed))) == error


def test_aud_with_a_slash_more_is_refused(app: Any) -> None:
    asked = app.authorization(aud=f"{app.fhir}/")
    assert error_of(app.authorize(asked)) == "invalid_request"


def test_state_is_required(app: Any) -> None:
    answer = app.authorize(app.authorization(state=None))
    assert "error=invalid_request" in answer.headers["Location"]


def test_launch_token_works_once(app: Any) -> None:
    asked = app.authorization()
    assert "code=" in app.authorize(asked).headers["Location"]
    assert error_of(app.authorize(asked)) == "invalid_request"


def test_launch_token_of_another_hospital_is_refused(app: Any) -> None:
    launch = app.sandbox.mint_launch("alcohol", "epic")
    assert (
        error_of(app.authorize(app.authorization(launch=launch))) == "invalid_request"
    )


def test_launch_token_runs_out(app: Any) -> None:
    asked = app.authorization()
    app.sandbox.advance(601)
    assert error_of(app.authorize(asked)) == "invalid_request"


def test_parameter_given_twice_is_refused(app: Any) -> None:
    asked = [*app.authorization().items(), ("scope", "launch")]
    url = app.fhir.removesuffix("/r4") + "/oauth/authorize"
    answer = app.http.get(url, params=asked, allow_redirects=False, timeout=5)
    assert answer.status_code == 400


def test_authorization_may_be_posted(app: Any) -> None:
    url = app.fhir.removesuffix("/r4") + "/oauth/authorize"
    answer = app.http.post(
        url, data=app.authorization(), allow_redirects=False, timeout=5
    )
    assert "code=" in answer.headers["Location"]
