"""Each `[[ehr]]` as the SMART client knows it, and the servers that are no EHR."""

import hashlib
from dataclasses import replace
from ipaddress import ip_network

from plugin.settings.shape import (
    BACKEND_SCOPES,
    AuditRepository,
    Ehr,
    Settings,
    Terminology,
)
from smart_launch.addresses import origin_of
from smart_launch.registration import REQUIRED_SCOPES, Registration, Registrations
from smart_launch.secret import Secret


def registrations(settings: Settings) -> Registrations:
    return Registrations(_registration(ehr, settings) for ehr in settings.ehrs)


def backend_scopes(settings: Settings) -> dict[str, str]:
    """The system scopes to ask for, by EHR: only those whose site has set it."""
    return {
        ehr.id: " ".join(BACKEND_SCOPES)
        for ehr in settings.ehrs
        if ehr.backend_services
    }


def _registration(ehr: Ehr, settings: Settings) -> Registration:
    secret = None
    if ehr.client_auth == "client_secret_basic" and ehr.client_secret:
        secret = Secret(ehr.client_secret.get_secret_value())
    return Registration(
        id=ehr.id,
        issuer=ehr.issuer,
        oidc_issuer=ehr.oidc_issuer or None,
        client_id=ehr.client_id,
        client_auth=ehr.client_auth,
        client_secret=secret,
        redirect_uri=settings.redirect_uri,
        scopes=ehr.asked_scopes,
        allowed_hosts=frozenset(ehr.allowed_hosts),
        allowed_networks=tuple(ip_network(one) for one in ehr.allowed_networks),
        ca_file=ehr.ca_file or None,
        proxy=ehr.proxy or None,
        allow_loopback_http=settings.allow_loopback_http,
        signing_alg=ehr.signing_alg,
        role_claim=ehr.role_claim or None,
    )


def terminology_server(settings: Settings) -> Registration | None:
    """The site's terminology server, as the door out knows a server."""
    said = settings.terminology
    return _server("terminology server", said, settings) if said else None


def audit_repository(settings: Settings) -> Registration | None:
    """The site's repository of AuditEvents, as the door out knows a server."""
    said = settings.audit_repository
    return _server("audit repository", said, settings) if said else None


def _server(
    name: str, said: Terminology | AuditRepository, settings: Settings
) -> Registration:
    """Takes: `name`, which no EHR can have as its id."""
    return Registration(
        id=name,
        issuer=said.server,
        client_id="none",
        client_auth="none",
        redirect_uri=settings.redirect_uri,
        scopes=tuple(REQUIRED_SCOPES),  # an EHR's; this server is asked for none
        allowed_networks=tuple(ip_network(one) for one in said.allowed_networks),
        ca_file=said.ca_file or None,
        proxy=said.proxy or None,
        allow_loopback_http=settings.allow_loopback_http,
    )


def cds_key_registration(ehr: Registration, url: str, number: int) -> Registration:
    """An EHR's own way out to the keys of a CDS Hooks client: a share of its own.

    Takes: `number`, which of the key sets of the same issuer it is.
    """
    origin = origin_of(url)
    hosts = {f"{origin.host}:{origin.port}"} if origin else set()
    digest = hashlib.sha256(url.encode()).hexdigest()
    return replace(
        ehr,
        id=f"{ehr.id}.cds-keys-{number}-{digest[:8]}",
        allowed_hosts=ehr.allowed_hosts | hosts,
    )
