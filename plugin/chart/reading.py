"""Reads a chart from an EHR: all reads side by side, each failing for itself.

What could not be read, or was not granted, is named in `could_not_check`; what was
read in part in `incomplete`. An empty answer alone means that there is nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from plugin.chart.bundle import outcome_reasons
from plugin.chart.chart import Chart, Source
from plugin.chart.codes import LOINC, SNOMED
from plugin.chart.collector import SUPPORT_GROUP, Collector, owner_of
from plugin.chart.extract_patient import patient_of
from plugin.chart.json_shapes import Json, one, text
from plugin.chart.measures import LOINC_CODES
from plugin.chart.references import reference_of
from smart_launch.errors import FhirError, FhirRefused, NotFound

PAGE = "200"
# Medicines that are read one by one, where requests carry nothing but a reference.
MOST_MEDICATIONS = 40
# An encounter diagnosis needs its encounter's date no further back than this.
ENCOUNTERS = timedelta(days=730)
# Types that many servers do not know at all: 404 for the whole type is "none".
_MAY_BE_UNKNOWN: frozenset[Source] = frozenset(
    {"Consent", "QuestionnaireResponse", "ServiceRequest"}
)


class EntryLike(Protocol):
    @property
    def resource(self) -> dict[str, Any]: ...


class SetAside(Protocol):
    @property
    def entry(self) -> int: ...
    @property
    def reason(self) -> str: ...


class ResultLike(Protocol):
    """The answer to a search, over all its pages."""

    @property
    def entries(self) -> Sequence[dict[str, Any]]: ...
    @property
    def unreadable(self) -> Sequence[SetAside]: ...
    @property
    def outcomes(self) -> Sequence[dict[str, Any]]: ...
    @property
    def included(self) -> Sequence[dict[str, Any]]: ...
    @property
    def incomplete(self) -> bool: ...


class Reads(Protocol):
    """What is needed of a FHIR client; it is called from several threads at once."""

    def read(self, resource_type: str, resource_id: str, /) -> EntryLike: ...
    def search(
        self, resource_type: str, params: Mapping[str, str], /
    ) -> ResultLike: ...
    def concerns_patient(self, resource: Mapping[str, Any], /) -> bool: ...


class Rights(Protocol):
    """What was granted."""

    def covers(self, resource: str, interaction: str, level: Any = ..., /) -> bool: ...
    def touches(self, resource: str, interaction: str, level: Any = ..., /) -> bool: ...


_Medicine = Json | Future[Json | None]


@dataclass(frozen=True, slots=True)
class _Ask:
    """One search, and the source that it is part of."""

    source: Source
    params: Mapping[str, str]

    @property
    def without_patient(self) -> str:
        params = {k: v for k, v in self.params.items() if k != "patient"}
        return f"{self.source}?{urlencode(params, safe='|,/:')}"


@dataclass(slots=True)
class _Answers:
    """What came back for one source."""

    results: list[ResultLike] = field(default_factory=list)
    failed: int = 0


def read_chart(
    fhir: Reads,
    patient_id: str,
    *,
    encounter: str | None,
    now: datetime,
    scopes: Rights,
    side_by_side: Executor,
) -> Chart:
    """The patient's chart, as far as it could be read.

    Takes:  `encounter`, the id of the encounter the app was opened in; `side_by_side`,
            what makes the reads, each of which may wait for the EHR.
    Raises: FhirError, where the Patient cannot be read: without it there is nobody to
            recommend for. RelaunchNeeded, where the grant is over.
    """
    granted = {source for source in SOURCES if _may(scopes, source, "s")}
    asks = [ask for ask in _asks(patient_id, now) if ask.source in granted]
    current = encounter if encounter and _may(scopes, "Encounter", "r") else None
    patient = side_by_side.submit(fhir.read, "Patient", patient_id)
    visit = side_by_side.submit(_encounter, fhir, current) if current else None
    under_way = [(ask, side_by_side.submit(_search, fhir, ask)) for ask in asks]
    try:
        answers = _gathered(under_way)
        medicines = _included(answers)
        for name in _unnamed(answers, medicines):
            medicines[name] = side_by_side.submit(_medication, fhir, name)
        read = _Read(
            patient.result().resource,
            answers,
            {name: _now(medicine) for name, medicine in medicines.items()},
            f"Encounter/{encounter}" if encounter else "",
            visit.result() if visit else None,
        )
    finally:
        for _, search in under_way:
            search.cancel()
    searches = tuple(ask.without_patient for ask in asks)
    return replace(_chart(fhir, read, scopes, now), searches=searches)


def _asks(patient_id: str, now: datetime) -> tuple[_Ask, ...]:
    """Both categories of Conditions are asked for: some servers give one by default."""
    mine = {"patient": patient_id, "_count": PAGE}
    since = (now - ENCOUNTERS).date().isoformat()
    scores = ",".join(f"{LOINC}|{code}" for code in LOINC_CODES)
    return (
        _Ask("Condition", mine),
        _Ask("Condition", {**mine, "category": "encounter-diagnosis"}),
        _Ask("Observation", {**mine, "code": scores}),
        _Ask("MedicationRequest", mine),
        _Ask("Encounter", {**mine, "date": f"ge{since}"}),
        _Ask("Consent", mine),
        _Ask("QuestionnaireResponse", mine),
        _Ask("ServiceRequest", {**mine, "code": f"{SNOMED}|{SUPPORT_GROUP}"}),
    )


SOURCES: tuple[Source, ...] = (
    "Condition",
    "Observation",
    "MedicationRequest",
    "Encounter",
    "Consent",
    "QuestionnaireResponse",
    "ServiceRequest",
)


def _may(scopes: Rights, source: str, interaction: str) -> bool:
    levels = ("patient", "user", "system")
    return any(scopes.touches(source, interaction, level) for level in levels)


def _covers(scopes: Rights, source: str) -> bool:
    levels = ("patient", "user", "system")
    return any(scopes.covers(source, "s", level) for level in levels)


def _search(fhir: Reads, ask: _Ask) -> ResultLike | None:
    """The answer, or None where the server does not know the type at all.

    Everything but the patient only narrows the search: a server that refuses a
    parameter is asked once more without.
    """
    try:
        return fhir.search(ask.source, ask.params)
    except NotFound:
        if ask.source in _MAY_BE_UNKNOWN:
            return None
        raise
    except FhirRefused:
        if ask.params.get("category"):  # the same source is asked without it anyway
            raise
        return fhir.search(ask.source, {"patient": ask.params["patient"]})


def _encounter(fhir: Reads, encounter: str) -> Json | None:
    """The encounter of this visit; its absence costs a date, not the chart."""
    try:
        return fhir.read("Encounter", encounter).resource
    except FhirError:
        return None


def _gathered(
    searches: Sequence[tuple[_Ask, Future[ResultLike | None]]],
) -> dict[Source, _Answers]:
    answers: dict[Source, _Answers] = {}
    for ask, future in searches:
        answer = answers.setdefault(ask.source, _Answers())
        try:
            result = future.result()
        except FhirError:
            answer.failed += 1
            continue
        if result is not None:
            answer.results.append(result)
    return answers


@dataclass(frozen=True, slots=True)
class _Read:
    """All that came back, not yet put together."""

    patient: Json
    answers: Mapping[Source, _Answers]
    medicines: Mapping[str, Json | None]
    encounter: str  # reference, "" where the app was opened without one
    visited: Json | None


def _chart(fhir: Reads, read: _Read, scopes: Rights, now: datetime) -> Chart:
    reference = f"Patient/{text(read.patient.get('id'))}"
    owner = owner_of(read.patient, reference, lenient=False)
    collector = Collector(owner, read.medicines.get)
    could_not: list[Source] = []
    incomplete: list[Source] = []
    if read.visited is not None:
        _take(collector, fhir, 0, read.visited)
    for source in SOURCES:
        answer = read.answers.get(source)
        if answer is None or (answer.failed and not answer.results):
            could_not.append(source)
            continue
        partial = answer.failed or any(r.incomplete for r in answer.results)
        if partial or not _covers(scopes, source):
            incomplete.append(source)
        for result in answer.results:
            _take_result(collector, fhir, source, result)
    return collector.chart(
        patient_of(read.patient, reference),
        now,
        could_not_check=could_not,
        incomplete=incomplete,
        encounter=read.encounter,
    )


def _take_result(
    collector: Collector, fhir: Reads, source: Source, result: ResultLike
) -> None:
    for place, resource in enumerate(result.entries):
        _take(collector, fhir, place, resource)
    for aside in result.unreadable:
        collector.set_aside(aside.entry, f"{source}: {aside.reason}", source)
    for outcome in result.outcomes:
        for reason in outcome_reasons(outcome):
            collector.set_aside(0, f"{source}: the server says: {reason}", source)


def _take(collector: Collector, fhir: Reads, place: int, resource: Json) -> None:
    """A server's filter is not trusted: the patient is checked again here."""
    if not fhir.concerns_patient(resource):
        kind = text(resource.get("resourceType"))
        reason = f"{kind}: it is not shown to be this patient's"
        collector.set_aside(place, reason, kind)
        return
    collector.add(place, resource)


