"""Who calls: one JWT for each call, from an issuer and a key set that are allowed.

Source: CDS Hooks 2.0, "Trusting CDS Clients"; RFC 7515, RFC 7519.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from plugin.cds_hooks.errors import KeysUnavailable, NotAuthenticated
from plugin.clock import Clock
from plugin.settings import Settings
from plugin.settings.registrations import cds_key_registration
from smart_launch.ehr_keys import ALGORITHMS, EhrKeys
from smart_launch.errors import EhrUnavailable
from smart_launch.registration import Registration, Registrations

# How far ahead of ours the caller's clock may be. A token past its end is past it.
LEEWAY = 30  # seconds
# A longer life is a mistake, most often a time in milliseconds; and each used token is
# remembered until its end.
LONGEST_LIFE = 24 * 3600
_MAX_LENGTH = 16_384
_LONGEST_ID = 255
# Headers by which a token would choose its own key, or wants something unknown here.
_REFUSED_HEADERS = frozenset({"jwk", "x5c", "x5u", "crit", "b64"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token that holds belongs to, and what tells it from every other one."""

    issuer: str
    tenants: tuple[str, ...]
    issuer_hash: str
    token_hash: str
    expires: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class _KeySource:
    """One key set, and the EHRs that take calls which it has signed."""

    registration: Registration
    jwks_uri: str
    tenants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Callers:
    """Thread-safe."""

    settings: Settings
    registrations: Registrations
    keys: EhrKeys
    clock: Clock
    _allowed: Mapping[str, Sequence[_KeySource]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        allowed = _allowed(self.settings, self.registrations)
        object.__setattr__(self, "_allowed", allowed)

    def prove(self, authorization: Sequence[str], audience: str) -> Caller:
        """Takes:  every Authorization header; the address that was called.

        Raises: NotAuthenticated; KeysUnavailable.
        """
        token = _bearer(authorization)
        header, claims = _unproven(token)
        issuer = claims.get("iss")
        sources = self._allowed.get(issuer, ()) if isinstance(issuer, str) else ()
        if "jku" in header:
            sources = [s for s in sources if s.jwks_uri == header["jku"]]
        if not sources:
            raise NotAuthenticated("the issuer or its key set is not allowed")
        for source in sources:
            keys = self._keys(source, header["kid"])
            if any(key.kid == header["kid"] for key in keys):
                proven = _proven(token, keys)
                return self._caller(proven, source, audience)
        raise NotAuthenticated("the key is not one of the issuer's")

    def _keys(self, source: _KeySource, key_id: str) -> KeySet:
        try:
            return self.keys.with_key(source.registration, source, key_id)
        except EhrUnavailable:
            raise KeysUnavailable("the key set cannot be had") from None

    def _caller(
        self, claims: Mapping[str, Any], source: _KeySource, audience: str
    ) -> Caller:
        expires = _checked_times(claims, self.clock().timestamp())
        named = claims.get("aud")
        if named not in (audience, [audience]):
            raise NotAuthenticated("the token is for another address")
        token_id = claims.get("jti")
        if not isinstance(token_id, str) or not 0 < len(token_id) <= _LONGEST_ID:
            raise NotAuthenticated("the token has no jti, or an overlong one")
        issuer = str(claims["iss"])
        return Caller(
            issuer=issuer,
            tenants=source.tenants,
            issuer_hash=_digest(issuer),
            token_hash=_digest(token_id),
            expires=expires,
        )


def _allowed(
    settings: Settings, registrations: Registrations
) -> dict[str, list[_KeySource]]:
    """By issuer: each of its key sets once, with all tenants that name it."""
    named: dict[str, dict[str, list[str]]] = {}
    for ehr in settings.ehrs:
        for one in ehr.cds_hooks_issuers:
            sets = named.setdefault(one.issuer, {})
            tenants = sets.setdefault(one.jwks_url, [])
            if ehr.id not in tenants:
                tenants.append(ehr.id)
    return {
        issuer: [
            _KeySource(
                cds_key_registration(registrations.by_id(tenants[0]), url, number),
                url,
                tuple(tenants),
            )
            for number, (url, tenants) in enumerate(sets.items())
        ]
        for issuer, sets in named.items()
    }


def _bearer(authorization: Sequence[str]) -> str:
    if len(authorization) != 1:
        raise NotAuthenticated("there is not exactly one Authorization header")
    scheme, _, token = authorization[0].partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= _MAX_LENGTH:
        raise NotAuthenticated("there is no bearer token, or an overlong one")
    return token


def _unproven(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, which are trusted with nothing but choosing a key."""
    try:
        taken = jws.extract_compact(token.encode("ascii"))
        header, claims = taken.headers(), orjson.loads(taken.payload)
    except (JoseError, ValueError, TypeError):
        raise NotAuthenticated("it is not a signed token") from None
    if not isinstance(claims, dict):
        raise NotAuthenticated("its claims are no object")
    if header.get("alg") not in ALGORITHMS:
        raise NotAuthenticated("it is not signed with an allowed algorithm")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= _LONGEST_ID:
        raise NotAuthenticated("it names no key")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise NotAuthenticated("it is a token of another type")
    if _REFUSED_HEADERS & set(header):
        raise NotAuthenticated("it brings or names a key of its own")
    return header, claims


def _proven(token: str, keys: KeySet) -> Mapping[str, Any]:
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token, keys, algorithms=list(ALGORITHMS)
        ).claims
    except (JoseError, ValueError, TypeError, LookupError) as error:
        raise NotAuthenticated(
            f"the signature does not hold: {type(error).__name__}"
        ) from None
    return claims


def _checked_times(claims: Mapping[str, Any], now: float) -> float:
    times = {}
    for name in ("exp", "iat"):
        value = claims.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NotAuthenticated(f"{name} is missing or no number")
        times[name] = float(value)
    if not now < times["exp"]:
        raise NotAuthenticated("it has expired")
    if not times["iat"] <= now + LEEWAY:
        raise NotAuthenticated("it was issued in the future")
    if not times["exp"] - times["iat"] <= LONGEST_LIFE:
        raise NotAuthenticated("its life is longer than a day")
    return times["exp"]


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
