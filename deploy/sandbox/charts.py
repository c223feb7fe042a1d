"""Reads the chart files and draws them up as FHIR R4 resources.

A chart file is short: systems have short names, dates are told from now (moments.py),
and `raw` holds whole resources, `malformed` what is no valid FHIR, as in real charts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from deploy.sandbox.moments import Moments
from deploy.sandbox.wire import Json

SYSTEMS: Mapping[str, str] = {
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "mrn": "urn:example:sandbox:mrn",
}
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_GEOLOCATION = "http://hl7.org/fhir/StructureDefinition/geolocation"
_CATEGORY_SYSTEMS = {
    "problem-list-item": _TERMINOLOGY + "condition-category",
    "encounter-diagnosis": _TERMINOLOGY + "condition-category",
    "survey": _TERMINOLOGY + "observation-category",
    "laboratory": _TERMINOLOGY + "observation-category",
    "vital-signs": _TERMINOLOGY + "observation-category",
    "social-history": _TERMINOLOGY + "observation-category",
}


@dataclass(frozen=True, slots=True)
class Chart:
    """One patient's chart. `key` is the file's name: what the chart shows."""

    key: str
    patient: str
    encounter: str
    practitioner: str
    resources: Sequence[Json]


def load_charts(now: datetime) -> list[Chart]:
    """Read every chart file, in the order of the names."""
    folder = files("deploy.sandbox").joinpath("patients")
    paths = sorted(folder.iterdir(), key=lambda path: path.name)
    return [
        draw_chart(
            path.name.removesuffix(".json"), orjson.loads(path.read_bytes()), now
        )
        for path in paths
        if path.name.endswith(".json")
    ]


def load_staff(now: datetime) -> list[Json]:
    """Read the practitioners, their roles, and the clinics they work at."""
    raw = orjson.loads(files("deploy.sandbox").joinpath("staff.json").read_bytes())
    moments = Moments(now, ZoneInfo("UTC"))
    return [_told(resource, moments) for resource in raw]


def draw_chart(key: str, short: Json, now: datetime) -> Chart:
    """Draw one chart file up as resources."""
    moments = Moments(now, ZoneInfo(short["zone"]))
    patient = short["id"]
    practitioner = short.get("practitioner", "lindqvist")
    encounter = f"{patient}-visit"
    drawn = [
        _patient(short, moments),
        _encounter(short, encounter, practitioner),
        *_conditions(short, encounter, practitioner),
        *_observations(short, practitioner),
        *_medications(short, practitioner),
        *short.get("raw", []),
        *short.get("malformed", []),
    ]
    return Chart(
        key,
        patient,
        encounter,
        practitioner,
        [_told(resource, moments) for resource in drawn],
    )


def _patient(short: Json, moments: Moments) -> Json:
    place = short["place"]
    address = {"use": "home", **{k: v for k, v in place.items() if k != "at"}}
    if "at" in place:
        latitude, longitude = place["at"]
        position = [
            {"url": "latitude", "valueDecimal": latitude},
            {"url": "longitude", "valueDecimal": longitude},
        ]
        address["extension"] = [{"url": _GEOLOCATION, "extension": position}]
    drawn: Json = {
        "resourceType": "Patient",
        "id": short["id"],
        "identifier": [
            {
                "use": "usual",
                "type": _concept(_TERMINOLOGY + "v2-0203", "MR"),
                "system": SYSTEMS["mrn"],
                "value": short["mrn"],
            }
        ],
        "active": True,
        "name": [{"use": "official", **short["name"]}],
        "gender": short["gender"],
        "birthDate": moments.born(*short["age"]),
        "address": [address],
        "communication": [
            {
                "language": _concept("urn:ietf:bcp:47", short["language"]),
                "preferred": True,
            }
        ],
    }
    if "phone" in short:
        drawn["telecom"] = [{"system": "phone", "value": short["phone"]}]
    further: Json = short.get("patient", {})
    return drawn | further


def _encounter(short: Json, identity: str, practitioner: str) -> Json:
    return {
        "resourceType": "Encounter",
        "id": identity,
        "status": "in-progress",
        "class": _coding(_TERMINOLOGY + "v3-ActCode", "AMB", "ambulatory"),
        "type": [{"text": short.get("visit", "Office visit")}],
        "subject": _reference("Patient", short["id"]),
        "participant": [{"individual": _reference("Practitioner", practitioner)}],
        "period": {"start": "@-20min"},
        "serviceProvider": _reference("Organization", short["clinic"]),
    }


def _conditions(short: Json, encounter: str, practitioner: str) -> Iterator[Json]:
    for number, entry in enumerate(short.get("conditions", []), 1):
        category = entry.get("category", "problem-list-item")
        status = entry.get("status", "active")
        drawn: Json = {
            "resourceType": "Condition",
            "id": entry.get("id", f"{short['id']}-condition-{number}"),
            "clinicalStatus": _concept(_TERMINOLOGY + "condition-clinical", status),
            "verificationStatus": _concept(
                _TERMINOLOGY + "condition-ver-status",
                entry.get("verification", "confirmed"),
            ),
            "category": [_concept(_CATEGORY_SYSTEMS[category], category)],
            "code": _coded(entry),
            "subject": _reference("Patient", short["id"]),
            "recordedDate": entry["recorded"],
            "recorder": _reference("Practitioner", practitioner),
        }
        if category == "encounter-diagnosis":
            drawn["encounter"] = _reference("Encounter", encounter)
        if "onset" in entry:
            drawn["onsetDateTime"] = entry["onset"]
        if "abated" in entry:
            drawn["abatementDateTime"] = entry["abated"]
        yield drawn


def _observations(short: Json, practitioner: str) -> Iterator[Json]:
    for number, entry in enumerate(short.get("observations", []), 1):
        category = entry.get("category", "survey")
        drawn: Json = {
            "resourceType": "Observation",
            "id": f"{short['id']}-observation-{number}",
            "status": "final",
            "category": [_concept(_CATEGORY_SYSTEMS[category], category)],
            "code": _coded(entry),
            "subject": _reference("Patient", short["id"]),
            "effectiveDateTime": entry["when"],
            "performer": [_reference("Practitioner", practitioner)],
        }
        if "answer" in entry:
            drawn["valueCodeableConcept"] = _coded(entry["answer"])
        else:
            drawn["valueQuantity"] = {
                "value": entry["value"],
                "unit": entry.get("unit", "score"),
                "system": "http://unitsofmeasure.org",
                "code": entry.get("ucum", "{score}"),
            }
        yield drawn


def _medications(short: Json, practitioner: str) -> Iterator[Json]:
    for number, entry in enumerate(short.get("medications", []), 1):
        drawn: Json = {
            "resourceType": "MedicationRequest",
            "id": f"{short['id']}-medication-{number}",
            "status": entry.get("status", "active"),
            "intent": "order",
            "subject": _reference("Patient", short["id"]),
            "authoredOn": entry["authored"],
            "requester": _reference("Practitioner", practitioner),
            "dosageInstruction": [{"text": entry["dose"]}],
        }
        if "medication" in entry:
            drawn["medicationReference"] = _reference("Medication", entry["medication"])
        else:
            drawn["medicationCodeableConcept"] = _coded(entry)
        yield drawn


def _coded(entry: Mapping[str, Any]) -> Json:
    codings = [
        _coding(SYSTEMS[name], entry[name], entry.get(f"{name}_display", entry["text"]))
        for name in SYSTEMS
        if name in entry
    ]
    return {**({"coding": codings} if codings else {}), "text": entry["text"]}


def _concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def _coding(system: str, code: str, display: str) -> Json:
    return {"system": system, "code": code, "display": display}


def _reference(kind: str, identity: str) -> Json:
    return {"reference": f"{kind}/{identity}"}


def _told(value: Any, moments: Moments) -> Any:
    if isinstance(value, str):
        return moments.told(value)
    if isinstance(value, list):
        return [_told(item, moments) for item in value]
    if isinstance(value, dict):
        return {name: _told(item, moments) for name, item in value.items()}
    return value
