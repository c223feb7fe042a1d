"""What the EHR's pages show of resources: lines of text, whatever the resource is like.

A chart holds odd entries too; each is shown as far as it can be read, none is hidden.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from deploy.sandbox.matching import reached
from deploy.sandbox.records import Records
from deploy.sandbox.site import Site
from deploy.sandbox.wire import Json

_UNNAMED = "No name recorded"


@dataclass(frozen=True, slots=True)
class PatientView:
    id: str
    name: str
    age: str
    gender: str
    born: str
    mrn: str
    place: str
    language: str
    visit: str
    problems: Sequence[str]
    clinician: str


@dataclass(frozen=True, slots=True)
class ProblemView:
    text: str
    codes: str
    status: str
    certainty: str
    recorded: str
    encounter_diagnosis: bool


@dataclass(frozen=True, slots=True)
class ResultView:
    text: str
    value: str
    when: str


@dataclass(frozen=True, slots=True)
class MedicationView:
    text: str
    dose: str
    since: str


@dataclass(frozen=True, slots=True)
class FiledView:
    """A resource as it was filed."""

    reference: str
    json: str


@dataclass(frozen=True, slots=True)
class OrderView:
    reference: str
    text: str
    program: str
    status: str
    intent: str
    meets: str
    ordered: str
    by: str
    reasons: Sequence[str]
    note: str
    identifier: str
    filed: Sequence[FiledView]


@dataclass(frozen=True, slots=True)
class NoteView:
    reference: str
    title: str
    status: str
    written: str
    by: str
    text: str
    orders: Sequence[str]
    identifier: str
    filed: Sequence[FiledView]


def patient_view(site: Site, patient: Json, today: date) -> PatientView:
    records = site.records
    identity = patient["id"]
    chart = site.chart_of(identity)
    encounters = records.of_patient("Encounter", identity)
    open_visit = [e for e in encounters if e.get("status") == "in-progress"]
    active = [
        problem.text
        for problem in problem_views(records, identity)
        if problem.status in {"active", "recurrence", "relapse"}
        and not problem.encounter_diagnosis
    ]
    clinician = f"Practitioner/{chart.practitioner}" if chart else ""
    return PatientView(
        id=identity,
        name=_first_text(patient, "name.given") + " " + _first(patient, "name.family"),
        age=_age(_first(patient, "birthDate"), today),
        gender=_first(patient, "gender"),
        born=told(_first(patient, "birthDate")),
        mrn=_first(patient, "identifier.value"),
        place=", ".join(
            part
            for name in ("city", "state", "country")
            if (part := _first(patient, f"address.{name}"))
        ),
        language=_first(patient, "communication.language.coding.code"),
        visit=_first(open_visit, "type.text"),
        problems=active,
        clinician=_shown(records, clinician),
    )


def problem_views(records: Records, patient: str) -> list[ProblemView]:
    return [
        ProblemView(
            text=concept_text(condition.get("code")) or _UNNAMED,
            codes=", ".join(_codes(condition.get("code"))),
            status=_status(condition.get("clinicalStatus")),
            certainty=_status(condition.get("verificationStatus")),
            recorded=told(
                _first(condition, "recordedDate") or _first(condition, "onsetDateTime")
            ),
            encounter_diagnosis="encounter-diagnosis"
            in list(reached(condition, "category.coding.code")),
        )
        for condition in records.of_patient("Condition", patient)
    ]


def result_views(records: Records, patient: str) -> list[ResultView]:
    found = records.of_patient("Observation", patient)
    return [
        ResultView(
            text=concept_text(result.get("code")) or _UNNAMED,
            value=_first(result, "valueQuantity.value")
            or concept_text(result.get("valueCodeableConcept"))
            or "not readable",
            when=told(_first(result, "effectiveDateTime")),
        )
        for result in sorted(found, key=_effective, reverse=True)
    ]


def medication_views(records: Records, patient: str) -> list[MedicationView]:
    views = []
    for request in records.of_patient("MedicationRequest", patient):
        reference = _first(request, "medicationReference.reference")
        text = concept_text(request.get("medicationCodeableConcept"))
        views.append(
            MedicationView(
                text=text or _shown(records, reference) or _UNNAMED,
                dose=_first(request, "dosageInstruction.text"),
                since=told(_first(request, "authoredOn")),
            )
        )
    return views


def order_views(records: Records, patient: str) -> list[OrderView]:
    """Give the orders, the newest first."""
    return [
        OrderView(
            reference=f"ServiceRequest/{order['id']}",
            text=concept_text(order.get("code")) or _UNNAMED,
            program=_first(order, "orderDetail.text"),
            status=_first(order, "status"),
            intent=_first(order, "intent"),
            meets=told(_first(order, "occurrenceDateTime")),
            ordered=told(_first(order, "authoredOn")),
            by=_shown(records, _first(order, "requester.reference")),
            reasons=_each_once(
                _shown(records, str(reference))
                for reference in reached(order, "reasonReference.reference")
            ),
            note=_first(order, "note.text"),
            identifier=_first(order, "identifier.value"),
            filed=_filed(records, patient, order),
        )
        for order in reversed(records.of_patient("ServiceRequest", patient))
    ]


def note_views(records: Records, patient: str) -> list[NoteView]:
    """Give the notes, the newest first."""
    return [
        NoteView(
            reference=f"DocumentReference/{note['id']}",
            title=concept_text(note.get("type"))
            or _first(note, "description")
            or "Note",
            status=_first(note, "docStatus") or _first(note, "status"),
            written=told(_first(note, "date")),
            by=", ".join(
                _shown(records, str(reference))
                for reference in reached(note, "author.reference")
            ),
            text=attachment_text(note),
            orders=[
                str(reference)
                for reference in reached(note, "context.related.reference")
            ],
            identifier=_first(note, "identifier.value"),
            filed=_filed(records, patient, note),
        )
        for note in reversed(records.of_patient("DocumentReference", patient))
    ]


def attachment_text(note: Json) -> str:
    """Read the text of a note's first attachment."""
    data = _first(note, "content.attachment.data")
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "This note cannot be read as text."


