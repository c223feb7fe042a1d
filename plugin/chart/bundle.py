"""A chart from a FHIR Bundle: a file, without an EHR."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from plugin.chart.chart import Chart
from plugin.chart.collector import Collector, owner_of
from plugin.chart.errors import NoPatient, NotABundle
from plugin.chart.extract_patient import patient_of
from plugin.chart.json_shapes import Json, concept_text, many, one, text
from plugin.chart.references import bundle_id, name_of, plain_reference
from plugin.chart.resource_types import RESOURCE_TYPES

_BOM = b"\xef\xbb\xbf"
_PROBLEM = {"fatal", "error", "warning"}


def chart_from_bundle(data: bytes, now: datetime) -> Chart:
    """Read a collection, searchset or transaction Bundle about one patient.

    Takes:  the bytes of the file, and the moment it is read at.
    Raises: NotABundle, NoPatient.
    """
    return chart_from_entries(_entries(data), now)


def _entries(data: bytes) -> list[Any]:
    try:
        bundle = orjson.loads(data.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise NotABundle(str(error)) from error
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise NotABundle("the file is JSON, but no Bundle")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise NotABundle("Bundle.entry is not a list")
    return entries


def chart_from_entries(entries: list[Any], now: datetime) -> Chart:
    """The chart of the first Patient among Bundle entries."""
    place, patient, url = _the_patient(entries)
    reference = name_of(patient, url, place)
    patients = sum(_kind(e) == "Patient" for e in entries)
    owner = owner_of(patient, reference, lenient=patients == 1, url=url)
    collector = Collector(owner, _Medications(entries).find)
    for place, entry in enumerate(entries):
        for resource, address in _readable(collector, place, entry):
            collector.add(place, resource, address)
    return collector.chart(patient_of(patient, reference), now)


def _kind(entry: object) -> str:
    return text(one(one(entry).get("resource")).get("resourceType"))


def _the_patient(entries: list[Any]) -> tuple[int, Json, str]:
    for place, entry in enumerate(entries):
        if isinstance(entry, dict) and _kind(entry) == "Patient":
            return place, entry["resource"], text(entry.get("fullUrl"))
    raise NoPatient("no entry is a Patient")


def _readable(
    collector: Collector, place: int, entry: object
) -> Iterator[tuple[Json, str]]:
    """The resource of an entry, or nothing and the reason why."""
    if not isinstance(entry, dict):
        collector.set_aside(place, "the entry is not an object")
        return
    resource = entry.get("resource")
    if not isinstance(resource, dict):
        collector.set_aside(place, "the entry holds no resource")
        return
    kind = text(resource.get("resourceType"))
    if kind not in RESOURCE_TYPES:
        shown = kind[:40] or "none"
        collector.set_aside(place, f"not a FHIR R4 resource type: {shown}")
        return
    if kind == "OperationOutcome":
        for reason in outcome_reasons(resource):
            collector.set_aside(place, f"the server says: {reason}", kind)
        return
    yield resource, text(entry.get("fullUrl"))


def outcome_reasons(outcome: Mapping[str, Any]) -> list[str]:
    """What an OperationOutcome complains of."""
    reasons = []
    for issue in many(outcome.get("issue")):
        if issue.get("severity") in _PROBLEM:
            said = concept_text(issue.get("details")) or text(issue.get("diagnostics"))
            reasons.append((said or text(issue.get("code")) or "an error")[:200])
    return reasons


class _Medications:
    """The Medication entries of a Bundle, by every name they may be called."""

    def __init__(self, entries: list[Any]) -> None:
        self._by_name: dict[str, Json] = {}
        for place, entry in enumerate(entries):
            if isinstance(entry, dict) and _kind(entry) == "Medication":
                resource, url = entry["resource"], text(entry.get("fullUrl"))
                names = {
                    url,
                    bundle_id(url),
                    plain_reference(url),
                    name_of(resource, url, place),
                }
                for name in names - {""}:
                    self._by_name.setdefault(name, resource)

    def find(self, reference: str) -> Json | None:
        named = self._by_name.get(reference)
        return named or self._by_name.get(bundle_id(reference) or reference)
