"""Creates and updates: tried once, and honest about what is not known."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from smart_launch.errors import (
    AnswerLost,
    FhirBusy,
    FhirRefused,
    FhirUnavailable,
    NotFound,
    NotPermitted,
    RelaunchNeeded,
    UnreadableAnswer,
)

NOTE = b'{"resourceType":"DocumentReference","text":"caf\xc3\xa9"}'
PATH = "/fhir/DocumentReference"


@pytest.fixture
def fhir(app: Any, ehr: Any) -> Any:
    client = app.client.fhir(app.launch(ehr).context.id)
    return replace(client, write_deadline=0.5)


def create(fhir: Any) -> Any:
    return fhir.create("DocumentReference", NOTE)


def test_create_sends_exactly_the_bytes(fhir: Any, ehr: Any, answer: Any) -> None:
    ehr.on(PATH, answer(201, b"", {"Location": f"{ehr.issuer}/DocumentReference/d1"}))
    fhir.create("DocumentReference", NOTE, if_none_exist="identifier=s|v")
    (call,) = ehr.calls(PATH, "POST")
    assert call.body == NOTE
    assert call.headers["content-type"] == "application/fhir+json"
    assert call.headers["prefer"] == "return=representation"
    assert call.headers["if-none-exist"] == "identifier=s|v"
    assert call.headers["authorization"] == "Bearer access-general-1"


RESOURCE = {"resourceType": "DocumentReference", "id": "d1", "meta": {"versionId": "3"}}


@pytest.mark.parametrize(
    ("location", "etag", "expected"),
    [
        pytest.param("BASE/DocumentReference/d1", "", ("d1", None), id="absolute"),
        pytest.param("DocumentReference/d1", "", ("d1", None), id="relative"),
        pytest.param("/DocumentReference/d1", "", ("d1", None), id="slash"),
        pytest.param("DocumentReference/d1/_history/2", "", ("d1", None), id="version"),
        pytest.param("DocumentReference/d1", 'W/"2"', ("d1", "2"), id="etag"),
        pytest.param("", '"7"', (None, "7"), id="strong-etag"),
        pytest.param("", "7", (None, None), id="bare-etag"),
        pytest.param("", "", (None, None), id="nothing"),
        pytest.param("DocumentReference/a?b", "", ("a", None), id="query"),
        pytest.param("DocumentReference/%2e%2e", "", (None, None), id="bad-id"),
        pytest.param("DocumentReference/..", "", (None, None), id="dots"),
        pytest.param("Patient/p1", "", (None, None), id="other-type"),
    ],
)
def test_headers_of_a_created_answer_are_read_tolerantly(
    fhir: Any, ehr: Any, answer: Any, location: str, etag: str, expected: Any
) -> None:
    headers = {"Location": location.replace("BASE", ehr.issuer), "ETag": etag}
    ehr.on(PATH, answer(201, b"<html>", headers))
    created = create(fhir)
    assert (created.location_id, created.version) == expected
    assert (created.status, created.resource) == (201, None)


@pytest.mark.parametrize("status", [200, 201])
def test_resource_in_the_answer_is_given(
    fhir: Any, ehr: Any, answer: Any, status: int
) -> None:
    ehr.on(PATH, answer.of(RESOURCE, status))
    created = create(fhir)
    assert (created.location_id, created.version) == ("d1", "3")
    assert (created.status, created.resource) == (status, RESOURCE)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"resourceType": "Patient", "id": "p1"}, id="other-type"),
        pytest.param({"resourceType": "OperationOutcome"}, id="outcome"),
        pytest.param([], id="array"),
    ],
)
def test_other_things_in_the_answer_are_not_taken_for_the_resource(
    fhir: Any, ehr: Any, answer: Any, body: Any
) -> None:
    ehr.on(PATH, answer.of(body, 201))
    created = create(fhir)
    assert (created.location_id, created.resource) == (None, None)


@pytest.mark.parametrize("status", [202, 204])
def test_success_without_a_body_keeps_its_status(
    fhir: Any, ehr: Any, answer: Any, status: int
) -> None:
    ehr.on(PATH, answer(status))
    assert create(fhir).status == status


def hang_up(request: Any, one: Any) -> None:
    return None


def silence(request: Any, one: Any) -> None:
    time.sleep(1.5)


def half_status(request: Any, one: Any) -> None:
    one.sendall(b"HTTP/1.1 20")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(hang_up, id="hung-up"),
        pytest.param(silence, id="silence"),
        pytest.param(half_status, id="half-a-status"),
        pytest.param(500, id="500"),
        pytest.param(502, id="502"),
        pytest.param(504, id="504"),
        pytest.param(408, id="408"),
    ],
)
def test_lost_answer_is_unknown_and_never_repeated(
    fhir: Any, ehr: Any, answer: Any, fault: Any
) -> None:
    ehr.on(PATH, answer(fault) if isinstance(fault, int) else fault)
    with pytest.raises(AnswerLost):
        create(fhir)
    assert len(ehr.calls(PATH, "POST")) == 1


def cut_after_created(request: Any, one: Any) -> None:
    head = b"HTTP/1.1 201 Created\r\nLocation: DocumentReference/d1\r\n"
    one.sendall(head + b"Content-Length: 900\r\n\r\n{")


def test_created_with_a_cut_copy_is_created(fhir: Any, ehr: Any) -> None:
    ehr.on(PATH, cut_after_created)
    created = create(fhir)
    assert (created.status, created.location_id) == (201, "d1")
    assert created.resource is None


def cut_after_refusal(request: Any, one: Any) -> None:
    one.sendall(b"HTTP/1.1 422 No\r\nContent-Length: 900\r\n\r\n{")


def test_refusal_with_a_cut_reason_is_unknown(fhir: Any, ehr: Any) -> None:
    ehr.on(PATH, cut_after_refusal)
    with pytest.raises(AnswerLost):
        create(fhir)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(400, FhirRefused, id="400"),
        pytest.param(403, NotPermitted, id="403"),
        pytest.param(404, NotFound, id="404"),
        pytest.param(409, FhirRefused, id="409"),
        pytest.param(412, FhirRefused, id="412"),
        pytest.param(422, FhirRefused, id="422"),
        pytest.param(429, FhirBusy, id="429"),
        pytest.param(503, FhirBusy, id="503"),
        pytest.param(307, UnreadableAnswer, id="307"),
    ],
)
def test_refused_write_says_why_and_is_not_repeated(
    fhir: Any, ehr: Any, answer: Any, status: int, error: Any
) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "why"}]}
    ehr.on(PATH, answer.of(outcome, status, Retry_After="7"))
    with pytest.raises(error) as raised:
        create(fhir)
    assert raised.value.http_status == status
    assert len(ehr.calls(PATH, "POST")) == 1
    if error is FhirBusy:
        assert raised.value.retry_after == 7


def test_write_with_a_refused_token_renews_it_and_is_left_to_the_caller(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.good_tokens.clear()
    with pytest.raises(FhirBusy) as raised:
        create(fhir)
    assert raised.value.retry_after == 0
    assert len(ehr.calls(PATH, "POST")) == 1
    ehr.on(PATH, answer(201))
    create(fhir)
    used = [one.headers["authorization"] for one in ehr.calls(PATH, "POST")]
    assert used == ["Bearer access-general-1", "Bearer access-general-2"]


def test_write_with_a_refused_token_and_no_other_asks_for_a_relaunch(
    fhir: Any, ehr: Any
) -> None:
    ehr.good_tokens.clear()
    ehr.refresh_tokens.clear()
    with pytest.raises(RelaunchNeeded):
        create(fhir)


def test_write_that_never_left_is_not_lost(app: Any, ehr: Any, fhir: Any) -> None:
    ehr.close()
    app.client.outbound.close()
    with pytest.raises(FhirUnavailable):
        create(fhir)


def test_update_replaces_the_version_it_knows(fhir: Any, ehr: Any, answer: Any) -> None:
    ehr.on(PATH, answer.of(RESOURCE))
    updated = fhir.update("DocumentReference", "d1", NOTE, if_match="2")
    fhir.update("DocumentReference", "d1", NOTE)
    first, second = ehr.calls(PATH, "PUT")
    assert first.path == "/fhir/DocumentReference/d1"
    assert first.headers["if-match"] == 'W/"2"'
    assert "if-match" not in second.headers
    assert updated.version == "3"
