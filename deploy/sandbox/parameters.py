"""The search parameters that the sandbox knows, by resource type.

Source: HL7 FHIR R4 (4.0.1), the search parameters of each resource. A parameter that
is not listed here is refused: a server that quietly ignores it answers too much.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Form = Literal["token", "reference", "date", "string"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter: its form, and the elements it looks at."""

    form: Form
    elements: tuple[str, ...]


def _token(*elements: str) -> Parameter:
    return Parameter("token", elements)


def _reference(*elements: str) -> Parameter:
    return Parameter("reference", elements)


def _date(*elements: str) -> Parameter:
    return Parameter("date", elements)


_EVERYWHERE = {"_id": _token("id"), "_lastUpdated": _date("meta.lastUpdated")}
_IDENTIFIER = {"identifier": _token("identifier")}
_SUBJECT = {"patient": _reference("subject"), "subject": _reference("subject")}
_CLINICAL = {**_EVERYWHERE, **_IDENTIFIER, **_SUBJECT}

PARAMETERS: Mapping[str, Mapping[str, Parameter]] = {
    "Patient": {
        **_EVERYWHERE,
        **_IDENTIFIER,
        "family": Parameter("string", ("name.family",)),
        "given": Parameter("string", ("name.given",)),
        "name": Parameter("string", ("name.family", "name.given", "name.text")),
        "birthdate": _date("birthDate"),
        "gender": _token("gender"),
    },
    "Practitioner": {**_EVERYWHERE, **_IDENTIFIER},
    "PractitionerRole": {
        **_EVERYWHERE,
        **_IDENTIFIER,
        "practitioner": _reference("practitioner"),
        "organization": _reference("organization"),
    },
    "Organization": {**_EVERYWHERE, **_IDENTIFIER},
    "Location": {**_EVERYWHERE, **_IDENTIFIER, "status": _token("status")},
    "Medication": {**_EVERYWHERE, **_IDENTIFIER, "code": _token("code")},
    "Encounter": {
        **_CLINICAL,
        "status": _token("status"),
        "class": _token("class"),
        "type": _token("type"),
        "date": _date("period"),
    },
    "Condition": {
        **_CLINICAL,
        "category": _token("category"),
        "clinical-status": _token("clinicalStatus"),
        "verification-status": _token("verificationStatus"),
        "code": _token("code"),
        "encounter": _reference("encounter"),
        "onset-date": _date("onsetDateTime", "onsetPeriod"),
        "recorded-date": _date("recordedDate"),
    },
    "Observation": {
        **_CLINICAL,
        "status": _token("status"),
        "category": _token("category"),
        "code": _token("code"),
        "encounter": _reference("encounter"),
        "date": _date("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
    },
    "MedicationRequest": {
        **_CLINICAL,
        "status": _token("status"),
        "intent": _token("intent"),
        "code": _token("medicationCodeableConcept"),
        "encounter": _reference("encounter"),
        "authoredon": _date("authoredOn"),
    },
    "Consent": {
        **_EVERYWHERE,
        **_IDENTIFIER,
        "patient": _reference("patient"),
        "status": _token("status"),
        "scope": _token("scope"),
        "category": _token("category"),
        "date": _date("dateTime"),
    },
    "ServiceRequest": {
        **_CLINICAL,
        "status": _token("status"),
        "intent": _token("intent"),
        "category": _token("category"),
        "code": _token("code"),
        "encounter": _reference("encounter"),
        "requester": _reference("requester"),
        "authored": _date("authoredOn"),
        "occurrence": _date("occurrenceDateTime", "occurrencePeriod"),
    },
    "DocumentReference": {
        **_CLINICAL,
        "status": _token("status"),
        "category": _token("category"),
        "type": _token("type"),
        "encounter": _reference("context.encounter"),
        "related": _reference("context.related"),
        "author": _reference("author"),
        "date": _date("date"),
        "period": _date("context.period"),
    },
    "Provenance": {
        **_EVERYWHERE,
        "target": _reference("target"),
        "patient": _reference("target"),
        "agent": _reference("agent.who"),
        "recorded": _date("recorded"),
    },
    "Task": {
        **_EVERYWHERE,
        **_IDENTIFIER,
        "patient": _reference("for"),
        "subject": _reference("for"),
        "status": _token("status"),
        "intent": _token("intent"),
        "code": _token("code"),
        "business-status": _token("businessStatus"),
        "focus": _reference("focus"),
        "encounter": _reference("encounter"),
        "requester": _reference("requester"),
        "owner": _reference("owner"),
        "authored-on": _date("authoredOn"),
    },
    "QuestionnaireResponse": {
        **_CLINICAL,
        "status": _token("status"),
        "encounter": _reference("encounter"),
        "author": _reference("author"),
        "authored": _date("authored"),
    },
    "AuditEvent": {
        **_EVERYWHERE,
        "patient": _reference("agent.who", "entity.what"),
        "agent": _reference("agent.who"),
        "entity": _reference("entity.what"),
        "date": _date("recorded"),
        "action": _token("action"),
        "outcome": _token("outcome"),
    },
}
