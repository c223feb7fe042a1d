"""The identity provider of those who read the trail: its addresses and its keys."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from threading import Lock

from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from plugin.audit.errors import SignInRefused
from plugin.settings import Settings
from smart_launch.client_auth import ClientAuthenticator
from smart_launch.discovery import SmartConfiguration
from smart_launch.ehr_keys import EhrKeys
from smart_launch.errors import EhrUnavailable
from smart_launch.outbound import Outbound
from smart_launch.registration import REQUIRED_SCOPES, Registration
from smart_launch.secret import Secret
from smart_launch.token_endpoint import TokenEndpoint

_RENEW_AFTER = 15 * 60.0  # seconds
_DEADLINE = 5.0
_MOST_BYTES = 256 * 1024
CALLBACK = "/audit/callback"


class _Document(BaseModel):
    """Wire shape. Source: OpenID Connect Discovery 1.0, 3."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    authorization_response_iss_parameter_supported: bool = False


@dataclass(slots=True)
class Provider:
    """Thread-safe; what discovery says is kept for a quarter of an hour."""

    registration: Registration
    outbound: Outbound
    tokens: TokenEndpoint
    monotonic: Callable[[], float] = time.monotonic
    _keys: EhrKeys = field(init=False, repr=False)
    _found: SmartConfiguration | None = field(default=None, init=False, repr=False)
    _asked: float = field(default=0.0, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._keys = EhrKeys(self.outbound)

    def configuration(self) -> SmartConfiguration:
        """Raises: SignInRefused, where it contradicts the settings; EhrUnavailable."""
        with self._lock:
            now = self.monotonic()
            if self._found is None or now - self._asked >= _RENEW_AFTER:
                self._found, self._asked = self._discovered(), now
            return self._found

    def keys_with(self, key_id: str) -> KeySet:
        """The provider's keys, asked for again where this one is not among them."""
        return self._keys.with_key(self.registration, self.configuration(), key_id)

    def _discovered(self) -> SmartConfiguration:
        reply = self.outbound.request(
            self.registration,
            "GET",
            f"{self.registration.base}/.well-known/openid-configuration",
            deadline=_DEADLINE,
            max_bytes=_MOST_BYTES,
        )
        if reply.status != 200:
            raise EhrUnavailable(f"the provider's discovery answered {reply.status}")
        try:
            document = _Document.model_validate(reply.json())
        except (ValidationError, ValueError):
            raise EhrUnavailable("the provider's discovery is not usable") from None
        return self._checked(document)

    def _checked(self, document: _Document) -> SmartConfiguration:
        if document.issuer.rstrip("/") != self.registration.base:
            raise SignInRefused("discovery names another issuer than the settings")
        if "S256" not in document.code_challenge_methods_supported:
            raise SignInRefused("the provider does not offer PKCE with S256")
        for url in (
            document.authorization_endpoint,
            document.token_endpoint,
            document.jwks_uri,
        ):
            if not self.registration.allows(url):
                raise SignInRefused("discovery names a host that is not allowed")
        return SmartConfiguration(
            issuer=document.issuer,
            authorization_endpoint=document.authorization_endpoint,
            token_endpoint=document.token_endpoint,
            jwks_uri=document.jwks_uri,
            revocation_endpoint=None,
            scopes_supported=(),
            capabilities=frozenset(),
            auth_methods=(),
            iss_in_callback=document.authorization_response_iss_parameter_supported,
        )


def provider_of(
    settings: Settings, outbound: Outbound, authenticator: ClientAuthenticator
) -> Provider | None:
    """The provider that the settings name; None for none."""
    login = settings.audit_login
    if login is None or login.client_secret is None:
        return None
    registration = Registration(
        id="audit-login",
        issuer=login.issuer,
        client_id=login.client_id,
        client_auth="client_secret_basic",
        client_secret=Secret(login.client_secret.get_secret_value()),
        redirect_uri=settings.origin + CALLBACK,
        scopes=tuple(REQUIRED_SCOPES),  # an EHR's; a sign-in asks for none of them
        allowed_hosts=frozenset(login.allowed_hosts),
        allowed_networks=tuple(ip_network(one) for one in login.allowed_networks),
        ca_file=login.ca_file or None,
        allow_loopback_http=settings.allow_loopback_http,
    )
    return Provider(registration, outbound, TokenEndpoint(outbound, authenticator))
