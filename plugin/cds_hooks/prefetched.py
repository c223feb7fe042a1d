"""The chart from what came along with a call.

What belongs to another patient is dropped, and said: such a call gets no card. A key
that is missing was not read; one that is null holds nothing.

Source: CDS Hooks 2.0, "Prefetch Template": null, OperationOutcome, pages.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from plugin.cds_hooks.call import Call
from plugin.cds_hooks.services import SOURCES
from plugin.chart.bundle import chart_from_entries
from plugin.chart.chart import Chart, Source
from plugin.chart.errors import ChartError
from plugin.chart.json_shapes import many, one, text
from smart_launch.fhir_client import in_compartment

MOST_ENTRIES = 2_000  # of one key
# Types that come along and have no patient of their own.
_WITHOUT_PATIENT = frozenset({"Medication", "OperationOutcome"})
_PATIENT = re.compile(r"(?:^|/)Patient/([A-Za-z0-9.\-]{1,64})(?:/_history/[^/]+)?$")
_ABSENT = object()


@dataclass(slots=True)
class Prefetched:
    """`chart` is None where the patient or the problems did not come.

    `refused`, whether the client said why not: then it is not asked either.
    `absent` are the parts that were left out, and could be read instead.
    """

    chart: Chart | None = None
    foreign: int = 0
    refused: bool = False
    absent: list[Source] = field(default_factory=list)


def prefetched(call: Call, base: str, now: datetime) -> Prefetched:
    """Takes: the address of the FHIR server, against which references are compared."""
    sent = call.prefetch or {}
    found = Prefetched()
    patient = sent.get("patient")
    if not _is(patient, "Patient"):
        found.refused = "patient" in sent
        found.absent += [SOURCES[key] for key in call.service.parts if key not in sent]
        return found
    assert isinstance(patient, dict)
    if patient.get("id") != call.patient:
        found.foreign += 1
    address = f"{base.rstrip('/')}/Patient/{call.patient}"
    entries: list[Any] = [{"resource": patient, "fullUrl": address}]
    unread: set[Source] = set()
    partial: set[Source] = set()
    for key in call.service.parts:
        source = SOURCES[key]
        value = sent.get(key, _ABSENT)
        listed = _entries(value, source)
        if value is _ABSENT:
            found.absent.append(source)
        if listed is None:
            unread.add(source)
            continue
        if len(listed) > MOST_ENTRIES or _has_more(value):
            partial.add(source)
        entries += _own(listed[:MOST_ENTRIES], call.patient, base, found)
    if found.foreign:
        return found
    if "Condition" in unread:
        found.refused = "conditions" in sent
        return found
    found.chart = _chart(entries, call, now, unread, partial)
    return found


def drafted(call: Call, base: str, now: datetime) -> Prefetched:
    """The draft orders as a chart of their own."""
    found = Prefetched()
    address = f"{base.rstrip('/')}/Patient/{call.patient}"
    owner = {"resourceType": "Patient", "id": call.patient}
    entries: list[Any] = [{"resource": owner, "fullUrl": address}]
    drafts = list(call.drafts)[:MOST_ENTRIES]
    # They are this patient's by their place in the context, unless they say otherwise.
    entries += _own(drafts, call.patient, base, found, unnamed_too=True)
    if not found.foreign:
        found.chart = _chart(entries, call, now, set(), set())
    return found


def _chart(
    entries: list[Any],
    call: Call,
    now: datetime,
    unread: set[Source],
    partial: set[Source],
) -> Chart | None:
    try:
        chart = chart_from_entries(entries, now)
    except ChartError:
        return None
    return replace(
        chart,
        could_not_check=tuple(sorted(unread)),
        incomplete=tuple(sorted(partial)),
        encounter=f"Encounter/{call.encounter}" if call.encounter else "",
    )


def _is(value: object, kind: str) -> bool:
    return isinstance(value, dict) and value.get("resourceType") == kind


def _entries(value: object, source: Source) -> list[Any] | None:
    """What a key holds; None where it could not be read."""
    if value is None:
        return []
    if _is(value, source):
        return [{"resource": value}]
    if not isinstance(value, dict) or not _is(value, "Bundle"):
        return None
    entries = value.get("entry", [])
    return entries if isinstance(entries, list) else None


def _has_more(value: object) -> bool:
    return any(
        text(link.get("relation")) == "next" for link in many(one(value).get("link"))
    )


def _own(
    entries: Iterable[Any],
    patient: str,
    base: str,
    found: Prefetched,
    *,
    unnamed_too: bool = False,
) -> Iterable[Any]:
    """The entries that are shown to be this patient's; counts those of another."""
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            continue
        own = in_compartment(resource, patient, base)
        if own or resource.get("resourceType") in _WITHOUT_PATIENT:
            yield entry
        elif _names_another(resource, patient):
            found.foreign += 1
        elif unnamed_too:
            yield entry


def _names_another(resource: Mapping[str, Any], patient: str) -> bool:
    if resource.get("resourceType") == "Patient":
        return resource.get("id") != patient
    for name in ("subject", "patient", "for"):
        named = _PATIENT.search(text(one(resource.get(name)).get("reference")))
        if named and named[1] != patient:
            return True
    return False
