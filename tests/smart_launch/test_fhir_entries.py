"""F10-F15, F17, P04 and P05: permission, and what an answer holds."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from smart_launch.errors import (
    FhirError,
    NotFound,
    NotPermitted,
    RelaunchNeeded,
    UnreadableAnswer,
)

CONDITIONS = "/fhir/Condition"

# --- F10, F11: permission -------------------------------------------------------------


def test_F10_refused_token_is_refreshed_once_and_the_read_repeated(
    fhir: Any, ehr: Any
) -> None:
    ehr.good_tokens.clear()
    assert fhir.read("Patient", "p1").resource["id"] == "p1"
    assert len(ehr.calls("/token")) == 2
    assert len(ehr.calls("/fhir/Patient")) == 2


def test_F10_refused_new_token_asks_for_a_relaunch(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer(401))
    with pytest.raises(RelaunchNeeded):
        pages.search(fhir)
    assert len(ehr.calls("/token")) == 2
    assert len(ehr.calls(CONDITIONS)) == 2


def test_F10_refused_token_without_another_asks_for_a_relaunch(
    app: Any, ehr: Any
) -> None:
    ehr.token_answer = {"refresh_token": None}
    fhir = app.client.fhir(app.launch(ehr).context.id)
    ehr.good_tokens.clear()
    with pytest.raises(RelaunchNeeded):
        fhir.read("Patient", "p1")


def test_F10_two_reads_with_one_refused_token_make_one_refresh(
    fhir: Any, ehr: Any
) -> None:
    stale = fhir.access.token(fresh=False)
    ehr.good_tokens.clear()
    first = fhir.access.renewed(stale)
    assert fhir.access.renewed(stale) == first
    assert len(ehr.calls("/token")) == 2


def test_F11_no_permission_is_not_no_conditions(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer(403))
    with pytest.raises(NotPermitted) as raised:
        pages.search(fhir)
    assert raised.value.http_status == 403
    assert len(ehr.calls(CONDITIONS)) == 1


@pytest.mark.parametrize("status", [404, 410])
def test_missing_resource_is_not_found(
    fhir: Any, ehr: Any, answer: Any, status: int
) -> None:
    ehr.on("/fhir/Patient/p1", answer(status))
    with pytest.raises(NotFound):
        fhir.read("Patient", "p1")


# --- F12-F15: entries -----------------------------------------------------------------


def test_F12_malformed_entries_are_set_aside_and_counted(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(
        CONDITIONS,
        answer.of(
            pages.bundle(
                pages.condition("c1"),
                None,
                "text",
                {"resource": None},
                {"fullUrl": "x"},
                {"resource": {"id": "no-type"}},
                {"resource": {"resourceType": 5}},
                {"resource": {"resourceType": "Vendor", "id": "v"}},
                {"resource": {"resourceType": "Condition", "vendorThing": 1}},
                {"resource": {"resourceType": "Condition", "id": ["odd"]}, "search": 5},
                pages.condition("c2"),
            )
        ),
    )
    result = pages.search(fhir)
    assert len(result.entries) == 4
    assert [one.entry for one in result.unreadable] == [1, 2, 3, 4, 5, 6, 7]
    assert not result.incomplete


def test_F12_entries_that_are_no_list_leave_the_result_incomplete(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer.of({"resourceType": "Bundle", "entry": {"a": 1}}))
    result = pages.search(fhir)
    assert result.incomplete
    assert len(result.unreadable) == 1


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param({"resourceType": "Observation", "id": "p1"}, id="type"),
        pytest.param({"resourceType": "Patient", "id": "p2"}, id="id"),
        pytest.param({"resourceType": "Patient"}, id="no-id"),
    ],
)
def test_F12_another_resource_than_asked_for_is_unreadable(
    fhir: Any, ehr: Any, answer: Any, resource: dict[str, Any]
) -> None:
    ehr.on("/fhir/Patient/p1", answer.of(resource))
    with pytest.raises(UnreadableAnswer):
        fhir.read("Patient", "p1")


def test_F13_self_link_shows_what_the_server_did(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    link = [{"relation": "self", "url": f"{ehr.issuer}/Condition"}]
    ehr.on(CONDITIONS, answer.of(pages.bundle(pages.condition("c1", "p2"), link=link)))
    result = pages.search(fhir)
    assert result.self_link == f"{ehr.issuer}/Condition"
    assert not fhir.concerns_patient(result.entries[0])


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/json; charset=latin-1",
        "x; charset=utf-16",
        "",
    ],
)
def test_F14_body_is_utf_8_whatever_the_header_says(
    fhir: Any, ehr: Any, answer: Any, content_type: str
) -> None:
    body = '\ufeff{"resourceType":"Patient","id":"p1","text":"Müller"}'.encode()
    ehr.on("/fhir/Patient/p1", answer(200, body, {"Content-Type": content_type}))
    entry = fhir.read("Patient", "p1")
    assert entry.resource["text"] == "Müller"
    assert entry.raw == body


@pytest.mark.parametrize(
    "page",
    [
        pytest.param({"total": 0}, id="total-0"),
        pytest.param({}, id="no-total"),
        pytest.param({"entry": []}, id="empty-entries"),
    ],
)
def test_F15_empty_result_is_complete(
    pages: Any, fhir: Any, ehr: Any, answer: Any, page: dict[str, Any]
) -> None:
    ehr.on(CONDITIONS, answer.of({"resourceType": "Bundle", **page}))
    result = pages.search(fhir)
    assert (result.entries, result.unreadable, result.incomplete) == ([], [], False)


# --- F17, P04, P05 --------------------------------------------------------------------


def test_F17_echoed_token_reaches_neither_error_nor_log(
    pages: Any, fhir: Any, ehr: Any, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="smart_launch")
    token = "access-general-1"
    echo = {
        "resourceType": "OperationOutcome",
        "issue": [{"diagnostics": f"bad {token}"}],
    }
    for status in (400, 403, 404, 500):
        ehr.on(CONDITIONS, answer.of(echo, status))
        with pytest.raises(FhirError) as raised:
            pages.search(fhir)
        assert raised.value.outcome == "bad (token)"
        assert token not in repr(raised.value)
    assert token not in caplog.text
    assert all("access-general" not in str(one.query) for one in ehr.received)


def test_P04_another_patients_entry_is_told_apart(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(
        CONDITIONS,
        answer.of(
            pages.bundle(pages.condition("c1"), pages.condition("c2", patient="p2"))
        ),
    )
    kept = [
        one["id"] for one in pages.search(fhir).entries if fhir.concerns_patient(one)
    ]
    assert kept == ["c1"]


def test_P05_outcomes_and_includes_are_not_matches(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    remark = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "hidden"}]}
    practitioner = {"resourceType": "Practitioner", "id": "dr1"}
    ehr.on(
        CONDITIONS,
        answer.of(
            pages.bundle(
                {"resource": remark, "search": {"mode": "outcome"}},
                {"resource": remark},
                {"resource": practitioner, "search": {"mode": "include"}},
                {"resource": practitioner, "search": {"mode": "include"}},
                pages.condition("c1"),
            )
        ),
    )
    result = pages.search(fhir)
    assert [one["id"] for one in result.entries] == ["c1"]
    assert len(result.outcomes) == 2
    assert result.included == [practitioner]
    assert result.unreadable == []


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda fhir: fhir.read("Patient", "../x"), id="id"),
        pytest.param(lambda fhir: fhir.read("Patient", ".."), id="dots"),
        pytest.param(lambda fhir: fhir.read("patient/../x", "1"), id="type"),
        pytest.param(lambda fhir: fhir.search("Condition?x=", {}), id="search"),
    ],
)
def test_path_is_never_built_from_what_is_no_name(
    fhir: Any, ehr: Any, call: Any
) -> None:
    before = len(ehr.received)
    with pytest.raises(ValueError, match="not a resource"):
        call(fhir)
    assert len(ehr.received) == before


def test_search_without_parameters_has_no_query(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer.of(pages.bundle()))
    fhir.search("Condition", [])
    fhir.search("Condition", [("code", "a b&c"), ("code", "d")])
    queries = [one.query for one in ehr.calls(CONDITIONS)]
    assert queries == [{}, {"code": ["a b&c", "d"]}]
