"""`.well-known/smart-configuration`, pinned to the registration and cached.

Source: SMART App Launch 2.2, "Conformance"; RFC 8414.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from pydantic import BaseModel, ConfigDict, ValidationError

from smart_launch.addresses import origin_of
from smart_launch.errors import DiscoveryRefused, EhrBusy, EhrUnavailable
from smart_launch.outbound import Outbound, strict_json
from smart_launch.registration import Registration, same_issuer

_log = logging.getLogger("smart_launch")

RENEW_AFTER = 15 * 60.0  # seconds: ask again
USABLE_FOR = 24 * 3600.0  # seconds: a copy this old still serves while asking fails
PATIENCE = 3.0  # seconds: wait for another thread that is already asking
_DEADLINE = 5.0
_MAX_BYTES = 256 * 1024


class _Document(BaseModel):
    """Wire shape; what is not named here is not used."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    issuer: str | None = None
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str | None = None
    revocation_endpoint: str | None = None
    scopes_supported: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartConfiguration:
    """What the EHR says of itself, after it was checked against the registration.

    `issuer` is the name that identities are signed under and that RFC 9207's `iss`
    must have; it is always the one that is pinned.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    revocation_endpoint: str | None
    scopes_supported: tuple[str, ...]
    capabilities: frozenset[str]
    auth_methods: tuple[str, ...]
    iss_in_callback: bool


@dataclass(slots=True)
class _Kept:
    lock: Lock = field(default_factory=Lock)
    configuration: SmartConfiguration | None = None
    fetched: float = 0.0


@dataclass(slots=True)
class Discovery:
    outbound: Outbound
    monotonic: Callable[[], float] = time.monotonic
    patience: float = PATIENCE
    _kept: dict[str, _Kept] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def of(self, registration: Registration) -> SmartConfiguration:
        """Give the EHR's configuration, from the cache where it is fresh.

        Raises: DiscoveryRefused, where it contradicts the registration (no older copy
                helps then); EhrUnavailable, where there is none that is fresh enough.
        """
        with self._lock:
            kept = self._kept.setdefault(registration.id, _Kept())
        copy = kept.configuration
        age = self.monotonic() - kept.fetched
        if copy is not None and age < RENEW_AFTER:
            return copy
        # Whoever has a usable copy does not wait for another's renewal, and nobody
        # waits for long: the threads that a hung EHR holds are missing elsewhere.
        usable = copy is not None and age < USABLE_FOR
        if not kept.lock.acquire(timeout=0 if usable else self.patience):
            if copy is not None and usable:
                return copy
            raise EhrBusy("another thread waits for the discovery document")
        try:
            return self._renewed(registration, kept)
        finally:
            kept.lock.release()

    def _renewed(self, registration: Registration, kept: _Kept) -> SmartConfiguration:
        now = self.monotonic()
        copy = kept.configuration
        if copy is not None and now - kept.fetched < RENEW_AFTER:
            return copy
        try:
            found = fetch(registration, self.outbound)
        except DiscoveryRefused:
            kept.configuration = None
            _log.error(
                "discovery contradicts the registration",
                extra={"tenant": registration.id},
            )
            raise
        except EhrUnavailable:
            if copy is not None and now - kept.fetched < USABLE_FOR:
                # Ask again in a minute, not on every launch.
                kept.fetched = max(kept.fetched, now - RENEW_AFTER + 60)
                return copy
            raise
        kept.configuration, kept.fetched = found, self.monotonic()
        return found


def fetch(registration: Registration, outbound: Outbound) -> SmartConfiguration:
    """Ask the EHR now, and check what it says."""
    reply = outbound.request(
        registration,
        "GET",
        f"{registration.base}/.well-known/smart-configuration",
        deadline=_DEADLINE,
        max_bytes=_MAX_BYTES,
    )
    if reply.status != 200:
        raise EhrUnavailable(f"discovery answered {reply.status}", sent=True)
    return read_configuration(reply.body, registration)


def read_configuration(body: bytes, registration: Registration) -> SmartConfiguration:
    """Read the document, and check what it says.

    Raises: DiscoveryRefused, where it contradicts the registration; EhrUnavailable,
            where it is no such document.
    """
    try:
        document = _Document.model_validate(strict_json(body))
    except ValidationError as error:
        names = ", ".join(str(item["loc"][:1]) for item in error.errors()[:5])
        raise EhrUnavailable(
            f"the discovery document is not usable: {names}", sent=True
        ) from None
    except ValueError:
        raise EhrUnavailable("the discovery document is not JSON", sent=True) from None
    return checked(document, registration)


def checked(document: _Document, registration: Registration) -> SmartConfiguration:
    """Raises: DiscoveryRefused, on the first contradiction."""
    pinned = registration.oidc_issuer or registration.issuer
    if document.issuer is not None and not _is_pinned(document.issuer, registration):
        raise DiscoveryRefused("discovery names another issuer than the registered one")
    if "S256" not in document.code_challenge_methods_supported:
        raise DiscoveryRefused("discovery does not offer PKCE with S256")
    if document.jwks_uri is None:
        raise DiscoveryRefused("discovery names no jwks_uri, so no user can be proven")
    endpoints = {
        "authorization_endpoint": document.authorization_endpoint,
        "token_endpoint": document.token_endpoint,
        "jwks_uri": document.jwks_uri,
        "revocation_endpoint": document.revocation_endpoint,
    }
    for name, url in endpoints.items():
        if url is not None and not registration.allows(url):
            raise DiscoveryRefused(
                f"discovery's {name} is not on the issuer's host or in allowed_hosts"
            )
    return SmartConfiguration(
        issuer=document.issuer or pinned,
        authorization_endpoint=document.authorization_endpoint,
        token_endpoint=document.token_endpoint,
        jwks_uri=document.jwks_uri,
        revocation_endpoint=document.revocation_endpoint,
        scopes_supported=document.scopes_supported,
        capabilities=frozenset(document.capabilities),
        auth_methods=document.token_endpoint_auth_methods_supported,
        iss_in_callback=document.authorization_response_iss_parameter_supported,
    )


def _is_pinned(issuer: str, registration: Registration) -> bool:
    """Whether it is the registered name, or, where none is, a name of this server.

    Small servers sign identities as `https://host` and serve FHIR at `https://host/r4`:
    a parent of the FHIR address on the same origin is taken for it. Anything else has
    to be registered as `oidc_issuer`.
    """
    if registration.oidc_issuer is not None:
        return same_issuer(issuer, registration.oidc_issuer)
    parent = issuer.removesuffix("/") + "/"
    return origin_of(issuer) == registration.origin and (
        f"{registration.base}/".startswith(parent)
    )
