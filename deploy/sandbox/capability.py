"""The CapabilityStatement of a site: what its flavour takes."""

from deploy.sandbox.flavours import READABLE, Flavour
from deploy.sandbox.parameters import PARAMETERS
from deploy.sandbox.site import Site
from deploy.sandbox.wire import Json

_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"


def capability_statement(site: Site) -> Json:
    """Draw up the statement. Its date is that of these rules, not of the day."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-15",
        "publisher": site.flavour.title,
        "kind": "instance",
        "software": {"name": "Sandbox EHR", "version": "1"},
        "implementation": {"description": site.flavour.about, "url": site.fhir},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": _security(site),
                "resource": [_resource(kind, site) for kind in READABLE],
            }
        ],
    }


def _security(site: Site) -> Json:
    addresses = {
        "authorize": site.authorize_url,
        "token": site.token_url,
        "revoke": site.revoke_url,
    }
    uris = [{"url": name, "valueUri": address} for name, address in addresses.items()]
    return {
        "extension": [{"url": _OAUTH_URIS, "extension": uris}],
        "service": [{"coding": [{"system": _SECURITY, "code": "SMART-on-FHIR"}]}],
    }


def _resource(kind: str, site: Site) -> Json:
    flavour = site.flavour
    codes = ["read", "search-type"]
    codes += ["create"] if kind in flavour.creates else []
    codes += ["update"] if kind in flavour.updates else []
    return {
        "type": kind,
        "interaction": [_interaction(code, kind, flavour) for code in codes],
        "versioning": "versioned",
        "conditionalCreate": flavour.conditional_create and kind in flavour.creates,
        "updateCreate": False,
        "searchParam": [
            {"name": name, "type": parameter.form}
            for name, parameter in PARAMETERS[kind].items()
        ],
    }


def _interaction(code: str, kind: str, flavour: Flavour) -> Json:
    words = flavour.note_words if kind == "DocumentReference" else ""
    return {"code": code} | (
        {"documentation": words} if code == "create" and words else {}
    )
