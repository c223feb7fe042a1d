"""A signed referral as FHIR R4 resources: pure builders of what the EHR is sent.

Each gives plain JSON values; `plugin.fhir.checked` turns them into the bytes that are
stored and sent. Where the patient agreed to "unnamed", or violence is in the chart,
nothing built here names the programme, the reasons or the meeting.
"""

import base64
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

import orjson

from fhir_profiles.canonical import profile_url
from plugin.fhir import InvalidResource, checked
from plugin.referral import labels, xhtml
from plugin.referral.phrases import phrase
from plugin.referral.signed import Choice, SignedReferral, Site
from plugin.referral.text import NOTE_LIMIT, clean_text, one_line
from plugin.referral.xhtml import note_xhtml

Json = dict[str, Any]

APP_NAME: Final = "Self-help referral app"
_SHORT: Final = 200
_PLAIN_TEXT: Final = "text/plain;charset=utf-8"

_FHIR_USER = re.compile(r"(?:^|/)((?:Practitioner|PractitionerRole)/[A-Za-z0-9\-._]+)$")


def service_requests(signed: SignedReferral, site: Site) -> list[Json]:
    """The orders: one for each choice, in the order in which they were chosen."""
    return [
        _service_request(signed, site, choice, number)
        for number, choice in enumerate(signed.choices, start=1)
    ]


def document_reference(
    signed: SignedReferral,
    site: Site,
    service_request_references: Sequence[str] = (),
) -> Json:
    """The note: one for all choices, with the orders it belongs to where known.

    Source: US Core's DocumentReference profile; each EHR's rules in the guides.
    """
    resource = _head("DocumentReference", "selfhelp-note", signed)
    resource |= {
        "identifier": [_identifier(signed, site)],
        "status": "current",
        "docStatus": site.note_status,
        "type": _note_type(site),
        "category": [{"coding": [dict(labels.CLINICAL_NOTE)]}],
        "subject": _subject(signed),
        "date": _instant(signed.signed_at),
        "author": [_author(signed)],
        "description": _description(signed),
    }
    security = labels.security(signed)
    if security:
        resource["securityLabel"] = [{"coding": [label]} for label in security]
    resource["content"] = [_content(signed, site)]
    resource["context"] = _context(signed, service_request_references)
    return resource


def provenance(signed: SignedReferral, site: Site, targets: Sequence[str] = ()) -> Json:
    """Who said it and what carried it.

    Takes:  `targets`, references of what was written; where they are not known yet,
            `with_references` puts them in before it is sent.
    Source: US Core's Provenance profile.
    """
    resource = _head("Provenance", "selfhelp-provenance", signed)
    behalf = {"type": "Organization", "display": one_line(site.name, _SHORT)}
    if not behalf["display"]:
        behalf["display"] = one_line(signed.tenant, _SHORT)
    if targets:
        resource["target"] = [{"reference": target} for target in targets]
    resource |= {
        "recorded": _instant(signed.signed_at),
        "activity": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation",
                    "code": "CREATE",
                    "display": "create",
                }
            ]
        },
        "agent": [
            {
                "type": _agent_type(
                    "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                    "author",
                ),
                "who": _author(signed),
                "onBehalfOf": dict(behalf),
            },
            {
                "type": _agent_type(
                    "http://hl7.org/fhir/us/core/CodeSystem/"
                    "us-core-provenance-participant-type",
                    "transmitter",
                ),
                "who": {"type": "Device", "display": APP_NAME},
                "onBehalfOf": dict(behalf),
            },
        ],
    }
    return resource


def task(
    signed: SignedReferral, site: Site, number: int, focus: str, review: date
) -> Json:
    """The reminder to ask, at the visit of that date, how the first meeting went.

    Takes:  the choice's number (1 or 2), the reference of its ServiceRequest; where
            that is not known yet, `with_references` puts it in before it is sent.
    Source: Gravity's SDOH Clinical Care guide (intent order, code fulfill).
    """
    resource = _head("Task", "selfhelp-task", signed)
    resource |= {
        "identifier": [_identifier(signed, site, f".{number}.task")],
        "status": "requested",
        "intent": "order",
        "code": {
            "coding": [
                {
                    "system": "http://hl7.org/fhir/CodeSystem/task-code",
                    "code": "fulfill",
                    "display": "Fulfill the focal request",
                }
            ]
        },
    }
    if focus:
        resource["focus"] = {"reference": focus}
    resource["for"] = _subject(signed)
    if signed.encounter:
        resource["encounter"] = _encounter(signed.encounter)
    resource |= {
        "authoredOn": _moment(signed.signed_at),
        "requester": _author(signed),
        "owner": _author(signed),
        "restriction": {"repetitions": 1, "period": {"end": review.isoformat()}},
    }
    return resource


def with_references(
    kind: Literal["DocumentReference", "Provenance", "Task"] | str,
    body: bytes,
    references: Sequence[str],
) -> bytes:
    """Complete stored bytes with what is only known once the orders are written.

    Takes:  `kind`, the resource's type; for the note the ServiceRequests it belongs
            to, for the Provenance its targets, for the Task the order it is about.
    Gives:  the bytes to send; the stored ones stay as they are.
    """
    resource = orjson.loads(body)
    if resource.get("resourceType") != kind:
        raise InvalidResource(f"not a {kind}")
    pointers = [{"reference": reference} for reference in references]
    if kind == "DocumentReference":
        orders = [p for p in pointers if p["reference"].startswith("ServiceRequest/")]
        if orders:
            resource.setdefault("context", {})["related"] = orders
    elif kind == "Task":
        if not pointers:
            raise InvalidResource("a Task needs its order")
        resource["focus"] = pointers[0]
    elif kind == "Provenance":
        # In the order of the specification: the targets stand first.
        head = {name: resource.pop(name) for name in ("resourceType", "meta")}
        resource.pop("target", None)
        resource = head | {"target": pointers} | resource
    else:
        raise InvalidResource(f"{kind}: has nothing to complete")
    return checked(resource)


