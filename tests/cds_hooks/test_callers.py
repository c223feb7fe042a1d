"""Who may call: one token for each call, from an allowed issuer and key set alone."""

import base64
import hmac
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import func, select

from plugin.cds_hooks.callers import Callers
from plugin.store.cds_tables import cds_tokens
from plugin.store.engine import reading
from smart_launch.ehr_keys import RENEW_AFTER, EhrKeys
from smart_launch.outbound import Outbound, Reply
from smart_launch.registration import Registration

PATH = "/cds-services/patient-view"
REFUSED = "The call brings no token that is accepted here."


def refused(answer) -> bool:
    """Whether it is the one constant answer, which tells nothing about the reason."""
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"] == "Bearer"
    issue = answer.json()["issue"][0]
    return issue["details"]["text"] == REFUSED and issue["code"] == "login"


def unsigned(ehr, header: dict, **changed) -> str:
    token = ehr.token(PATH, **changed)
    claims = token.split(".")[1]
    head = base64.urlsafe_b64encode(orjson.dumps(header)).rstrip(b"=").decode()
    return f"{head}.{claims}."


def now() -> int:
    return int(time.time())


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": now() - 1}, id="expired"),
        pytest.param({"iat": now() + 3600, "exp": now() + 3900}, id="issued-ahead"),
        pytest.param({"exp": now() + 10 * 86_400}, id="endless"),
        pytest.param({"exp": (now() + 300) * 1000}, id="exp-in-milliseconds"),
        pytest.param({"exp": "soon"}, id="exp-is-text"),
        pytest.param({"exp": True}, id="exp-is-true"),
        pytest.param({"exp": None}, id="no-exp"),
        pytest.param({"iat": None}, id="no-iat"),
        pytest.param({"jti": None}, id="no-jti"),
        pytest.param({"jti": ""}, id="empty-jti"),
        pytest.param({"jti": 7}, id="jti-is-a-number"),
        pytest.param({"jti": "j" * 256}, id="overlong-jti"),
        pytest.param({"aud": None}, id="no-aud"),
        pytest.param({"iss": None}, id="no-iss"),
        pytest.param({"iss": ["a"]}, id="iss-is-a-list"),
        pytest.param({"iss": "https://evil.example/r4"}, id="unknown-issuer"),
    ],
)
def test_C01_token_whose_claims_do_not_hold_is_refused(ehr, claims) -> None:
    answer = ehr.post(PATH, ehr.body(), token=ehr.token(PATH, **claims))
    assert refused(answer)


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param([], id="none"),
        pytest.param([""], id="empty"),
        pytest.param(["Bearer "], id="no-token"),
        pytest.param(["Bearer abc"], id="no-jwt"),
        pytest.param(["Bearer a.b.c"], id="three-dots"),
        pytest.param([b"Bearer \xe4.\xf6.\xfc"], id="not-ascii"),
        pytest.param(["Basic dXNlcjpwYXNz"], id="basic"),
        pytest.param(["Bearer " + "a" * 20_000], id="overlong"),
    ],
)
def test_C01_call_without_a_token_is_refused(ehr, authorization) -> None:
    headers = [("content-type", "application/json")]
    headers += [("authorization", value) for value in authorization]
    answer = ehr.client.post(PATH, content=b"{}", headers=headers)
    assert refused(answer)


def test_C01_two_authorization_headers_are_refused(ehr) -> None:
    one = f"Bearer {ehr.token(PATH)}"
    headers = [("authorization", one), ("authorization", one)]
    answer = ehr.client.post(PATH, json=ehr.body(), headers=headers)
    assert refused(answer)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_C01_unsigned_token_is_refused(ehr, alg) -> None:
    token = unsigned(ehr, {"alg": alg, "kid": ehr.key.kid, "typ": "JWT"})
    assert refused(ehr.post(PATH, ehr.body(), token=token))


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_C01_public_key_as_a_shared_secret_is_refused(ehr, alg) -> None:
    head = unsigned(ehr, {"alg": alg, "kid": ehr.key.kid, "typ": "JWT"})
    signing = head.rstrip(".")
    secret = ehr.key.as_pem(private=False)
    signature = hmac.new(secret, signing.encode(), "sha" + alg[2:]).digest()
    text = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    assert refused(ehr.post(PATH, ehr.body(), token=f"{signing}.{text}"))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"kid": None}, id="no-kid"),
        pytest.param({"kid": "another"}, id="unknown-kid"),
        pytest.param({"typ": "at+jwt"}, id="another-type"),
    ],
)
def test_C01_token_whose_header_does_not_hold_is_refused(ehr, header) -> None:
    token = ehr.token(PATH, header=header)
    assert refused(ehr.post(PATH, ehr.body(), token=token))


def test_C01_token_that_brings_its_own_key_is_refused(ehr) -> None:
    mine = RSAKey.generate_key(2048, {"kid": "mine"})
    header = {"kid": "mine", "jwk": mine.as_dict(private=False)}
    token = ehr.token(PATH, header=header, key=mine)
    assert refused(ehr.post(PATH, ehr.body(), token=token))


