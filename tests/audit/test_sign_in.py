"""Who gets in to read the trail, and who does not."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from plugin.audit.provider import provider_of
from plugin.audit.trail import NO_TENANT

APP_URL = "https://app.test"
OURS = {"origin": APP_URL, "sec-fetch-site": "same-origin"}

Reviewed = Any  # what the fixture gives: see conftest


def test_auditor_signs_in_and_it_is_recorded(reviewed: Reviewed) -> None:
    answer = reviewed.sign_in()
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/audit"
    onward = reviewed.get("/audit")
    assert onward.headers["location"] == "/audit/at/general/records"
    page = reviewed.get(onward.headers["location"])
    assert page.status_code == 200
    assert "Auditor: J. Moreau" in page.text
    (signed_in,) = reviewed.events("audit.signed_in", NO_TENANT)
    assert signed_in["actor"] == "reviewer:staff-moreau"
    assert signed_in["detail"] == {"roles": ["auditor"], "tenants": ["general"]}


def test_request_to_the_provider_has_state_nonce_and_pkce(reviewed: Reviewed) -> None:
    away = reviewed.get("/audit/sign-in")
    asked = parse_qs(urlsplit(away.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{APP_URL}/audit/callback"]
    assert asked["scope"] == ["openid profile"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name][0]) >= 43
    again = parse_qs(urlsplit(reviewed.get("/audit/sign-in").headers["location"]).query)
    assert not {asked["state"][0], asked["nonce"][0]} & {
        again["state"][0],
        again["nonce"][0],
    }


def test_X10_cookies_are_closed_to_scripts_and_other_sites(reviewed: Reviewed) -> None:
    away = reviewed.get("/audit/sign-in")
    back = reviewed.come_back(away.headers["location"], "moreau")
    set_cookies = [
        *away.headers.get_list("set-cookie"),
        *back.headers.get_list("set-cookie"),
    ]
    assert len(set_cookies) == 3
    for one in set_cookies:
        assert re.match(r"__Host-audit(-sign-in)?=", one)
        for attribute in ("Path=/", "Secure", "HttpOnly", "SameSite=Lax"):
            assert attribute in one
        assert "Domain" not in one
    secret = back.headers.get_list("set-cookie")[0].split("=")[1].split(";")[0]
    with reviewed.house.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT * FROM audit_sessions").all()
    assert secret not in repr(kept)


@pytest.mark.parametrize("person", ["ito", "nowhere"])
def test_who_has_no_role_or_no_tenant_stays_out(
    reviewed: Reviewed, person: str
) -> None:
    answer = reviewed.sign_in(person)
    assert answer.status_code == 400
    assert "This sign-in was not accepted" in answer.text
    assert reviewed.get("/audit").status_code == 401
    (refused,) = reviewed.events("audit.sign_in_refused")
    assert refused["detail"]["reason"] == "the user has no role or no tenant here"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"nonce": "other"}, id="L27-nonce"),
        pytest.param({"nonce": None}, id="L27-no-nonce"),
        pytest.param({"aud": "other"}, id="L27-audience"),
        pytest.param({"aud": ["selfhelp-audit", "evil"]}, id="L27-two-audiences"),
        pytest.param({"azp": "evil"}, id="L27-party"),
        pytest.param({"iss": "https://evil.example"}, id="L27-issuer"),
        pytest.param({"exp": 1_700_000_000}, id="L27-expired"),
        pytest.param({"exp": None}, id="L27-no-end"),
        pytest.param({"exp": 99_999_999_999}, id="L27-endless"),
        pytest.param({"iat": 99_999_999_999}, id="L27-from-the-future"),
        pytest.param({"sub": None}, id="L27-nobody"),
        pytest.param({"sub": "a\nb"}, id="L27-two-lines"),
        pytest.param({"groups": "ward-clerks"}, id="other-group"),
        pytest.param({"tenants": []}, id="no-tenant"),
        pytest.param({"groups": {"referral-auditors": True}}, id="strange-claim"),
    ],
)
def test_wrong_claim_is_refused(reviewed: Reviewed, changes: dict[str, Any]) -> None:
    reviewed.sandbox.sandbox.staff_login.changes = changes
    assert reviewed.sign_in().status_code == 400
    assert reviewed.get("/audit").status_code == 401


def _location(reviewed: Reviewed) -> str:
    return str(reviewed.get("/audit/sign-in").headers["location"])


def test_L12_callback_works_once(reviewed: Reviewed) -> None:
    authorize = _location(reviewed)
    back = requests.get(
        authorize + "&person=moreau", allow_redirects=False, timeout=5
    ).headers["location"]
    path = back.removeprefix(APP_URL)
    cookie = reviewed.client.cookies.get("__Host-audit-sign-in")
    assert reviewed.get(path).status_code == 303
    reviewed.client.cookies.set("__Host-audit-sign-in", str(cookie))
    assert reviewed.get(path).status_code == 400
    assert reviewed.sandbox.sandbox.staff_login.redeemed == 1


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="L11-nothing"),
        pytest.param("?code=x&state=y", id="L11-foreign-state"),
        pytest.param("?error=access_denied&state=y", id="L18-denied"),
        pytest.param("?code=a&code=b&state=y", id="L20-twice"),
        pytest.param("?code=x&state=" + "y" * 5000, id="L20-long"),
        pytest.param("?code=x&state=y&iss=https://evil.example", id="L16-issuer"),
    ],
)
def test_bad_callback_is_400_and_asks_for_no_token(
    reviewed: Reviewed, query: str
) -> None:
    _location(reviewed)
    assert reviewed.get(f"/audit/callback{query}").status_code == 400
    assert reviewed.sandbox.sandbox.staff_login.redeemed == 0


@pytest.mark.parametrize(
    "iss", ["", "https://evil.example"], ids=["L16-missing", "L16-another"]
)
def test_callback_of_another_provider_is_refused(reviewed: Reviewed, iss: str) -> None:
    state = parse_qs(urlsplit(_location(reviewed)).query)["state"][0]
    more = f"&iss={iss}" if iss else ""
    answer = reviewed.get(f"/audit/callback?code=x&state={state}{more}")
    assert answer.status_code == 400
    assert reviewed.sandbox.sandbox.staff_login.redeemed == 0


def test_L14_sign_in_of_another_browser_is_refused(reviewed: Reviewed) -> None:
    authorize = _location(reviewed)
    reviewed.client.cookies.clear()
    assert reviewed.come_back(authorize, "moreau").status_code == 400


def test_L13_late_callback_is_refused(reviewed: Reviewed) -> None:
    authorize = _location(reviewed)
    reviewed.clock.ahead = timedelta(minutes=11)
    assert reviewed.come_back(authorize, "moreau").status_code == 400


def test_L31_sign_in_gives_a_new_session(reviewed: Reviewed) -> None:
    reviewed.sign_in()
    before = reviewed.client.cookies.get("__Host-audit")
    reviewed.sign_in()
    assert reviewed.client.cookies.get("__Host-audit") != before
    reviewed.client.cookies.clear()
    reviewed.client.cookies.set("__Host-audit", str(before))
    assert reviewed.get("/audit").status_code == 401


def test_L42_session_ends_when_idle_and_at_the_end_of_a_day(reviewed: Reviewed) -> None:
    reviewed.sign_in()
    reviewed.clock.ahead = timedelta(minutes=14)
    assert reviewed.get("/audit").status_code == 303
    reviewed.clock.ahead = timedelta(minutes=28)
    assert reviewed.get("/audit").status_code == 303
    reviewed.clock.ahead = timedelta(minutes=44)
    answer = reviewed.get("/audit")
    assert answer.status_code == 401
    assert 'href="/audit/sign-in"' in answer.text
    reviewed.clock.ahead = timedelta()
    reviewed.sign_in()
    step = timedelta(minutes=10)
    for _ in range(12 * 6 - 1):
        reviewed.clock.ahead += step
        assert reviewed.get("/audit").status_code == 303
    reviewed.clock.ahead += step
    assert reviewed.get("/audit").status_code == 401


def test_L42_signing_out_ends_the_session_on_the_server(reviewed: Reviewed) -> None:
    reviewed.sign_in()
    secret = reviewed.client.cookies.get("__Host-audit")
    assert reviewed.post("/audit/sign-out").status_code == 200
    reviewed.client.cookies.clear()
    reviewed.client.cookies.set("__Host-audit", str(secret))
    assert reviewed.get("/audit").status_code == 401
    assert len(reviewed.events("audit.signed_out")) == 1


def test_without_a_provider_there_is_no_sign_in(reviewed: Reviewed) -> None:
    reviewed.client.app.state.house = replace(reviewed.house, sign_in=None)
    assert reviewed.get("/audit/sign-in").status_code == 404


def test_provider_that_is_down_is_said_to_be(reviewed: Reviewed) -> None:
    house, login = reviewed.house, reviewed.house.settings.audit_login
    closed = login.model_copy(update={"issuer": "http://127.0.0.1:9/staff"})
    settings = house.settings.model_copy(update={"audit_login": closed})
    old = house.sign_in.provider
    provider = provider_of(settings, old.outbound, old.tokens.authenticator)
    down = replace(house.sign_in, provider=provider)
    reviewed.client.app.state.house = replace(house, sign_in=down)
    answer = reviewed.get("/audit/sign-in")
    assert answer.status_code in (502, 503)
    assert "Traceback" not in answer.text


def test_X07_sign_out_from_another_site_is_refused(reviewed: Reviewed) -> None:
    reviewed.sign_in()
    for headers in (
        {"origin": "https://evil.example"},
        {},
        OURS | {"sec-fetch-site": "cross-site"},
    ):
        assert reviewed.post("/audit/sign-out", headers).status_code == 403
    assert reviewed.get("/audit").status_code == 303
    assert reviewed.refusals() == ["origin"] * 3