def is_practitioner(fhir_user: str) -> bool:
    """Whether a fhirUser may stand as requester and author."""
    return _FHIR_USER.search(fhir_user) is not None


def _service_request(
    signed: SignedReferral, site: Site, choice: Choice, number: int
) -> Json:
    resource = _head("ServiceRequest", "selfhelp-service-request", signed)
    resource |= {
        "identifier": [_identifier(signed, site, f".{number}")],
        "status": "active",
        "intent": "order",
        "category": [{"coding": [dict(labels.SOCIAL_SERVICE)]}],
        "code": {"coding": [dict(labels.REFERRAL)]},
    }
    if signed.named:
        resource["orderDetail"] = [{"text": _program(choice)}]
    resource["subject"] = _subject(signed)
    if signed.encounter:
        resource["encounter"] = _encounter(signed.encounter)
    if signed.named and choice.meeting is not None:
        resource["occurrenceDateTime"] = _moment(choice.meeting.starts)
    resource |= {
        "authoredOn": _moment(signed.signed_at),
        "requester": _author(signed),
    }
    reasons = _conditions(choice) if signed.named else []
    if reasons:
        resource["reasonReference"] = reasons
    if labels.tells_part2(signed):
        resource["note"] = [{"text": labels.PART2_NOTICE}]
    resource["patientInstruction"] = phrase("order.instruction", signed.language)
    return resource


def _head(kind: str, profile: str, signed: SignedReferral) -> Json:
    meta: Json = {"profile": [profile_url(profile)]}
    security = labels.security(signed)
    if security:
        meta["security"] = security
    return {"resourceType": kind, "meta": meta}


def _identifier(signed: SignedReferral, site: Site, suffix: str = "") -> Json:
    return {"system": site.identifier_system, "value": signed.id + suffix}


def _subject(signed: SignedReferral) -> Json:
    return {"reference": "Patient/" + signed.patient.removeprefix("Patient/")}


def _encounter(encounter: str) -> Json:
    return {"reference": "Encounter/" + encounter.removeprefix("Encounter/")}


def _author(signed: SignedReferral) -> Json:
    # The fhirUser claim may be an absolute address; servers refuse those in references.
    found = _FHIR_USER.search(signed.author)
    if found is None:
        raise InvalidResource("the author is no Practitioner or PractitionerRole")
    author: Json = {"reference": found[1]}
    name = one_line(signed.author_name, _SHORT)
    if name:
        author["display"] = name
    return author


def _program(choice: Choice) -> str:
    return one_line(choice.name, _SHORT) or choice.program


def _conditions(choice: Choice) -> list[Json]:
    references = (c for c in choice.conditions if c.startswith("Condition/"))
    return [{"reference": reference} for reference in dict.fromkeys(references)]


def _note_type(site: Site) -> Json:
    display = labels.NOTE_TYPES.get(site.note_type)
    coding: Json = {"system": labels.LOINC, "code": site.note_type}
    if display:
        coding["display"] = display
    return {"coding": [coding]}


def _content(signed: SignedReferral, site: Site) -> Json:
    text = clean_text(signed.note)
    if not text:
        raise InvalidResource("the note is empty")
    if len(text) > NOTE_LIMIT:
        raise InvalidResource(f"the note is longer than {NOTE_LIMIT} characters")
    title, kind = phrase("note.title", signed.language), _PLAIN_TEXT
    if site.note_form == "xhtml":
        text = note_xhtml(text, language=signed.language, title=title)
        kind = xhtml.CONTENT_TYPE
    return {
        "attachment": {
            "contentType": kind,
            "language": signed.language,
            "data": base64.b64encode(text.encode()).decode("ascii"),
            "title": title,
            "creation": _moment(signed.signed_at),
        },
        "format": dict(labels.MIME_TYPE_SUFFICIENT),
    }


def _description(signed: SignedReferral) -> str:
    """The notice of 42 CFR 2.32 goes with the note, also where it was edited out."""
    words = phrase("note.description", signed.language)
    return f"{words}. {labels.PART2_NOTICE}" if labels.tells_part2(signed) else words


def _context(signed: SignedReferral, orders: Sequence[str]) -> Json:
    context: Json = {}
    if signed.encounter:
        context["encounter"] = [_encounter(signed.encounter)]
    context["period"] = _period(signed)
    if orders:
        context["related"] = [{"reference": order} for order in orders]
    return context


def _period(signed: SignedReferral) -> Json:
    """The time that the note is about: the visit, up to the signature.

    Some EHRs want both ends, with a time of day; where the visit does not tell them,
    or tells an end before its start, the moment of signing stands.
    """
    start = _aware(signed.encounter_start)
    end = _aware(signed.encounter_end)
    if start is None or start > signed.signed_at:
        start = signed.signed_at
    if end is None or end < start:
        end = signed.signed_at
    return {"start": _moment(start), "end": _moment(end)}


def _aware(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _moment(moment: datetime) -> str:
    """A FHIR dateTime to the second, in the offset it was given with."""
    return moment.replace(microsecond=0).isoformat()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()


def _agent_type(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code, "display": code.capitalize()}]}
