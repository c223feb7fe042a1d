"""Records of the trail as FHIR AuditEvents, in the manner of IHE's patterns.

Source: IHE ITI, Basic Audit Log Patterns (BALP) 1.1.3: PatientRead, PatientQuery,
PatientCreate, PrivacyDisclosure.Source. In a read the EHR is the source of the data and
the app its destination; in a query and a create it is the other way round.
"""

import base64
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from fhir_profiles.canonical import profile_url
from plugin.audit.entries import Entry
from plugin.audit.trail import Trail
from plugin.fhir import checked
from plugin.settings import Settings
from smart_launch.errors import SealBroken

Json = dict[str, Any]
Pattern = Literal["PatientRead", "PatientQuery", "PatientCreate", "PrivacyDisclosure"]

APP_NAME: Final = "Self-help referral app"
_IHE: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
_SUCCESS, _SERIOUS = "0", "8"

# The kinds of records that an AuditEvent is made of, and the pattern of each.
PATTERNS: Final[Mapping[str, Pattern]] = {
    "chart.read": "PatientRead",
    "write.written": "PatientCreate",
    "write.refused": "PatientCreate",
    "handout.given": "PrivacyDisclosure",
    "audit.identity_shown": "PrivacyDisclosure",
}
_SOURCES = (
    *("Condition", "Observation", "MedicationRequest", "Encounter"),
    *("Consent", "QuestionnaireResponse", "ServiceRequest"),
)
_BY_THE_WORKER = ("write.written", "write.refused")
_GIVEN = {"handout.given": "the patient", "audit.identity_shown": "an auditor"}


@dataclass(frozen=True, slots=True)
class Site:
    """The app and the EHR that a tenant's events are between."""

    app_url: str
    tenant: str
    ehr_url: str

    @classmethod
    def of(cls, settings: Settings, tenant: str) -> "Site":
        issuers = {ehr.id: ehr.issuer for ehr in settings.ehrs}
        # An EHR that was taken out of the settings since still has its records.
        return cls(settings.origin, tenant, issuers.get(tenant, "unknown"))


def audit_event_lines(
    trail: Trail,
    entries: Iterable[Entry],
    site: Site,
    opened_by: Callable[[str], str],
) -> Iterator[bytes]:
    """AuditEvents as lines of JSON, each checked against R4.

    An event that concerns no patient has none, and an erased patient is named so.

    Takes: `opened_by`, who opened a launch: what the worker writes, it writes for the
           clinician whose launch it was.
    """
    for entry in entries:
        for event in events_of(trail, entry, site, opened_by):
            yield checked(event) + b"\n"


def events_of(
    trail: Trail, entry: Entry, site: Site, opened_by: Callable[[str], str]
) -> list[Json]:
    """What one record tells, under the name of whoever did it; empty for most kinds."""
    if entry.kind not in PATTERNS:
        return []
    acting = entry
    if entry.kind in _BY_THE_WORKER:
        acting = replace(entry, actor=opened_by(entry.context) or entry.actor)
    return audit_events(acting, _patient(trail, entry), site)


def audit_events(entry: Entry, patient: str, site: Site) -> list[Json]:
    """What one record tells, as one AuditEvent for each call that it speaks of.

    Takes: `patient`, the FHIR id; "" where it was erased.
    """
    match PATTERNS.get(entry.kind):
        case "PatientRead":
            return [_read(entry, patient, site), *_queries(entry, patient, site)]
        case "PatientCreate":
            return [_create(entry, patient, site)]
        case "PrivacyDisclosure":
            return [_disclosure(entry, patient, site)]
        case _:
            return []


def _patient(trail: Trail, entry: Entry) -> str:
    try:
        return trail.identity(entry.place)
    except SealBroken:
        return ""


def _read(entry: Entry, patient: str, site: Site) -> Json:
    event = _event(entry, site, "PatientRead", 0)
    event |= {
        "type": _rest(),
        "subtype": [_interaction("read")],
        "action": "R",
        "outcome": _SUCCESS,
        "agent": [_app(site, "110152"), _ehr(site, "110153"), _user(entry)],
        "source": _source(site),
        "entity": [_person(patient), _data(f"Patient/{patient}" if patient else "")],
    }
    return event


def _queries(entry: Entry, patient: str, site: Site) -> Iterator[Json]:
    """One for each search; what could not be read is told as a failure.

    A record that does not tell its searches, as older ones, is taken for one of all.
    """
    failed = set(entry.detail.get("could_not_check", ()))
    searches = entry.detail.get("searches", _SOURCES)
    for number, search in enumerate(searches, start=1):
        source, _, narrowed = search.partition("?")
        query = f"{source}?patient={patient}" + (f"&{narrowed}" if narrowed else "")
        event = _event(entry, site, "PatientQuery", number)
        event |= {
            "type": _rest(),
            "subtype": [_interaction("search-type")],
            "action": "E",
            "outcome": _SERIOUS if source in failed else _SUCCESS,
        }
        if source in failed:
            event["outcomeDesc"] = "not granted, or could not be read"
        event |= {
            "agent": [_app(site, "110153"), _ehr(site, "110152"), _user(entry)],
            "source": _source(site),
            "entity": [_person(patient), _query(query)],
        }
        yield event


