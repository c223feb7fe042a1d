"""What is shown, as a file: a table, lines of JSON, or FHIR AuditEvents."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import lru_cache, partial

import orjson
from starlette.responses import Response, StreamingResponse

from plugin.audit.balp import Site, audit_event_lines
from plugin.audit.entries import Entry, every, opener
from plugin.audit.errors import NotYours
from plugin.screens.auditor.filters import Filters
from plugin.screens.auditor.gate import Change, Reading, reviewers_router
from plugin.screens.posted import Form

router = reviewers_router()

COLUMNS = (
    *("number", "time", "event", "who", "patient", "launch"),
    *("outcome", "detail", "chain"),
)
# What a spreadsheet takes for the beginning of a formula, or for one hidden behind a
# tab or a line's end; full-width forms are read as their plain ones by some.
# Source: OWASP ASVS 5.0, 1.2.10; OWASP, "CSV Injection".
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)

_KINDS = {
    "csv": ("text/csv; charset=utf-8", "csv"),
    "json": ("application/x-ndjson", "ndjson"),
    "fhir": ("application/fhir+ndjson", "ndjson"),
}


@router.post("/audit/at/{tenant}/export")
def export(reading: Change, form: Form) -> Response:
    """The export is recorded before its first line leaves."""
    chosen = form.one("format")
    if chosen not in _KINDS:
        raise NotYours("there is no export of this form")
    identified = chosen == "fhir"  # an AuditEvent names its patient
    if identified and not reading.reviewer.may_see_identities:
        raise NotYours("only an auditor may export who the patients are")
    filters = Filters.read(dict(form.fields))
    detail = {"format": chosen, "filters": filters.told(), "identities": identified}
    number = reading.note("audit.exported", detail)
    entries = every(reading.house.engine, reading.tenant, filters.wanted())
    kind, ending = _KINDS[chosen]
    name = f"referral-records-{reading.tenant}-{number}.{ending}"
    return StreamingResponse(
        _lines(reading, chosen, entries),
        media_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _lines(reading: Reading, chosen: str, entries: Iterator[Entry]) -> Iterator[bytes]:
    if chosen == "csv":
        return csv_lines(entries)
    if chosen == "json":
        return json_lines(entries)
    house = reading.house
    site = Site.of(house.settings, reading.tenant)
    # A referral's writes stand together, and so do those of one launch.
    opened_by = lru_cache(maxsize=1000)(partial(opener, house.engine, reading.tenant))
    return audit_event_lines(house.trail, entries, site, opened_by)


def csv_lines(entries: Iterator[Entry]) -> Iterator[bytes]:
    """RFC 4180, every cell quoted, none of them a formula."""
    yield b"\xef\xbb\xbf" + _row(COLUMNS)
    for entry in entries:
        yield _row(
            (
                str(entry.sequence),
                entry.at.isoformat(),
                entry.kind,
                entry.actor,
                entry.patient,
                entry.context,
                entry.outcome,
                orjson.dumps(entry.detail).decode(),
                entry.digest,
            )
        )


def json_lines(entries: Iterator[Entry]) -> Iterator[bytes]:
    for entry in entries:
        told = {
            "tenant": entry.tenant,
            "sequence": entry.sequence,
            "at": entry.at.isoformat(),
            "kind": entry.kind,
            "actor": entry.actor,
            "patient": entry.patient,
            "context": entry.context,
            "outcome": entry.outcome,
            "detail": entry.detail,
            "chain": entry.digest,
        }
        yield orjson.dumps(told) + b"\n"


def safe_cell(text: str) -> str:
    """Text that a spreadsheet shows, and does not reckon with."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(cells: tuple[str, ...]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([safe_cell(cell) for cell in cells])
    return written.getvalue().encode()
