"""One call as it arrives: read strictly where it says who and whom it is about.

Source: CDS Hooks 2.0, "HTTP Request"; the definitions of the three hooks.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from plugin.cds_hooks.errors import BadCall, NotJson
from plugin.cds_hooks.services import Service
from smart_launch.context import is_fhir_id
from smart_launch.secret import Secret

Json = dict[str, Any]

# A body beyond this is answered without a look at its prefetch.
MOST_PREFETCH = 4 * 2**20  # bytes

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_USER = re.compile(
    r"(Practitioner|PractitionerRole|Patient|RelatedPerson)/([A-Za-z0-9.\-]{1,64})"
)
_CLINICIANS = ("Practitioner/", "PractitionerRole/")
_TOKEN = re.compile(r"[!-~]{1,8192}")


@dataclass(frozen=True, slots=True)
class Authorization:
    """A token that was issued for this one call."""

    token: Secret
    scope: str


@dataclass(frozen=True, slots=True)
class Call:
    """`prefetch` is None where none came, or more than is read."""

    service: Service
    instance: str
    fhir_server: str | None
    user: str
    patient: str = field(repr=False)
    encounter: str | None = field(repr=False)
    drafts: Sequence[Any] = field(repr=False)  # entries of a Bundle, as sent
    prefetch: Mapping[str, Any] | None = field(repr=False)
    authorization: Authorization | None

    @property
    def is_clinician(self) -> bool:
        return self.user.startswith(_CLINICIANS)


def json_object(content_type: str, body: bytes) -> Json:
    """Raises: NotJson; BadCall."""
    kind = content_type.split(";", 1)[0].strip().lower()
    if kind not in ("application/json", "application/fhir+json"):
        raise NotJson("the content type is not application/json")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadCall("the body is not JSON") from None
    if not isinstance(value, dict):
        raise BadCall("the body is not a JSON object")
    return value


def call_of(service: Service, content_type: str, body: bytes) -> Call:
    """Raises: NotJson; BadCall."""
    sent = json_object(content_type, body)
    if sent.get("hook") != service.hook:
        raise BadCall("hook is not this service's")
    instance = sent.get("hookInstance")
    if not isinstance(instance, str) or _UUID.fullmatch(instance) is None:
        raise BadCall("hookInstance is no UUID")
    context = sent.get("context")
    if not isinstance(context, dict):
        raise BadCall("context is no object")
    patient = context.get("patientId")
    if not isinstance(patient, str) or not is_fhir_id(patient):
        raise BadCall("context.patientId is no id")
    server = sent.get("fhirServer")
    if server is not None and not isinstance(server, str):
        raise BadCall("fhirServer is no address")
    prefetch = sent.get("prefetch")
    if prefetch is not None and not isinstance(prefetch, dict):
        raise BadCall("prefetch is no object")
    return Call(
        service=service,
        instance=instance.lower(),
        fhir_server=server,
        user=_user(service, context.get("userId")),
        patient=patient,
        encounter=_encounter(service, context.get("encounterId")),
        drafts=_drafts(context.get("draftOrders")) if _signs(service) else (),
        prefetch=prefetch if len(body) <= MOST_PREFETCH else None,
        authorization=_authorization(sent.get("fhirAuthorization"), server, patient),
    )


def _signs(service: Service) -> bool:
    return service.hook == "order-sign"


def _user(service: Service, value: object) -> str:
    found = _USER.fullmatch(value) if isinstance(value, str) else None
    if found is None or not is_fhir_id(found[2]):
        raise BadCall("context.userId names no user")
    if service.hook != "patient-view" and not found[0].startswith(_CLINICIANS):
        raise BadCall("context.userId is no practitioner")
    return found[0]


def _encounter(service: Service, value: object) -> str | None:
    if value is None and service.hook != "encounter-discharge":
        return None
    if not isinstance(value, str) or not is_fhir_id(value):
        raise BadCall("context.encounterId is no id")
    return value


def _drafts(value: object) -> Sequence[Any]:
    if not isinstance(value, dict) or value.get("resourceType") != "Bundle":
        raise BadCall("context.draftOrders is no Bundle")
    entries = value.get("entry", [])
    if not isinstance(entries, list):
        raise BadCall("context.draftOrders has no list of entries")
    return entries


def _authorization(
    value: object, server: str | None, patient: str
) -> Authorization | None:
    """Source: CDS Hooks 2.0, "Passing the Access Token to the CDS Service"."""
    if value is None:
        return None
    if not isinstance(value, dict) or server is None:
        raise BadCall("fhirAuthorization is no object, or comes without fhirServer")
    token, scope = value.get("access_token"), value.get("scope")
    if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
        raise BadCall("fhirAuthorization has no usable access_token")
    if str(value.get("token_type", "")).lower() != "bearer":
        raise BadCall("fhirAuthorization is of another token_type")
    if not isinstance(scope, str):
        raise BadCall("fhirAuthorization names no scope")
    if value.get("patient") not in (None, patient):
        raise BadCall("fhirAuthorization is for another patient")
    return Authorization(Secret(token), scope)
