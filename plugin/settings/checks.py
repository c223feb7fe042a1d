"""Which combinations of settings are refused, whatever each value looks like alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plugin.settings import lines
from plugin.settings.ehr_checks import EHR_CHECKS
from plugin.settings.keys import looks_typed
from plugin.settings.shape import AuditLogin, AuditRepository, Settings, Terminology
from plugin.settings.web_addresses import TO_HTTPS, plain_http, too_open


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
        for check in EHR_CHECKS:
            for key, what, mend in check(ehr, settings):
                yield Finding(("ehr", number, key), what, mend)
    yield from _twice(settings)
    yield from _feeds(settings)
    yield from _audit_login(settings)
    yield from _terminology(settings)
    yield from _audit_repository(settings)


def _public_url(settings: Settings) -> Iterator[Finding]:
    where = ("public_url",)
    if reason := plain_http(settings.public_url, loopback=settings.allow_loopback_http):
        yield Finding(where, f"public_url {reason}", TO_HTTPS)
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
    yield from _server("audit_login", "issuer", login.issuer, login, settings)
    if login.client_secret is None:
        yield Finding(
            ("audit_login", "client_secret_file"),
            f"client_secret_file names {login.client_secret_file}, which has no secret",
            "Name a readable, non-empty file",
        )


def _terminology(settings: Settings) -> Iterator[Finding]:
    said = settings.terminology
    if said is not None:
        yield from _server("terminology", "server", said.server, said, settings)


def _audit_repository(settings: Settings) -> Iterator[Finding]:
    said = settings.audit_repository
    if said is None:
        return
    yield from _server("audit_repository", "server", said.server, said, settings)
    if said.token_file and said.token is None:
        yield Finding(
            ("audit_repository", "token_file"),
            f"token_file names {said.token_file}, which has no token",
            "Name a readable, non-empty file",
        )


def _server(
    table: str,
    key: str,
    url: str,
    said: AuditLogin | AuditRepository | Terminology,
    settings: Settings,
) -> Iterator[Finding]:
    """What is refused of a server that is no EHR, and is called all the same."""
    loopback = settings.allow_loopback_http
    if reason := plain_http(url, loopback=loopback):
        yield Finding((table, key), f"{key} {reason}", TO_HTTPS)
    for what, mend in too_open(said.allowed_networks, loopback=loopback):
        yield Finding((table, "allowed_networks"), what, mend)
    if said.ca_file and not Path(said.ca_file).is_file():
        yield Finding(
            (table, "ca_file"),
            f"ca_file names {said.ca_file}, which is not there",
            "Give the path of the certificate authority's PEM file, or leave it out",
        )
