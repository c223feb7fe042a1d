"""What is refused of one `[[ehr]]`, as it stands beside the rest and in the network."""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from plugin.settings.shape import NEEDED_SCOPES, Ehr, Settings
from plugin.settings.web_addresses import (
    TO_HTTPS,
    address_of,
    is_loopback,
    plain_http,
    too_open,
)

# Each check of one EHR gives (key, what is wrong, how to mend it).
Wrong = Iterator[tuple[str, str, str]]


def _issuer(ehr: Ehr, settings: Settings) -> Wrong:
    for key, url in (("issuer", ehr.issuer), ("oidc_issuer", ehr.oidc_issuer)):
        if url and (reason := plain_http(url, loopback=settings.allow_loopback_http)):
            yield key, f"{key} {reason}", TO_HTTPS
    host = urlsplit(ehr.issuer).hostname or ""
    address = address_of(host)
    if is_loopback(host):
        if not settings.allow_loopback_http:
            yield (
                "issuer",
                "issuer is on this machine",
                "Name the EHR's own host, or set allow_loopback_http = true in a demo",
            )
    elif address and not address.is_global and not _allowed(address, ehr):
        yield (
            "issuer",
            "issuer is a private address",
            "List its range in allowed_networks if the EHR is on your own network",
        )


def _allowed(address: IPv4Address | IPv6Address, ehr: Ehr) -> bool:
    return any(address in ip_network(network) for network in ehr.allowed_networks)


def _networks(ehr: Ehr, settings: Settings) -> Wrong:
    loopback = settings.allow_loopback_http
    for what, mend in too_open(ehr.allowed_networks, loopback=loopback):
        yield "allowed_networks", what, mend


def _frames(ehr: Ehr, settings: Settings) -> Wrong:
    for origin in ehr.frame_ancestors:
        if reason := plain_http(origin, loopback=settings.allow_loopback_http):
            yield "frame_ancestors", f"frame_ancestors: {origin} {reason}", TO_HTTPS


def _secret(ehr: Ehr, _settings: Settings) -> Wrong:
    if ehr.client_auth == "client_secret_basic" and ehr.client_secret is None:
        yield (
            "client_secret_file" if ehr.client_secret_file else "client_auth",
            "client_secret_basic needs a secret",
            "Name a readable, non-empty file in client_secret_file",
        )


def _backend(ehr: Ehr, _settings: Settings) -> Wrong:
    if ehr.backend_services and ehr.client_auth != "private_key_jwt":
        yield (
            "backend_services",
            "backend_services needs private_key_jwt",
            "Register the app with a key, or leave backend_services out",
        )


def _roles(ehr: Ehr, _settings: Settings) -> Wrong:
    for key, listed in (("signers", ehr.signers), ("readers", ehr.readers)):
        if not ehr.role_claim and any(one.startswith("role:") for one in listed):
            yield (
                key,
                f"{key} names a role, and no role_claim says where roles stand",
                "Name the id_token's claim in role_claim, or list users instead",
            )


def _scopes(ehr: Ehr, _settings: Settings) -> Wrong:
    missing = NEEDED_SCOPES.difference(ehr.scopes)
    if missing:
        yield (
            "scopes",
            f"scopes lack {', '.join(sorted(missing))}",
            "Add them: without them no launch ends in a patient and a known user",
        )


def _ca_file(ehr: Ehr, _settings: Settings) -> Wrong:
    if ehr.ca_file and not Path(ehr.ca_file).is_file():
        yield (
            "ca_file",
            f"ca_file names {ehr.ca_file}, which is not there",
            "Give the path of the certificate authority's PEM file, or leave it out",
        )


def _cds_issuers(ehr: Ehr, settings: Settings) -> Wrong:
    for caller in ehr.cds_hooks_issuers:
        if reason := plain_http(caller.jwks_url, loopback=settings.allow_loopback_http):
            yield "cds_hooks_issuers", f"jwks_url {reason}", TO_HTTPS
    for origin in ehr.cds.cors_origins:
        if reason := plain_http(origin, loopback=settings.allow_loopback_http):
            yield "cds", f"cors_origins: {origin} {reason}", TO_HTTPS


EHR_CHECKS: tuple[Callable[[Ehr, Settings], Wrong], ...] = (
    _issuer,
    _networks,
    _frames,
    _secret,
    _backend,
    _roles,
    _scopes,
    _ca_file,
    _cds_issuers,
)
