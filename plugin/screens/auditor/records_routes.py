"""The list of records: filtered, newest first, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from plugin.audit.entries import Key, Page, page
from plugin.screens.auditor.filters import Filters
from plugin.screens.auditor.gate import Change, Read, Reading, reviewers_router
from plugin.screens.auditor.telling import kinds, line, outcomes, shown
from plugin.screens.posted import Form

router = reviewers_router()


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    text: str


@router.get("/audit/at/{tenant}/records")
def records(reading: Read, request: Request) -> Response:
    query = request.query_params
    filters = Filters.read(query)
    older = Key.read(query.get("older", ""))
    newer = Key.read(query.get("newer", ""))
    reading.note("audit.viewed", {"page": "records", "filters": filters.told()})
    found = page(
        reading.house.engine,
        reading.tenant,
        filters.wanted(),
        older_than=older,
        newer_than=newer,
    )
    return reading.draw("records.html", "records", _values(reading, filters, found))


@router.post("/audit/at/{tenant}/patient")
def of_patient(reading: Change, form: Form) -> Response:
    """From a FHIR id to the pseudonyms that the trail knows it by.

    The id comes in a form and stays out of the address; that it was asked for is
    recorded under the patient's own pseudonym.
    """
    patient = form.one("patient").strip().removeprefix("Patient/")[:128]
    if patient:
        reading.note("audit.patient_asked", {}, patient)
    names = reading.house.trail.keys.pseudonyms(reading.tenant, patient)
    filters = Filters(patient=",".join(names) if patient else "")
    return RedirectResponse(f"{reading.base}/records{filters.query()}", 303)


def _values(reading: Reading, filters: Filters, found: Page) -> Mapping[str, object]:
    words = reading.words
    here = f"{reading.base}/records"
    older, newer = found.older, found.newer
    return {
        "filters": filters,
        "patient_shown": ", ".join(map(shown, filters.wanted().patients)),
        "kinds": _options(kinds(words)),
        "outcomes": _options(outcomes(words)),
        "programs": _programs(reading),
        "lines": [line(entry, words) for entry in found.entries],
        "older": f"{here}{filters.query(older=str(older))}" if older else "",
        "newer": f"{here}{filters.query(newer=str(newer))}" if newer else "",
        "without_patient": f"{here}{_without_patient(filters).query()}",
    }


def _without_patient(filters: Filters) -> Filters:
    return Filters(**(filters.told() | {"patient": ""}))


def _options(named: Mapping[str, str]) -> Sequence[Option]:
    """By their words, as people look for them."""
    return sorted((Option(*one) for one in named.items()), key=lambda o: o.text)


def _programs(reading: Reading) -> Sequence[Option]:
    programs = reading.house.knowledge.programs.values()
    return sorted((Option(p.id, p.name) for p in programs), key=lambda o: o.text)
