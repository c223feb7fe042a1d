"""Each `[[ehr]]` as the SMART client knows it."""

from ipaddress import ip_network

from plugin.settings.shape import BACKEND_SCOPES, Ehr, Settings
from smart_launch.registration import Registration, Registrations
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
        scopes=ehr.scopes,
        allowed_hosts=frozenset(ehr.allowed_hosts),
        allowed_networks=tuple(ip_network(one) for one in ehr.allowed_networks),
        ca_file=ehr.ca_file or None,
        proxy=ehr.proxy or None,
        allow_loopback_http=settings.allow_loopback_http,
        signing_alg=ehr.signing_alg,
        role_claim=ehr.role_claim or None,
    )
