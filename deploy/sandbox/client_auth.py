"""Who is calling the token endpoint? Exactly one way, the one that was registered.

Source: SMART App Launch 2.2, "Client Authentication: Asymmetric (public key)" and
"Symmetric (shared secret)"; RFC 7523; RFC 6749, section 2.3.
"""

import base64
import binascii
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any, NoReturn
from urllib.parse import unquote_plus

import orjson
import requests
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from deploy.sandbox.clients import Client, Clients
from deploy.sandbox.moments import Clock
from deploy.sandbox.refusals import OAuthRefusal
from deploy.sandbox.wire import Json

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS384", "ES384")
# An assertion may be valid for five minutes at most.
_LONGEST_ASSERTION = timedelta(seconds=300)
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
_JWKS_TIMEOUT = 5.0
_NO_KEYS: Json = {"keys": []}
# Keys are kept as servers keep them, so that a launch does not cost a fetch.
_KEYS_KEPT = timedelta(seconds=60)
_MOST_SPENT = 10_000


@dataclass(slots=True)
class ClientCheck:
    """Checks the caller of a token endpoint; blocks while it fetches the app's keys."""

    clients: Clients
    token_url: str
    clock: Clock
    spent: dict[tuple[str, str], datetime] = field(default_factory=dict)
    fetched: dict[str, tuple[Json, datetime]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def caller(self, form: Mapping[str, str], authorization: str) -> Client:
        """Say which app is calling. Raises: OAuthRefusal (401 invalid_client)."""
        ways = [
            bool(authorization),
            "client_assertion" in form or "client_assertion_type" in form,
            "client_secret" in form,
        ]
        if sum(ways) > 1 or ways[2]:
            raise OAuthRefusal("invalid_request", "one way of authentication only")
        if ways[0]:
            client = self._basic(authorization)
        elif ways[1]:
            client = self._asserted(form)
        else:
            client = self._public(form)
        if form.get("client_id", client.client_id) != client.client_id:
            _refuse("client_id is not the one that was authenticated")
        return client

    def _known(self, client_id: str, auth: str) -> Client:
        client = self.clients.find(client_id)
        if client is None or client.auth != auth:
            _refuse("the client is not known, or not registered for this")
        return client

    def _public(self, form: Mapping[str, str]) -> Client:
        return self._known(form.get("client_id", ""), "none")

    def _basic(self, authorization: str) -> Client:
        scheme, _, encoded = authorization.partition(" ")
        try:
            pair = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            _refuse("the Authorization header cannot be read")
        client_id, colon, secret = pair.partition(":")
        if scheme.lower() != "basic" or not colon:
            _refuse("the Authorization header cannot be read")
        client = self._known(unquote_plus(client_id), "client_secret_basic")
        if not compare_digest(unquote_plus(secret).encode(), client.secret.encode()):
            _refuse("the secret is wrong")
        return client

    def _asserted(self, form: Mapping[str, str]) -> Client:
        if form.get("client_assertion_type") != JWT_BEARER:
            _refuse(f"client_assertion_type must be {JWT_BEARER}")
        assertion = form.get("client_assertion", "")
        header, claims = _unverified(assertion)
        client = self._known(str(claims.get("sub", "")), "private_key_jwt")
        if header.get("alg") not in ALGORITHMS:
            _refuse("alg must be RS384 or ES384")
        if not header.get("kid"):
            _refuse("the header has no kid")
        if header.get("jku", client.jwks_url) != client.jwks_url:
            _refuse("jku is not the registered address")
        _verified(assertion, self._key(client, str(header["kid"])))
        self._check_claims(claims, client)
        return client

    def _check_claims(self, claims: Json, client: Client) -> None:
        if claims.get("iss") != client.client_id:
            _refuse("iss must be the client_id, as sub is")
        if claims.get("aud") != self.token_url:
            _refuse(f"aud must be {self.token_url}")
        now = self.clock()
        try:
            expires = datetime.fromtimestamp(claims["exp"], tz=now.tzinfo)
        except (KeyError, TypeError, ValueError, OverflowError):
            _refuse("exp is missing or no number")
        if not now < expires <= now + _LONGEST_ASSERTION:
            _refuse("exp must lie ahead, by 300 seconds at most")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not jti:
            _refuse("jti is missing")
        with self.lock:
            if (client.client_id, jti) in self.spent:
                _refuse("jti was used before")
            if len(self.spent) >= _MOST_SPENT:
                kept = {used: end for used, end in self.spent.items() if end > now}
                self.spent = kept
            self.spent[client.client_id, jti] = expires

    def _key(self, client: Client, kid: str) -> Json:
        """Find the app's key of this name; its keys are fetched anew for a new one."""
        with self.lock:
            keys, until = self.fetched.get(client.jwks_url, (_NO_KEYS, self.clock()))
            known = self.clock() < until and _named(keys, kid)
            if client.jwks is not None:
                keys = client.jwks
            elif not known:
                keys = _fetched(client)
                self.fetched[client.jwks_url] = keys, self.clock() + _KEYS_KEPT
        matching = _named(keys, kid)
        if len(matching) != 1:
            _refuse("kid names no key of the registered key set")
        if _PRIVATE_MEMBERS & set(matching[0]):
            _refuse("the registered key set publishes a private key")
        return matching[0]


def _unverified(assertion: str) -> tuple[dict[str, Any], Json]:
    try:
        token = jws.extract_compact(assertion.encode())
        claims = orjson.loads(token.payload)
    except (JoseError, ValueError):
        _refuse("the assertion cannot be read")
    if not isinstance(claims, dict):
        _refuse("the assertion cannot be read")
    return dict(token.protected), claims


def _verified(assertion: str, key: Json) -> None:
    try:
        jwt.decode(
            assertion,
            KeySet.import_key_set({"keys": [key]}),
            algorithms=list(ALGORITHMS),
        )
    except (JoseError, ValueError):
        _refuse("the signature is wrong")


def _named(keys: Json, kid: str) -> list[Json]:
    return [key for key in keys["keys"] if key.get("kid") == kid]


def _fetched(client: Client) -> Json:
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy stands between two loopback ports
            answer = session.get(
                client.jwks_url, timeout=_JWKS_TIMEOUT, allow_redirects=False
            )
        keys = orjson.loads(answer.content)
    except (requests.RequestException, ValueError):
        _refuse(f"the key set at {client.jwks_url} cannot be fetched")
    if answer.status_code != 200 or not isinstance(keys.get("keys"), list):
        _refuse(f"the key set at {client.jwks_url} cannot be read")
    return dict(keys)


def _refuse(text: str) -> NoReturn:
    raise OAuthRefusal("invalid_client", text, 401)
