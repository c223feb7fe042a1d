"""L26-L30: the id_token and the EHR's keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from joserfc import jwt

from smart_launch.discovery import fetch
from smart_launch.ehr_keys import PAUSE, RENEW_AFTER, USABLE_FOR, EhrKeys
from smart_launch.errors import (
    EhrBusy,
    EhrUnavailable,
    IdentityRejected,
    NotAClinician,
    SmartError,
)


@dataclass
class Ticks:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def refused(app: Any, ehr: Any, error: type[SmartError] = IdentityRejected) -> None:
    with pytest.raises(error):
        app.launch(ehr)
    assert app.grants._kept == {}


def with_token(ehr: Any, make: Any) -> None:
    """Let the token endpoint answer with this id_token, made from the nonce."""
    plain = ehr.grant

    def grant(asked: dict[str, str], grant_type: str) -> dict[str, Any]:
        return plain(asked, grant_type) | {"id_token": make(asked["nonce"])}

    ehr.grant = grant


def part(value: object) -> str:
    data = json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    data: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=="))
    return data


def test_L26_unsigned_token_is_rejected(app: Any, ehr: Any) -> None:
    def unsigned(nonce: str) -> str:
        claims = claims_of(ehr.id_token(nonce))
        return f"{part({'alg': 'none', 'kid': 'ehr-1'})}.{part(claims)}."

    with_token(ehr, unsigned)
    refused(app, ehr)


def test_L26_public_key_as_hmac_secret_is_rejected(
    app: Any, ehr: Any, ehr_keys: Any
) -> None:
    secret = ehr_keys["first"].as_pem(private=False)

    def confused(nonce: str) -> str:
        claims = claims_of(ehr.id_token(nonce))
        text = f"{part({'alg': 'HS256', 'kid': 'ehr-1'})}.{part(claims)}"
        tag = hmac.new(secret, text.encode(), "sha256").digest()
        return f"{text}.{base64.urlsafe_b64encode(tag).rstrip(b'=').decode()}"

    with_token(ehr, confused)
    refused(app, ehr)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"jwk": "PUBLIC"}, id="embedded-jwk"),
        pytest.param({"jku": "JWKS"}, id="jku"),
        pytest.param({"x5u": "JWKS"}, id="x5u"),
    ],
)
def test_L26_key_that_the_token_brings_along_is_ignored(
    app: Any, ehr: Any, new_ehr: Any, ehr_keys: Any, header: dict[str, Any]
) -> None:
    evil, key = new_ehr("evil"), ehr_keys["second"]
    public = key.as_dict(private=False)
    values = {"PUBLIC": public, "JWKS": f"{evil.root}/jwks"}
    header = {name: values[value] for name, value in header.items()}

    def forged(nonce: str) -> str:
        claims = claims_of(ehr.id_token(nonce))
        full = {"alg": "RS256", "kid": "ehr-1", **header}
        return jwt.encode(full, claims, key, algorithms=["RS256"])

    with_token(ehr, forged)
    refused(app, ehr)
    assert evil.received == []


def test_L26_unknown_critical_header_is_rejected(
    app: Any, ehr: Any, ehr_keys: Any
) -> None:
    def critical(nonce: str) -> str:
        _, body, _ = ehr.id_token(nonce).split(".")
        top = part({"alg": "RS256", "kid": "ehr-1", "crit": ["x"], "x": 1})
        signer = jwt.encode({"alg": "RS256"}, {}, ehr_keys["first"])
        return f"{top}.{body}.{signer.split('.')[2]}"

    with_token(ehr, critical)
    refused(app, ehr)


def test_L26_key_of_another_type_is_rejected(app: Any, ehr: Any, ehr_keys: Any) -> None:
    key = ehr_keys["ec"]
    with_token(ehr, lambda nonce: ehr.id_token(nonce, key=key, alg="ES256"))
    refused(app, ehr)


def test_L26_elliptic_curve_key_is_taken(app: Any, ehr: Any, ehr_keys: Any) -> None:
    key = ehr_keys["ec"]
    ehr.keys = [key.as_dict(private=False)]
    with_token(ehr, lambda nonce: ehr.id_token(nonce, key=key, alg="ES256"))
    assert app.launch(ehr).context.subject == "user-1"


def test_L26_signature_of_another_key_is_rejected(
    app: Any, ehr: Any, ehr_keys: Any
) -> None:
    key = ehr_keys["second"]
    with_token(ehr, lambda nonce: ehr.id_token(nonce, key=key, kid="ehr-1"))
    refused(app, ehr)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("a.b.c", id="letters"),
        pytest.param("x" * 20_000, id="long"),
        pytest.param("é.é.é", id="not-ASCII"),
        pytest.param("eyJhbGciOiJSUzI1NiJ9.e30.AAAA", id="no-kid"),
    ],
)
def test_L26_what_is_no_token_is_rejected(app: Any, ehr: Any, token: Any) -> None:
    ehr.token_answer = {"id_token": token}
    refused(app, ehr)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"aud": "another"}, id="aud"),
        pytest.param({"aud": ["another"]}, id="aud-list"),
        pytest.param({"aud": None}, id="no-aud"),
        pytest.param({"aud": {"app": 1}}, id="aud-object"),
        pytest.param({"aud": ["app", "other"], "azp": "other"}, id="foreign-azp"),
        pytest.param({"aud": ["app", "other"]}, id="aud-list-without-azp"),
        pytest.param({"azp": "other"}, id="azp"),
        pytest.param({"iss": "https://evil.example"}, id="iss"),
        pytest.param({"iss": None}, id="no-iss"),
        pytest.param({"iss": 5}, id="iss-number"),
        pytest.param({"nonce": "other"}, id="nonce"),
        pytest.param({"nonce": None}, id="no-nonce"),
        pytest.param({"nonce": 1}, id="nonce-number"),
        pytest.param({"exp": "NOW-61"}, id="expired"),
        pytest.param({"exp": "NOW-60"}, id="just-expired"),
        pytest.param({"iat": "NOW+3600", "exp": "NOW+4000"}, id="from-the-future"),
        pytest.param({"iat": "NOW+61"}, id="just-from-the-future"),
        pytest.param({"exp": "NOW*1000"}, id="milliseconds"),
        pytest.param({"exp": None}, id="no-exp"),
        pytest.param({"exp": "soon"}, id="exp-words"),
        pytest.param({"exp": True}, id="exp-bool"),
        pytest.param({"exp": 1e400}, id="exp-infinite"),
        pytest.param({"iat": None}, id="no-iat"),
        pytest.param({"iat": float("nan")}, id="iat-NaN"),
        pytest.param({"sub": None}, id="no-sub"),
        pytest.param({"sub": ""}, id="empty-sub"),
        pytest.param({"sub": "x" * 300}, id="long-sub"),
        pytest.param({"sub": "a\nb"}, id="sub-with-newline"),
        pytest.param({"sub": 7}, id="sub-number"),
        pytest.param({"at_hash": "AAAA"}, id="at_hash"),
        pytest.param({"at_hash": 5}, id="at_hash-number"),
    ],
)
def test_L27_wrong_claim_is_rejected(
    app: Any, ehr: Any, claims: dict[str, Any]
) -> None:
    now = int(app.clock().timestamp())
    ehr.id_claims = {
        name: _moment(value, now) if isinstance(value, str) else value
        for name, value in claims.items()
    }
    refused(app, ehr)


def _moment(text: str, now: int) -> object:
    if text == "NOW*1000":
        return (now + 300) * 1000
    return now + int(text.removeprefix("NOW")) if text.startswith("NOW") else text


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": "NOW-59"}, id="within-leeway"),
        pytest.param({"iat": "NOW+59"}, id="clock-ahead"),
        pytest.param({"aud": ["app"]}, id="aud-list"),
        pytest.param({"aud": ["app", "other"], "azp": "app"}, id="azp"),
    ],
)
def test_L27_tolerable_claim_is_taken(
    app: Any, ehr: Any, claims: dict[str, Any]
) -> None:
    now = int(app.clock().timestamp())
    ehr.id_claims = {
        name: _moment(value, now) if isinstance(value, str) else value
        for name, value in claims.items()
    }
    assert app.launch(ehr).context.subject == "user-1"


def test_L27_right_access_token_hash_is_taken(app: Any, ehr: Any) -> None:
    digest = hashlib.sha256(b"access-general-1").digest()[:16]
    hashed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    ehr.id_claims = {"at_hash": hashed}
    assert app.launch(ehr).context.subject == "user-1"


def test_L28_rotated_key_is_fetched_once(app: Any, ehr: Any, ehr_keys: Any) -> None:
    key, ticks = ehr_keys["second"], Ticks()
    app.client._identities.keys.monotonic = ticks
    app.launch(ehr)
    ehr.keys.append(key.as_dict(private=False))
    with_token(ehr, lambda nonce: ehr.id_token(nonce, key=key))
    ticks.now += PAUSE
    assert app.launch(ehr).context.subject == "user-1"
    assert len(ehr.calls("/jwks")) == 2


def test_L28_forged_key_ids_cause_one_fetch_per_pause(
    app: Any, ehr: Any, registered: Any
) -> None:
    ticks, registration = Ticks(), registered(ehr)
    keys = EhrKeys(app.client.outbound, ticks)
    configuration = fetch(registration, app.client.outbound)
    keys.warm(registration, configuration)
    for number in range(200):
        ticks.now += PAUSE / 200
        found = keys.with_key(registration, configuration, f"forged-{number}")
        assert [key.kid for key in found] == ["ehr-1"]
    assert len(ehr.calls("/jwks")) == 2


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param((500, b""), id="500"),
        pytest.param((200, b""), id="empty"),
        pytest.param((200, b"<html>"), id="html"),
        pytest.param((200, b"[]"), id="array"),
        pytest.param((200, b'{"keys": []}'), id="no-keys"),
        pytest.param((200, b'{"keys": {}}'), id="keys-object"),
        pytest.param((302, b""), id="redirect"),
    ],
)
def test_L29_without_a_key_set_the_launch_fails_closed(
    app: Any, ehr: Any, answer: Any, reply: tuple[int, bytes]
) -> None:
    ehr.on("/jwks", answer(*reply))
    refused(app, ehr, EhrUnavailable)


def test_L29_cached_key_set_serves_until_it_is_too_old(
    app: Any, ehr: Any, answer: Any, registered: Any
) -> None:
    ticks, registration = Ticks(), registered(ehr)
    keys = EhrKeys(app.client.outbound, ticks)
    configuration = fetch(registration, app.client.outbound)
    keys.warm(registration, configuration)
    ehr.on("/jwks", answer(500))
    ticks.now += RENEW_AFTER + 1
    assert keys.with_key(registration, configuration, "ehr-1")
    assert len(ehr.calls("/jwks")) == 2
    ticks.now += USABLE_FOR
    with pytest.raises(EhrUnavailable):
        keys.with_key(registration, configuration, "ehr-1")


def test_L29_key_set_recovers_soon_after_a_failed_start(
    app: Any, ehr: Any, answer: Any, registered: Any
) -> None:
    ticks, registration = Ticks(), registered(ehr)
    keys = EhrKeys(app.client.outbound, ticks)
    configuration = fetch(registration, app.client.outbound)
    ehr.on("/jwks", answer(500))
    with pytest.raises(EhrUnavailable):
        keys.warm(registration, configuration)
    ehr.off("/jwks")
    ticks.now += 2
    assert keys.with_key(registration, configuration, "ehr-1")


def test_L29_no_thread_waits_long_for_anothers_question(
    app: Any, ehr: Any, registered: Any
) -> None:
    release = threading.Event()
    plain = ehr.jwks

    def slowly(request: Any, one: Any) -> Any:
        release.wait(60)
        return plain(request, one)

    ehr.on("/jwks", slowly)
    registration = registered(ehr)
    configuration = fetch(registration, app.client.outbound)
    keys = EhrKeys(app.client.outbound, patience=0.3)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(keys.warm, registration, configuration)
        while not ehr.calls("/jwks"):
            time.sleep(0.01)
        with pytest.raises(EhrBusy):
            keys.with_key(registration, configuration, "ehr-1")
        release.set()
        first.result()
    assert keys.with_key(registration, configuration, "ehr-1")


def test_L29_another_address_empties_the_cache(
    app: Any, ehr: Any, registered: Any
) -> None:
    registration = registered(ehr)
    keys = EhrKeys(app.client.outbound)
    keys.warm(registration, fetch(registration, app.client.outbound))
    ehr.configuration = {"jwks_uri": f"{ehr.root}/fhir/moved"}
    with pytest.raises(EhrUnavailable):
        keys.warm(registration, fetch(registration, app.client.outbound))


def test_L29_key_for_encryption_proves_nobody(app: Any, ehr: Any) -> None:
    ehr.keys = [{**ehr.keys[0], "use": "enc"}]
    refused(app, ehr, EhrUnavailable)


def test_L29_bad_keys_do_not_hide_the_good_one(app: Any, ehr: Any) -> None:
    small = {"kty": "RSA", "kid": "small", "n": "u1SU1L", "e": "AQAB"}
    ehr.keys = [
        {"kty": "oct", "kid": "ehr-1", "k": "AAAA"},
        {"kty": "RSA", "kid": "ehr-1"},
        {"kty": "RSA", "kid": 5},
        {**ehr.keys[0], "use": "enc"},
        {"kty": "EC", "kid": "x", "crv": "P-999", "x": "A", "y": "A"},
        small,
        "text",
        *ehr.keys,
    ]
    assert app.launch(ehr).context.subject == "user-1"


@pytest.mark.parametrize(
    ("user", "error"),
    [
        pytest.param("Patient/p1", NotAClinician, id="patient"),
        pytest.param("RelatedPerson/1", NotAClinician, id="relative"),
        pytest.param("ISS/Patient/p1", NotAClinician, id="absolute-patient"),
        pytest.param(
            "https://evil.example/fhir/Practitioner/1", IdentityRejected, id="x"
        ),
        pytest.param("ISS.evil.example/Practitioner/1", IdentityRejected, id="prefix"),
        pytest.param("Practitioner/../Patient", IdentityRejected, id="path"),
        pytest.param("Practitioner/..", IdentityRejected, id="dots"),
        pytest.param("Practitioner/1/_history/1", IdentityRejected, id="version"),
        pytest.param("/Practitioner/1", IdentityRejected, id="slash"),
        pytest.param("Practitioner/1\n", IdentityRejected, id="newline"),
        pytest.param("Practitioner", IdentityRejected, id="no-id"),
        pytest.param(None, IdentityRejected, id="missing"),
        pytest.param(["Practitioner/1"], IdentityRejected, id="list"),
    ],
)
def test_L30_user_who_is_no_clinician_of_this_ehr_is_refused(
    app: Any, ehr: Any, user: Any, error: type[SmartError]
) -> None:
    if isinstance(user, str):
        user = user.replace("ISS", ehr.issuer)
    ehr.id_claims = {"fhirUser": user}
    refused(app, ehr, error)
    assert ehr.calls("/fhir/Pr") == []


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param({"fhirUser": "Practitioner/1"}, "Practitioner/1", id="relative"),
        pytest.param(
            {"fhirUser": "PractitionerRole/r"}, "PractitionerRole/r", id="role"
        ),
        pytest.param(
            {"fhirUser": None, "profile": "Practitioner/2"}, "Practitioner/2", id="v1"
        ),
    ],
)
def test_L30_practitioner_is_taken(
    app: Any, ehr: Any, claims: dict[str, Any], expected: str
) -> None:
    ehr.id_claims = claims
    assert app.launch(ehr).context.fhir_user == expected


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        pytest.param({"name": "  Ada "}, "Ada", id="name"),
        pytest.param({"name": "a\nb", "preferred_username": "ada"}, "ada", id="login"),
        pytest.param({"name": 5}, "", id="none"),
        pytest.param({"name": "x" * 999}, "x" * 200, id="long"),
    ],
)
def test_user_name_is_one_short_line(
    app: Any, ehr: Any, claims: dict[str, Any], name: str
) -> None:
    ehr.id_claims = claims
    assert app.launch(ehr).context.user_name == name


@pytest.mark.parametrize(
    ("claim", "value", "roles"),
    [
        pytest.param("roles", ["md", "tutor"], ("md", "tutor"), id="list"),
        pytest.param("roles", "md tutor", ("md", "tutor"), id="text"),
        pytest.param("roles", ["md", 5, "a\nb", None], ("md",), id="odd-ones"),
        pytest.param("roles", {"md": True}, (), id="object"),
        pytest.param("roles", None, (), id="missing"),
        pytest.param("roles", ["x"] * 200, ("x",) * 100, id="many"),
        pytest.param(None, ["md"], (), id="not-asked-for"),
    ],
)
def test_R7_roles_are_read_where_the_registration_says(
    ehr: Any,
    new_app: Any,
    registered: Any,
    claim: str | None,
    value: Any,
    roles: tuple[str, ...],
) -> None:
    app = new_app(registered(ehr, role_claim=claim))
    ehr.id_claims = {"roles": value}
    assert app.launch(ehr).context.user_roles == roles