def _create(entry: Entry, patient: str, site: Site) -> Json:
    written = entry.kind == "write.written"
    event = _event(entry, site, "PatientCreate", 0)
    event |= {
        "type": _rest(),
        "subtype": [_interaction("create")],
        "action": "C",
        "outcome": _SUCCESS if written else _SERIOUS,
    }
    if not written:
        event["outcomeDesc"] = f"refused: {entry.outcome or 'no reason given'}"
    reference = str(entry.detail.get("reference") or "") if written else ""
    identifier = str(entry.detail.get("identifier") or "")
    event |= {
        "agent": [_app(site, "110153"), _ehr(site, "110152"), _user(entry)],
        "source": _source(site),
        "entity": [_person(patient), _data(reference, identifier)],
    }
    return event


def _disclosure(entry: Entry, patient: str, site: Site) -> Json:
    event = _event(entry, site, "PrivacyDisclosure.Source", 0)
    recipient = {
        "type": _agent_type(_DCM, "110152", "Destination Role ID"),
        "who": {"display": _GIVEN[entry.kind]},
        "requestor": False,
        "network": _network(site.app_url),
    }
    event |= {
        "type": {"system": _DCM, "code": "110106", "display": "Export"},
        "subtype": [
            {"system": f"{_TERMINOLOGY}/iso-21089-lifecycle", "code": "disclose"}
        ],
        "action": "R",
        "outcome": _SUCCESS,
        "agent": [_app(site, "110153"), recipient, _user(entry)],
        "source": _source(site),
        "entity": [
            _person(patient),
            _data("", str(entry.detail.get("referral") or "")),
        ],
    }
    return event


def _event(entry: Entry, site: Site, pattern: str, number: int) -> Json:
    """The same record gives the same ids, however often it is exported."""
    name = f"{site.app_url}/audit/{entry.tenant}/{entry.sequence}/{number}"
    return {
        "resourceType": "AuditEvent",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        "meta": {"profile": [profile_url("selfhelp-audit-event"), _IHE + pattern]},
        "recorded": entry.at.isoformat(timespec="milliseconds"),
    }


def _rest() -> Json:
    return {
        "system": f"{_TERMINOLOGY}/audit-event-type",
        "code": "rest",
        "display": "RESTful Operation",
    }


def _interaction(code: str) -> Json:
    return {
        "system": "http://hl7.org/fhir/restful-interaction",
        "code": code,
        "display": code,
    }


def _app(site: Site, role: str) -> Json:
    return {
        "type": _role(role),
        "who": {"type": "Device", "display": APP_NAME},
        "requestor": False,
        "network": _network(site.app_url),
    }


def _ehr(site: Site, role: str) -> Json:
    return {
        "type": _role(role),
        "who": {"display": f"EHR {site.tenant}"},
        "requestor": False,
        "network": _network(site.ehr_url),
    }


def _user(entry: Entry) -> Json:
    kind, _, identity = entry.actor.partition("/")
    known = kind in ("Practitioner", "PractitionerRole") and identity
    who = {"reference": entry.actor} if known else {"display": entry.actor or "unknown"}
    return {
        "type": _agent_type(
            f"{_TERMINOLOGY}/v3-ParticipationType", "IRCP", "information recipient"
        ),
        "who": who,
        "requestor": True,
    }


def _role(code: str) -> Json:
    named = {"110152": "Destination Role ID", "110153": "Source Role ID"}
    return _agent_type(_DCM, code, named[code])


def _agent_type(system: str, code: str, display: str) -> Json:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _network(address: str) -> Json:
    return {"address": address, "type": "5"}  # a URI


def _source(site: Site) -> Json:
    return {
        "site": site.app_url,
        "observer": {"type": "Device", "display": APP_NAME},
        "type": [
            {
                "system": f"{_TERMINOLOGY}/security-source-type",
                "code": "4",
                "display": "Application Server",
            }
        ],
    }


def _person(patient: str) -> Json:
    what = {"reference": f"Patient/{patient}"} if patient else {"display": "erased"}
    return {
        "what": what,
        "type": _entity_type("1", "Person"),
        "role": _object_role("1", "Patient"),
    }


def _data(reference: str, identifier: str = "") -> Json:
    what: Json = {"display": "not known"}
    if reference:
        what = {"reference": reference}
    elif identifier:
        what = {"identifier": {"value": identifier}}
    return {
        "what": what,
        "type": _entity_type("2", "System Object"),
        "role": _object_role("4", "Domain Resource"),
    }


def _query(search: str) -> Json:
    return {
        "type": _entity_type("2", "System Object"),
        "role": _object_role("24", "Query"),
        "query": base64.b64encode(search.encode()).decode(),
    }


def _entity_type(code: str, display: str) -> Json:
    system = f"{_TERMINOLOGY}/audit-entity-type"
    return {"system": system, "code": code, "display": display}


def _object_role(code: str, display: str) -> Json:
    system = f"{_TERMINOLOGY}/object-role"
    return {"system": system, "code": code, "display": display}