def test_C01_signature_of_another_key_is_refused(ehr) -> None:
    mine = RSAKey.generate_key(2048, {"kid": ehr.key.kid})
    assert refused(ehr.post(PATH, ehr.body(), token=ehr.token(PATH, key=mine)))


def test_C01_changed_claims_are_refused(ehr) -> None:
    head, claims, signature = ehr.token(PATH).split(".")
    told = orjson.loads(base64.urlsafe_b64decode(claims + "=="))
    told["exp"] += 60
    claims = base64.urlsafe_b64encode(orjson.dumps(told)).rstrip(b"=").decode()
    token = f"{head}.{claims}.{signature}"
    assert refused(ehr.post(PATH, ehr.body(), token=token))


def test_good_token_is_taken(ehr) -> None:
    assert ehr.call().status_code == 200


def test_token_without_jku_or_type_is_taken(ehr) -> None:
    token = ehr.token(PATH, header={"jku": None, "typ": None})
    assert ehr.post(PATH, ehr.body(), token=token).status_code == 200


def test_C02_same_token_opens_one_call(ehr) -> None:
    token = ehr.token(PATH)
    assert ehr.post(PATH, ehr.body(), token=token).status_code == 200
    assert refused(ehr.post(PATH, ehr.body(), token=token))
    assert len(ehr.events("cds.called")) == 1


def test_C02_token_of_a_bad_call_is_used_up_too(ehr) -> None:
    token = ehr.token(PATH)
    assert ehr.post(PATH, {"hook": "x"}, token=token).status_code == 400
    assert refused(ehr.post(PATH, ehr.body(), token=token))


def test_C02_token_stays_used_after_a_restart(install) -> None:
    ehr = install()
    token = ehr.token(PATH)
    assert ehr.post(PATH, ehr.body(), token=token).status_code == 200
    again = install()
    assert refused(again.post(PATH, again.body(), token=token))


@pytest.mark.slow
def test_C02_same_token_on_two_workers_opens_one_call(install, database_url) -> None:
    """Two apps on one database, as two replicas, and eight calls at once."""
    both = [install(database_url), install(database_url)]
    for one in both:
        one.house.smart.keys.ensure()
        assert one.call().status_code == 200  # its keys are there from here on
    token, body = both[0].token(PATH), both[0].body()
    with ThreadPoolExecutor(8) as at_once:
        answers = list(
            at_once.map(
                lambda n: both[n % 2].post(PATH, body, token=token).status_code,
                range(8),
            )
        )
    assert sorted(answers) == [200] + [401] * 7


def test_C02_used_tokens_are_forgotten_when_they_have_expired(ehr, clock) -> None:
    for _ in range(3):
        assert ehr.call().status_code == 200
    clock.ahead = timedelta(minutes=10)
    assert ehr.call().status_code == 200
    with reading(ehr.house.engine) as connection:
        count = select(func.count()).select_from(cds_tokens)
        assert connection.scalar(count) == 1


@pytest.mark.parametrize(
    "audience",
    [
        pytest.param("https://app.test/cds-services/order-sign", id="another-service"),
        pytest.param("https://app.test/cds-services", id="discovery"),
        pytest.param("https://app.test", id="base"),
        pytest.param("https://app.test/cds-services/patient-view/", id="slash"),
        pytest.param("https://app.test/cds-services/patient-view?x", id="query"),
        pytest.param(
            "https://app.test/cds-services/patient-view/feedback", id="feedback"
        ),
        pytest.param("HTTPS://APP.TEST/cds-services/patient-view", id="upper-case"),
        pytest.param(
            ["https://app.test/cds-services/patient-view", "https://evil.example"],
            id="list-with-another",
        ),
        pytest.param([], id="empty-list"),
        pytest.param({"a": 1}, id="object"),
    ],
)
def test_C03_token_for_another_address_is_refused(ehr, audience) -> None:
    token = ehr.token(PATH, aud=audience)
    assert refused(ehr.post(PATH, ehr.body(), token=token))


def test_C03_feedback_needs_a_token_for_its_own_address(ehr) -> None:
    card = ehr.cards()[0]["uuid"]
    report = {
        "card": card,
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-02T10:05:31Z",
    }
    path = f"{PATH}/feedback"
    token = ehr.token(PATH)
    assert refused(ehr.post(path, {"feedback": [report]}, token=token))


@pytest.mark.parametrize(
    "jku",
    [
        pytest.param("{evil}/oauth/jwks", id="attacker"),
        pytest.param("{ours}/oauth/../redirect?to={evil}/oauth/jwks", id="redirect"),
        pytest.param("{ours}/oauth/jwks#x", id="fragment"),
        pytest.param("{ours}/oauth/jwks?", id="query"),
        pytest.param("http://169.254.169.254/latest", id="metadata-service"),
    ],
)
def test_C04_key_set_that_is_not_registered_is_never_fetched(
    ehr, sandboxes, jku
) -> None:
    ours, evil = sandboxes
    jku = jku.format(ours=ours.url, evil=evil.url)
    for key in (evil.sandbox.key.key, ehr.key):
        token = ehr.token(PATH, header={"jku": jku, "kid": key.kid}, key=key)
        assert refused(ehr.post(PATH, ehr.body(), token=token))
    assert not calls_of(ours, "jwks")
    assert not calls_of(evil, "jwks")


