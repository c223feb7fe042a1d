"""How reviewers sign in: OpenID Connect, with a code, PKCE and a nonce.

What the callback needs is sealed into a cookie of the browser that began, so that a
sign-in which somebody else began cannot be finished here.

Source: OpenID Connect Core 1.0, 3.1.2 and 3.1.3.7; RFC 7636; RFC 9207; RFC 9700.
"""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jws, jwt
from joserfc.errors import JoseError

from plugin.audit.errors import NoCookieKept, SignInRefused
from plugin.audit.provider import Provider
from plugin.audit.reviewer import Reviewer, Roles
from plugin.clock import Clock
from smart_launch.ehr_keys import ALGORITHMS
from smart_launch.errors import BadLaunchRequest, SealBroken, SmartError
from smart_launch.parameters import CallbackRequest, read_callback
from smart_launch.sealing import Seal
from smart_launch.tokens import StateLedger

SIGN_IN_SECONDS = 600  # to type a password, and a second factor
LEEWAY = 60  # seconds that the provider's clock and ours may be apart
_LONGEST_TOKEN = 16_384
_LEDGER = "audit-login"  # whose states these are, among those of the EHRs
_PLACE = {"tenant": "-", "table": "audit_sign_in", "row": "-", "column": "cookie"}


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in under way."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    begun: float


@dataclass(frozen=True, slots=True)
class SignIn:
    """Takes: `roles`, what the provider calls whom; `states`, those that were used."""

    provider: Provider
    roles: Roles
    seal: Seal = field(repr=False)
    states: StateLedger
    clock: Clock
    random: Callable[[int], bytes] = os.urandom

    def begin(self) -> tuple[str, str]:
        """Where to send the browser, and the value of the cookie to send with it.

        Raises: SignInRefused, where the provider cannot be used; SmartError.
        """
        configuration = self.provider.configuration()
        state, nonce, verifier = (_text(self.random(32)) for _ in range(3))
        pending = Pending(state, nonce, verifier, self.clock().timestamp())
        url = prepare_grant_uri(
            configuration.authorization_endpoint,
            self.provider.registration.client_id,
            "code",
            redirect_uri=self.provider.registration.redirect_uri,
            scope="openid profile",
            state=pending.state,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
        )
        sealed = self.seal.seal(orjson.dumps(asdict(pending)), **_PLACE)
        return str(url), _text(sealed)

    def finish(self, query: Sequence[tuple[str, str]], cookie: str) -> Reviewer:
        """The reviewer whom the provider leads back.

        Raises: SignInRefused, whatever is wrong with it, before any token is asked
                for; SmartError, where the provider cannot be reached.
        """
        try:
            request = read_callback(query)
        except BadLaunchRequest as error:
            raise SignInRefused(str(error)) from None
        pending = self._claimed(request, cookie)
        configuration = self.provider.configuration()
        self._check_issuer(request)
        if request.code is None:
            raise SignInRefused(f"the provider answered {request.error}")
        try:
            reply = self.provider.tokens.redeem(
                self.provider.registration,
                configuration,
                code=request.code,
                verifier=pending.verifier,
            )
        except SmartError as error:
            raise SignInRefused(f"no token: {type(error).__name__}") from None
        token = reply.id_token.get_secret_value() if reply.id_token else ""
        claims = self._proven(token, pending.nonce)
        reviewer = self.roles.reviewer(claims)
        if reviewer is None:
            raise SignInRefused("the user has no role or no tenant here")
        return reviewer

    def _claimed(self, request: CallbackRequest, cookie: str) -> Pending:
        if not cookie:
            raise NoCookieKept("no sign-in cookie came back")
        try:
            opened = self.seal.open(_bytes(cookie), **_PLACE)
            pending = Pending(**orjson.loads(opened))
        except (SealBroken, Base64Error, ValueError):
            raise SignInRefused("this browser began no sign-in") from None
        if not hmac.compare_digest(pending.state.encode(), request.state.encode()):
            raise SignInRefused("the state is another sign-in's")
        end = datetime.fromtimestamp(pending.begun, self.clock().tzinfo)
        end += timedelta(seconds=SIGN_IN_SECONDS)
        if self.clock() >= end:
            raise SignInRefused("the sign-in took too long")
        kept_until = end + timedelta(seconds=SIGN_IN_SECONDS)
        if not self.states.spend(_LEDGER, pending.state, kept_until):
            raise SignInRefused("the state was used before")
        return pending

    def _check_issuer(self, request: CallbackRequest) -> None:
        configuration = self.provider.configuration()
        if request.iss is None:
            if configuration.iss_in_callback:
                raise SignInRefused("the callback lacks the issuer it always has")
        elif request.iss != configuration.issuer:
            raise SignInRefused("the callback comes from another provider")

    def _proven(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an id_token, each one checked."""
        if not 0 < len(token) <= _LONGEST_TOKEN:
            raise SignInRefused("there is no id_token, or an overlong one")
        keys = self.provider.keys_with(_key_id(token))
        try:
            decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
            registry = jwt.JWTClaimsRegistry(
                now=int(self.clock().timestamp()),
                leeway=LEEWAY,
                iss={"essential": True, "value": self.provider.configuration().issuer},
                aud={"essential": True, "value": self.provider.registration.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            registry.validate(decoded.claims)
        except (JoseError, ValueError, TypeError, LookupError) as error:
            reason = type(error).__name__
            raise SignInRefused(f"the id_token does not hold: {reason}") from None
        _check_more(decoded.claims, self.provider.registration.client_id)
        return decoded.claims


def _key_id(token: str) -> str:
    """The `kid` of the header; it is trusted with nothing but choosing a key."""
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError):
        raise SignInRefused("the id_token is not a signed token") from None
    key_id = header.get("kid")
    if header.get("alg") not in ALGORITHMS or not isinstance(key_id, str):
        raise SignInRefused("the id_token names no key, or an algorithm of its own")
    return key_id


def _check_more(claims: Mapping[str, Any], client_id: str) -> None:
    """What the library lets pass: a second audience, a day's life, a strange name."""
    audience, party = claims["aud"], claims.get("azp")
    several = isinstance(audience, list) and len(audience) > 1
    if party != client_id and (party is not None or several):
        raise SignInRefused("the id_token was issued to another party")
    if claims["exp"] - claims["iat"] > timedelta(days=1).total_seconds():
        raise SignInRefused("the id_token's life is longer than a day")
    subject = claims["sub"]
    if not isinstance(subject, str) or not (0 < len(subject) <= 200):
        raise SignInRefused("the id_token's subject is not usable")
    if not subject.isprintable():
        raise SignInRefused("the id_token's subject is not usable")


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
