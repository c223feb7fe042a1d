"""Who the user is: the id_token, checked claim by claim.

Source: OpenID Connect Core 3.1.3.7; SMART App Launch 2.2, "Scopes for requesting
identity data".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from smart_launch.context import is_fhir_id
from smart_launch.discovery import SmartConfiguration
from smart_launch.ehr_keys import ALGORITHMS, EhrKeys
from smart_launch.errors import IdentityRejected, NotAClinician
from smart_launch.registration import Registration, same_issuer

LEEWAY = 60  # seconds that the EHR's clock and ours may be apart
# A longer life is a mistake, most often a time in milliseconds.
_LONGEST_LIFE = 24 * 3600
_MAX_LENGTH = 16_384
_MOST_ROLES = 100
_CLINICIANS = ("Practitioner", "PractitionerRole")
_FHIR_USER = re.compile(r"([A-Z][A-Za-z]+)/([^/]+)")


@dataclass(frozen=True, slots=True)
class Identity:
    """`fhir_user` is relative to the issuer, for example "Practitioner/1".

    `roles` are what the registration's `role_claim` says, where it names one.
    """

    subject: str
    fhir_user: str
    name: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identities:
    keys: EhrKeys

    def prove(
        self,
        id_token: str | None,
        registration: Registration,
        configuration: SmartConfiguration,
        *,
        nonce: str,
        access_token: str,
        now: datetime,
    ) -> Identity:
        """Raises: IdentityRejected; NotAClinician; EhrUnavailable (no key set)."""
        if not id_token or len(id_token) > _MAX_LENGTH:
            raise IdentityRejected("there is no id_token, or an overlong one")
        key_id = _key_id(id_token)
        keys = self.keys.with_key(registration, configuration, key_id)
        token = _verified(id_token, keys)
        claims = token.claims
        _check_times(claims, int(now.timestamp()))
        _check_parties(claims, registration.client_id, configuration.issuer, nonce)
        _check_access_token_hash(claims, str(token.header["alg"]), access_token)
        return Identity(
            subject=_subject(claims),
            fhir_user=_clinician(claims, registration),
            name=_name(claims),
            roles=_roles(claims, registration.role_claim),
        )


def _key_id(id_token: str) -> str:
    """The `kid` of the header; it is trusted with nothing but choosing a key."""
    try:
        header = jws.extract_compact(id_token.encode("ascii")).headers()
    except (JoseError, ValueError):
        raise IdentityRejected("the id_token is not a signed token") from None
    key_id = header.get("kid")
    if header.get("alg") not in ALGORITHMS:
        raise IdentityRejected("the id_token is not signed with an allowed algorithm")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= 256:
        raise IdentityRejected("the id_token names no key")
    return key_id


def _verified(id_token: str, keys: KeySet) -> jwt.Token:
    try:
        return jwt.decode(id_token, keys, algorithms=list(ALGORITHMS))
    except (JoseError, ValueError, TypeError, LookupError) as error:
        raise IdentityRejected(
            f"the id_token's signature does not hold: {type(error).__name__}"
        ) from None


def _check_times(claims: Mapping[str, Any], now: int) -> None:
    times = {}
    for name in ("exp", "iat"):
        value = claims.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise IdentityRejected(f"the id_token's {name} is missing or no number")
        times[name] = value
    if not now - LEEWAY < times["exp"]:
        raise IdentityRejected("the id_token has expired")
    if not times["iat"] <= now + LEEWAY:
        raise IdentityRejected("the id_token was issued in the future")
    if not times["exp"] - times["iat"] <= _LONGEST_LIFE:
        raise IdentityRejected("the id_token's life is longer than a day")


def _check_parties(
    claims: Mapping[str, Any], client_id: str, issuer: str, nonce: str
) -> None:
    named = claims.get("iss")
    if not isinstance(named, str) or not same_issuer(named, issuer):
        raise IdentityRejected("the id_token is from another issuer")
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise IdentityRejected("the id_token is for another audience")
    party = claims.get("azp")
    if party != client_id and (party is not None or len(audiences) > 1):
        raise IdentityRejected("the id_token was issued to another party")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(
        said.encode("utf-8", "surrogatepass"), nonce.encode()
    ):
        raise IdentityRejected("the id_token does not carry this launch's nonce")


def _check_access_token_hash(
    claims: Mapping[str, Any], algorithm: str, access_token: str
) -> None:
    """`at_hash` is optional; where it is given it must be right (3.1.3.8)."""
    if "at_hash" not in claims:
        return
    digest = hashlib.new(f"sha{algorithm[-3:]}", access_token.encode()).digest()
    expected = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if claims["at_hash"] != expected:
        raise IdentityRejected("the id_token belongs to another access token")


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims.get("sub")
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= 255
        or not subject.isprintable()
    ):
        raise IdentityRejected("the id_token's subject is missing or not usable")
    return subject


def _clinician(claims: Mapping[str, Any], registration: Registration) -> str:
    """The user's own resource: relative, or absolute under the issuer."""
    user = claims.get("fhirUser")
    if user is None:
        user = claims.get("profile")  # its name in SMART 1.0
    if not isinstance(user, str):
        raise IdentityRejected("the id_token does not name the user's resource")
    relative = user.removeprefix(f"{registration.base}/")
    found = _FHIR_USER.fullmatch(relative)
    if found is None or not is_fhir_id(found[2]):
        raise IdentityRejected("the user's resource is not one of this EHR")
    if found[1] not in _CLINICIANS:
        raise NotAClinician("the user is not a practitioner")
    return relative


def _name(claims: Mapping[str, Any]) -> str:
    """A name to show, or nothing."""
    for claim in ("name", "preferred_username"):
        value = claims.get(claim)
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value.strip()[:200]
    return ""


def _roles(claims: Mapping[str, Any], claim: str | None) -> tuple[str, ...]:
    """A list of words, or one text of them with blanks between, as `scope` is."""
    value = claims.get(claim) if claim else None
    listed = value.split() if isinstance(value, str) else value
    if not isinstance(listed, list):
        return ()
    words = [one for one in listed if isinstance(one, str) and one.isprintable()]
    return tuple(word[:200] for word in words[:_MOST_ROLES])