def calls_of(sandbox, kind: str) -> list:
    found: list = sandbox.counts.calls(kind)
    return found


def test_key_set_is_fetched_once_for_many_calls(install, sandboxes) -> None:
    ehr = install()
    for _ in range(5):
        assert ehr.call().status_code == 200
    assert len(calls_of(sandboxes[0], "jwks")) == 1


def test_tokens_with_unknown_keys_do_not_make_the_app_fetch(install, sandboxes) -> None:
    ehr = install()
    assert ehr.call().status_code == 200
    for number in range(3):
        token = ehr.token(PATH, header={"kid": f"new-{number}"})
        assert refused(ehr.post(PATH, ehr.body(), token=token))
    assert len(calls_of(sandboxes[0], "jwks")) == 1


def test_key_set_that_cannot_be_had_is_said_to_be_so(install, sandboxes) -> None:
    ehr = install()
    sandboxes[0].faults.add("status", on="jwks", code=500)
    answer = ehr.call()
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_C05_key_of_another_tenant_is_refused(ehr, other) -> None:
    token = ehr.token(PATH, header={"kid": other.key.kid, "jku": None}, key=other.key)
    assert refused(ehr.post(PATH, ehr.body(), token=token))


def test_C05_fhir_server_of_another_tenant_is_refused(ehr, other, sandboxes) -> None:
    answer = ehr.call(fhirServer=other.issuer)
    assert answer.status_code == 403
    assert answer.json()["issue"][0]["code"] == "forbidden"
    assert not calls_of(sandboxes[1], "read")
    told = ehr.events("security.rejected")[-1]
    assert told["tenant"] == "general"
    assert told["detail"]["reason"] == "OtherTenant"


@pytest.mark.parametrize(
    "server",
    [
        "http://127.0.0.1:1/r4",
        "http://169.254.169.254/r4",
        "https://evil.example/r4",
        "file:///etc/passwd",
        pytest.param("", id="empty"),
        pytest.param("x" * 5000, id="overlong"),
    ],
)
def test_C06_fhir_server_that_is_not_registered_is_never_called(
    ehr, sandboxes, server
) -> None:
    answer = ehr.call(fhirServer=server, prefetch={}, fhirAuthorization=ACCESS)
    assert answer.status_code == 400
    for sandbox in sandboxes:
        assert not calls_of(sandbox, "read")
        assert not calls_of(sandbox, "search")


ACCESS = {
    "access_token": "secret-4711",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs",
    "subject": "selfhelp",
}


def test_fhir_server_may_end_with_a_slash(ehr) -> None:
    assert ehr.call(fhirServer=ehr.issuer + "/").status_code == 200


def test_elliptic_keys_are_taken(ehr, sandboxes) -> None:
    """A key set with a P-384 key, and a token signed ES384."""
    key = ECKey.generate_key("P-384", {"kid": "ec", "use": "sig"})

    class OneAnswer(Outbound):
        def request(self, *_given, **_named) -> Reply:
            body = {"keys": [key.as_dict(private=False)]}
            return Reply(200, {}, orjson.dumps(body))

    house = ehr.house
    callers = Callers(
        house.settings, house.smart.registrations, EhrKeys(OneAnswer()), house.clock
    )
    claims = orjson.loads(
        base64.urlsafe_b64decode(ehr.token(PATH).split(".")[1] + "==")
    )
    token = jwt.encode({"alg": "ES384", "kid": "ec"}, claims, key, algorithms=["ES384"])
    caller = callers.prove([f"Bearer {token}"], "https://app.test" + PATH)
    assert caller.tenants == ("general",)


def test_calls_do_not_wait_while_a_known_key_set_is_renewed() -> None:
    """The EHR's key set hangs an hour later: who knows the key goes on."""
    key = RSAKey.generate_key(2048, {"kid": "one"})
    asked, renewing, goes_on = [], threading.Event(), threading.Event()
    now = [0.0]

    class Hanging(Outbound):
        def request(self, *_given, **_named) -> Reply:
            asked.append(1)
            if len(asked) > 1:
                renewing.set()
                goes_on.wait(20)
            body = {"keys": [key.as_dict(private=False)]}
            return Reply(200, {}, orjson.dumps(body))

    class Source:
        jwks_uri = "https://ehr.example/jwks"

    registration = Registration(
        id="general",
        issuer="https://ehr.example/r4",
        client_id="selfhelp",
        client_auth="private_key_jwt",
        redirect_uri="https://app.test/callback",
        scopes=("launch", "openid", "fhirUser"),
    )
    keys = EhrKeys(Hanging(), monotonic=lambda: now[0])
    assert keys.with_key(registration, Source(), "one")
    now[0] = RENEW_AFTER + 1
    with ThreadPoolExecutor(1) as beside:
        renewal = beside.submit(keys.with_key, registration, Source(), "one")
        assert renewing.wait(20)
        assert keys.with_key(registration, Source(), "one")
        assert not renewal.done()
        goes_on.set()
    assert len(asked) == 2
