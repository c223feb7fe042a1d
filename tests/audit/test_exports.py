"""What leaves as a file: recorded, safe to open, and no more than may leave."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.audit.entries import Entry
from plugin.screens.auditor.export_routes import COLUMNS, csv_lines, safe_cell

Reviewed = Any  # what the fixture gives: see conftest
EXPORT = "/audit/at/general/export"


@pytest.fixture
def exported(reviewed: Reviewed) -> Callable[..., Any]:
    reviewed.sign_in("moreau")
    for number in range(3):
        reviewed.record(
            "chart.read",
            actor="Practitioner/7",
            patient="patient-canary-1",
            detail={"number": number},
        )
    reviewed.record("handout.given", patient="patient-canary-1")
    return lambda **fields: reviewed.post(EXPORT, **fields)


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def test_csv_has_what_was_asked_for(exported: Callable[..., Any]) -> None:
    answer = exported(format="csv", kind="chart.read")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    header, *rows = table(answer.text)
    assert tuple(header) == COLUMNS
    assert [row[2] for row in rows] == ["chart.read"] * 3
    assert "canary" not in answer.text


def test_A09_export_is_recorded_before_it_leaves(
    exported: Callable[..., Any], reviewed: Reviewed
) -> None:
    exported(format="json", clinician="Practitioner/7")
    (told,) = reviewed.events("audit.exported", "general")
    assert told["actor"] == "reviewer:staff-moreau"
    assert told["detail"] == {
        "format": "json",
        "filters": {"clinician": "Practitioner/7"},
        "identities": False,
    }


def test_ndjson_has_each_record_by_pseudonym(
    exported: Callable[..., Any], reviewed: Reviewed
) -> None:
    lines = [orjson.loads(one) for one in exported(format="json").content.splitlines()]
    # Two of signing in are of no tenant; the export's own record is the newest.
    assert [one["kind"] for one in lines] == [
        *("audit.exported", "handout.given"),
        *["chart.read"] * 3,
    ]
    assert "canary" not in repr(lines)
    assert {len(one["patient"]) for one in lines[1:]} == {24}


def test_A16_audit_events_name_the_patient(exported: Callable[..., Any]) -> None:
    answer = exported(format="fhir", kind="handout.given")
    assert answer.headers["content-type"] == "application/fhir+ndjson"
    (event,) = [orjson.loads(one) for one in answer.content.splitlines()]
    assert event["resourceType"] == "AuditEvent"
    assert event["entity"][0]["what"] == {"reference": "Patient/patient-canary-1"}


@pytest.mark.parametrize("form", ["", "xlsx", "../csv"])
def test_other_form_is_refused(
    exported: Callable[..., Any], reviewed: Reviewed, form: str
) -> None:
    assert exported(format=form).status_code == 404
    assert reviewed.events("audit.exported") == []


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        '=HYPERLINK("http://x")',
        "=cmd|' /C calc'!A0",
        "\uff1d1+1",
    ],
    ids=lambda text: "X15-" + repr(text)[1:6],
)
def test_X15_formula_is_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def entry(text: str) -> Entry:
    return Entry(
        tenant="general",
        sequence=1,
        kind=text,
        at=datetime(2026, 3, 2, tzinfo=UTC),
        actor=text,
        patient="",
        context=text,
        outcome=text,
        detail={text: text},
    )


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00")))
def test_X15_any_text_is_one_cell_and_never_a_formula(text: str) -> None:
    written = b"".join(csv_lines(iter([entry(text)]))).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(written, newline=""), strict=True))
    assert [len(row) for row in rows] == [len(COLUMNS)] * 2
    assert rows[1][3].removeprefix("'") == text.removeprefix("'")
    assert not any(cell[:1] in tuple("=+-@\t\r\n") for cell in rows[1] if cell)


def test_X15_cells_are_apart_whatever_the_locale() -> None:
    written = b"".join(csv_lines(iter([entry('a;b,c"d\n e')]))).decode("utf-8-sig")
    assert '"a;b,c""d\n e"' in written
    assert written.endswith('"\r\n')
