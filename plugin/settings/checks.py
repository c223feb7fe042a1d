"""Which combinations of settings are refused, whatever each value looks like alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plugin.settings import lines
from plugin.settings.keys import looks_typed
from plugin.settings.shape import NEEDED_SCOPES, Ehr, Settings


@dataclass(frozen=True, slots=True)
class Finding:
    path: lines.Path
    what: str
    mend: str


def findings(settings: Settings) -> Iterator[Finding]:
    """Every reason, in the order of the file, why these settings are refused."""
    yield from _public_url(settings)
    yield from _keys(settings)
    yield from _metrics_token(settings)
    yield from _demo_directory(settings)
    yield from _site_file(settings)
    for number, ehr in enumerate(settings.ehrs):
        for check in _EHR_CHECKS:
            for key, what, mend in check(ehr, settings):
                yield Finding(("ehr", number, key), what, mend)
    yield from _twice(settings)
    yield from _feeds(settings)
    yield from _audit_login(settings)
    yield from _terminology(settings)


def is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    address = _address(host)
    return address.is_loopback if address else host == "localhost"


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _plain_http(url: str, settings: Settings) -> str | None:
    """Why the address may not be used as it is, or None."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return None
    if not settings.allow_loopback_http:
        return "is plain http"
    return None if is_loopback(parts.hostname) else "is plain http to another machine"


_TO_HTTPS = (
    "Write https:// (http is for loopback addresses in demonstrations, with "
    "allow_loopback_http = true)"
)


def _public_url(settings: Settings) -> Iterator[Finding]:
    where = ("public_url",)
    if reason := _plain_http(settings.public_url, settings):
        yield Finding(where, f"public_url {reason}", _TO_HTTPS)
    if urlsplit(settings.public_url).path not in ("", "/"):
        yield Finding(
            where,
            "public_url has a path",
            "Give the app a host name of its own: its cookies hold for a whole host",
        )


def _keys(settings: Settings) -> Iterator[Finding]:
    if settings.allow_loopback_http:
        return
    for name, keys in (
        ("SELFHELP_MASTER_KEY", settings.master_keys),
        ("SELFHELP_AUDIT_KEY", settings.audit_keys),
    ):
        if any(looks_typed(key) for key in keys):
            yield Finding(
                (),
                f"{name} is a sample key",
                "Make one with: head -c 32 /dev/urandom | base64",
            )


def _metrics_token(settings: Settings) -> Iterator[Finding]:
    if settings.metrics_token_file and settings.metrics_token is None:
        yield Finding(
            ("metrics_token_file",),
            "metrics_token_file names a file without a token",
            "Name a readable, non-empty file",
        )


def _demo_directory(settings: Settings) -> Iterator[Finding]:
    if settings.demo_directory and not settings.allow_loopback_http:
        yield Finding(
            ("demo_directory",),
            "demo_directory has invented meetings",
            "Leave it out: it is for demonstrations, with allow_loopback_http = true",
        )


def _site_file(settings: Settings) -> Iterator[Finding]:
    if settings.site_file and not settings.site_file.is_file():
        yield Finding(
            ("knowledge", "site_file"),
            f"site_file names {settings.site_file}, which is not there",
            "Give the path of the hospital's own JSON file, or leave [knowledge] out",
        )


# Each check of one EHR gives (key, what is wrong, how to mend it).
Wrong = Iterator[tuple[str, str, str]]


def _issuer(ehr: Ehr, settings: Settings) -> Wrong:
    for key, url in (("issuer", ehr.issuer), ("oidc_issuer", ehr.oidc_issuer)):
        if url and (reason := _plain_http(url, settings)):
            yield key, f"{key} {reason}", _TO_HTTPS
    host = urlsplit(ehr.issuer).hostname or ""
    address = _address(host)
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
    for network in ehr.allowed_networks:
        if ip_network(network).is_loopback and not settings.allow_loopback_http:
            yield (
                "allowed_networks",
                f"allowed_networks lets the app call itself ({network})",
                "Leave loopback ranges out",
            )
        if ip_network(network).is_link_local:
            yield (
                "allowed_networks",
                f"allowed_networks opens the machine's metadata range ({network})",
                "Leave link-local ranges out",
            )
        if ip_network(network).prefixlen == 0:
            yield (
                "allowed_networks",
                f"allowed_networks opens every address ({network})",
                "Name the range in which the EHR lives, as 10.20.0.0/16",
            )


def _frames(ehr: Ehr, settings: Settings) -> Wrong:
    for origin in ehr.frame_ancestors:
        if reason := _plain_http(origin, settings):
            yield "frame_ancestors", f"frame_ancestors: {origin} {reason}", _TO_HTTPS


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
        if reason := _plain_http(caller.jwks_url, settings):
            yield "cds_hooks_issuers", f"jwks_url {reason}", _TO_HTTPS
    for origin in ehr.cds.cors_origins:
        if reason := _plain_http(origin, settings):
            yield "cds", f"cors_origins: {origin} {reason}", _TO_HTTPS


_EHR_CHECKS: tuple[Callable[[Ehr, Settings], Wrong], ...] = (
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


def _twice(settings: Settings) -> Iterator[Finding]:
    tenants: set[str] = set()
    issuers: set[str] = set()
    for number, ehr in enumerate(settings.ehrs):
        if ehr.id in tenants:
            yield Finding(
                ("ehr", number, "id"), f"id {ehr.id} is given twice", "Rename one"
            )
        if ehr.issuer.rstrip("/") in issuers:
            yield Finding(
                ("ehr", number, "issuer"),
                f"issuer {ehr.issuer} is given twice",
                "Keep one [[ehr]] for each issuer",
            )
        tenants.add(ehr.id)
        issuers.add(ehr.issuer.rstrip("/"))


def _feeds(settings: Settings) -> Iterator[Finding]:
    seen: set[str] = set()
    for number, feed in enumerate(settings.feeds):
        if feed.id in seen:
            yield Finding(
                ("feed", number, "id"), f"feed {feed.id} is given twice", "Rename one"
            )
        seen.add(feed.id)
        if "://" in feed.source and not feed.source.startswith("https://"):
            yield Finding(
                ("feed", number, "source"),
                "source is neither https nor a file",
                "Write an https:// address or a path",
            )
        if feed.timezone and not _is_zone(feed.timezone):
            yield Finding(
                ("feed", number, "timezone"),
                f"{feed.timezone} is no time zone",
                "Write an IANA name, as America/New_York",
            )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


def _audit_login(settings: Settings) -> Iterator[Finding]:
    login = settings.audit_login
    if login is None:
        return
    if reason := _plain_http(login.issuer, settings):
        yield Finding(("audit_login", "issuer"), f"issuer {reason}", _TO_HTTPS)
    if login.client_secret is None:
        yield Finding(
            ("audit_login", "client_secret_file"),
            f"client_secret_file names {login.client_secret_file}, which has no secret",
            "Name a readable, non-empty file",
        )


def _terminology(settings: Settings) -> Iterator[Finding]:
    said = settings.terminology
    if said is None:
        return
    if reason := _plain_http(said.server, settings):
        yield Finding(("terminology", "server"), f"server {reason}", _TO_HTTPS)
    if said.ca_file and not Path(said.ca_file).is_file():
        yield Finding(
            ("terminology", "ca_file"),
            f"ca_file names {said.ca_file}, which is not there",
            "Give the path of the certificate authority's PEM file, or leave it out",
        )