def concept_text(concept: object) -> str:
    """Give the words of a CodeableConcept: its text, or a display, or a code."""
    for path in ("text", "coding.display", "coding.code"):
        if found := _first(concept, path):
            return found
    return ""


def told(text: str) -> str:
    """Say a FHIR date as precisely as it is given: 2 Mar 2026, 7:00 PM."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if len(text) < 10:
        return text
    day = f"{moment.day} {moment:%b %Y}"
    if "T" not in text:
        return day
    return f"{day}, {moment.hour % 12 or 12}:{moment:%M %p}"


def _age(born: str, today: date) -> str:
    try:
        day = date.fromisoformat(born)
    except ValueError:
        return "age not known"
    before = (today.month, today.day) < (day.month, day.day)
    return f"{today.year - day.year - before} y"


def _status(concept: object) -> str:
    if isinstance(concept, str):
        return concept
    return _first(concept, "coding.code") or "not recorded"


def _codes(concept: object) -> Iterator[str]:
    for code in reached(concept, "coding.code"):
        yield str(code)
    for odd in reached(concept, "coding"):
        if isinstance(odd, str):
            yield odd


def _shown(records: Records, reference: str) -> str:
    """Say what a reference points at."""
    kind, _, identity = reference.partition("/")
    target = records.read(kind, identity) or {}
    return _first(target, "name.text") or concept_text(target.get("code")) or reference


def _each_once(texts: Iterable[str]) -> list[str]:
    """A problem of the list and a diagnosis of the visit may bear the same words."""
    return list(dict.fromkeys(texts))


def _effective(result: Mapping[str, Any]) -> str:
    return _first(result, "effectiveDateTime")


def _first(value: object, path: str) -> str:
    found = next(reached(value, path), "")
    return "" if isinstance(found, dict | list) else str(found)


def _first_text(value: object, path: str) -> str:
    return " ".join(str(part) for part in reached(value, path))


def _filed(records: Records, patient: str, resource: Json) -> list[FiledView]:
    """Show a resource as FHIR, and with it the Provenance and Tasks that name it."""
    reference = f"{resource['resourceType']}/{resource['id']}"
    beside = [
        other
        for kind, path in (
            ("Provenance", "target.reference"),
            ("Task", "focus.reference"),
        )
        for other in records.of_patient(kind, patient)
        if reference in reached(other, path)
    ]
    return [
        FiledView(
            f"{one['resourceType']}/{one['id']}",
            orjson.dumps(one, option=orjson.OPT_INDENT_2).decode(),
        )
        for one in (resource, *beside)
    ]