def _included(answers: Mapping[Source, _Answers]) -> dict[str, _Medicine]:
    """The Medication resources that came along with their requests."""
    medicines: dict[str, _Medicine] = {}
    for resource in _resources(answers, included=True):
        name = f"{text(resource.get('resourceType'))}/{text(resource.get('id'))}"
        medicines.setdefault(name, resource)
    return medicines


def _unnamed(
    answers: Mapping[Source, _Answers], known: Mapping[str, _Medicine]
) -> list[str]:
    """The Medications that requests name by reference alone: they must be read."""
    wanted: dict[str, None] = {}
    for resource in _resources(answers, included=False):
        named = one(resource.get("medicationReference"))
        reference = reference_of(named)
        if reference.startswith("Medication/") and not text(named.get("display")):
            wanted[reference] = None
    return [name for name in wanted if name not in known][:MOST_MEDICATIONS]


def _resources(
    answers: Mapping[Source, _Answers], *, included: bool
) -> Iterator[dict[str, Any]]:
    answer = answers.get("MedicationRequest")
    for result in answer.results if answer else ():
        yield from result.included if included else result.entries


def _medication(fhir: Reads, reference: str) -> Json | None:
    """None where it cannot be read: the request is then set aside, and said."""
    try:
        return fhir.read("Medication", reference.partition("/")[2]).resource
    except FhirError:
        return None


def _now(medicine: _Medicine) -> Json | None:
    return medicine.result() if isinstance(medicine, Future) else medicine
