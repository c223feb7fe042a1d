"""One EHR that the app is registered with, and the list of them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from smart_launch.addresses import Origin, host_is_loopback, origin_of
from smart_launch.errors import RegistrationInvalid, UnknownIssuer
from smart_launch.secret import Secret

ClientAuth = Literal["private_key_jwt", "client_secret_basic", "none"]
SigningAlg = Literal["RS384", "ES384"]

# Without these a launch cannot end in a patient and a proven user.
REQUIRED_SCOPES = frozenset({"launch", "openid", "fhirUser"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What was agreed with one EHR.

    `issuer` is the FHIR base address that the EHR sends as `iss`. `oidc_issuer` is
    needed only where the EHR signs identities under another name than that.
    `role_claim` is the id_token's claim that says what a user is, where it has one.
    `scopes` are those wanted, in the SMART v2 spelling. `allowed_hosts` are further
    hosts (`host` or `host:port`) that discovery may name. `ca_file`, where set,
    replaces the public certificate authorities.
    """

    id: str
    issuer: str
    client_id: str
    client_auth: ClientAuth
    redirect_uri: str
    scopes: tuple[str, ...]
    client_secret: Secret | None = None
    allowed_hosts: frozenset[str] = frozenset()
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    ca_file: str | None = None
    proxy: str | None = field(default=None, repr=False)  # may hold a password
    allow_loopback_http: bool = False
    signing_alg: SigningAlg = "RS384"
    oidc_issuer: str | None = None
    role_claim: str | None = None

    def __post_init__(self) -> None:
        for name in ("id", "client_id"):
            value = getattr(self, name)
            if not value or not value.isprintable():
                raise RegistrationInvalid(f"an EHR's {name} is empty or not printable")
        self._check_address("issuer", self.issuer)
        self._check_address("redirect_uri", self.redirect_uri)
        if (self.client_auth == "client_secret_basic") != bool(self.client_secret):
            raise RegistrationInvalid(
                f"{self.id}: client_secret_basic needs a client secret, "
                "and the other client authentications have none"
            )
        missing = REQUIRED_SCOPES.difference(self.scopes)
        if missing:
            raise RegistrationInvalid(
                f"{self.id}: scopes lack {', '.join(sorted(missing))}"
            )

    def _check_address(self, name: str, url: str) -> None:
        origin = origin_of(url)
        if origin is None or "?" in url or "#" in url:
            raise RegistrationInvalid(
                f"{self.id}: {name} must be a plain https address"
            )
        if origin.scheme != "https" and not (
            self.allow_loopback_http
            and (name == "redirect_uri" or host_is_loopback(origin.host))
        ):
            raise RegistrationInvalid(
                f"{self.id}: {name} is http; only loopback may be, with "
                "allow_loopback_http"
            )

    @property
    def base(self) -> str:
        """The issuer without its trailing slash: FHIR addresses start with it."""
        return self.issuer.removesuffix("/")

    @property
    def origin(self) -> Origin:
        origin = origin_of(self.issuer)
        assert origin is not None
        return origin

    def allows(self, url: str) -> bool:
        """Whether this EHR's business may go to the address: host, port and scheme."""
        origin = origin_of(url)
        if origin is None:
            return False
        loopback = self.allow_loopback_http and host_is_loopback(origin.host)
        if origin.scheme != "https" and not loopback:
            return False
        if origin == self.origin:
            return True
        # A host without a port means the port of https; in a demo on loopback, where
        # ports are given out at random, any.
        return f"{origin.host}:{origin.port}" in self.allowed_hosts or (
            origin.host in self.allowed_hosts and (origin.port == 443 or loopback)
        )


def same_issuer(left: str, right: str) -> bool:
    """Compare exactly, one trailing slash aside."""
    return left.removesuffix("/") == right.removesuffix("/")


@dataclass(frozen=True, slots=True)
class Registrations:
    """All EHRs. Refuses two with one id or one issuer."""

    registrations: tuple[Registration, ...]
    _by_issuer: dict[str, Registration] = field(init=False, repr=False)
    _by_id: dict[str, Registration] = field(init=False, repr=False)

    def __init__(self, registrations: Iterable[Registration]) -> None:
        every = tuple(registrations)
        by_issuer = {one.base: one for one in every}
        by_id = {one.id: one for one in every}
        if len(by_issuer) != len(every):
            raise RegistrationInvalid("two EHRs have the same issuer")
        if len(by_id) != len(every):
            raise RegistrationInvalid("two EHRs have the same id")
        object.__setattr__(self, "registrations", every)
        object.__setattr__(self, "_by_issuer", by_issuer)
        object.__setattr__(self, "_by_id", by_id)

    def __iter__(self) -> Iterator[Registration]:
        return iter(self.registrations)

    def by_issuer(self, iss: str) -> Registration:
        """Raises: UnknownIssuer, unless the issuer is exactly a registered one."""
        found = self._by_issuer.get(iss.removesuffix("/"))
        if found is None:
            raise UnknownIssuer("no registration has this issuer")
        return found

    def by_id(self, tenant: str) -> Registration:
        """Raises: UnknownIssuer, where the EHR was taken out of the configuration."""
        found = self._by_id.get(tenant)
        if found is None:
            raise UnknownIssuer("no registration has this id")
        return found
