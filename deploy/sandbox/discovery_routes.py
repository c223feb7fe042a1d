"""What an app may find out before it authorizes."""

from starlette.responses import Response

from deploy.sandbox import scopes
from deploy.sandbox.capability import capability_statement
from deploy.sandbox.client_auth import ALGORITHMS
from deploy.sandbox.effects import Arrival
from deploy.sandbox.flavours import Flavour
from deploy.sandbox.signing import SigningKey
from deploy.sandbox.site import Site
from deploy.sandbox.wire import Json, fhir_answer, json_answer

_CACHED = {"Cache-Control": "max-age=300"}


async def smart_configuration(arrival: Arrival) -> Response:
    return json_answer(smart_document(arrival.site), headers=_CACHED)


async def openid_configuration(arrival: Arrival) -> Response:
    site = arrival.site
    document = {
        "issuer": site.fhir,
        "jwks_uri": site.jwks_url,
        "authorization_endpoint": site.authorize_url,
        "token_endpoint": site.token_url,
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    return json_answer(document, headers=_CACHED)


async def metadata(arrival: Arrival) -> Response:
    return fhir_answer(capability_statement(arrival.site))


async def smart_style(_: Arrival) -> Response:
    style = {
        "color_background": "#ffffff",
        "color_error": "#8c1a1a",
        "color_highlight": "#1f4e79",
        "color_modal_backdrop": "",
        "color_success": "#145236",
        "color_text": "#1c2733",
        "dim_border_radius": "6px",
        "dim_font_size": "14px",
        "dim_spacing_size": "16px",
        "font_family_body": "system-ui, sans-serif",
        "font_family_heading": "system-ui, sans-serif",
    }
    return json_answer(style, headers=_CACHED)


def jwks_answer(key: SigningKey) -> Response:
    return json_answer(key.public_jwks(), headers=_CACHED)


def smart_document(site: Site) -> Json:
    """Draw up the discovery document. Source: SMART App Launch 2.2, "Conformance"."""
    document: Json = {
        "issuer": site.fhir,
        "jwks_uri": site.jwks_url,
        "authorization_endpoint": site.authorize_url,
        "token_endpoint": site.token_url,
        "revocation_endpoint": site.revoke_url,
        "grant_types_supported": ["authorization_code"],
        "response_types_supported": ["code"],
        "token_endpoint_auth_methods_supported": [
            "private_key_jwt",
            "client_secret_basic",
        ],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": scopes.supported(site.flavour),
        "capabilities": _capabilities(site.flavour),
    }
    if site.flavour.sends_iss:
        document["authorization_response_iss_parameter_supported"] = True
    return document


def _capabilities(flavour: Flavour) -> list[str]:
    spelling = ["permission-v1"] if flavour.v1_scopes else ["permission-v2"]
    return [
        "launch-ehr",
        "authorize-post",
        "client-public",
        "client-confidential-symmetric",
        "client-confidential-asymmetric",
        "sso-openid-connect",
        "context-banner",
        "context-style",
        "context-ehr-patient",
        "context-ehr-encounter",
        "permission-online",
        "permission-patient",
        "permission-user",
        *spelling,
    ]
