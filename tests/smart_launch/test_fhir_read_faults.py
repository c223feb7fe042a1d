"""F01-F15, F17, P04 and P05: what comes back when reading."""

from __future__ import annotations

import gzip
import logging
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from smart_launch.errors import (
    FhirBusy,
    FhirError,
    FhirRefused,
    FhirUnavailable,
    NotFound,
    NotPermitted,
    RelaunchNeeded,
    UnreadableAnswer,
)
from smart_launch.fhir_client import ReadLimits
from smart_launch.gate import Limits
from smart_launch.outbound import Outbound


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def fhir(app: Any, ehr: Any, slept: list[float]) -> Any:
    client = app.client.fhir(app.launch(ehr).context.id)
    return replace(client, sleep=slept.append)


def bundle(*entries: Any, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "entry": list(entries),
        **more,
    }


def condition(name: str, patient: str = "p1") -> dict[str, Any]:
    return {
        "fullUrl": f"urn:{name}",
        "resource": {
            "resourceType": "Condition",
            "id": name,
            "subject": {"reference": f"Patient/{patient}"},
        },
        "search": {"mode": "match"},
    }


def to(url: str) -> list[dict[str, str]]:
    return [{"relation": "next", "url": url}]


CONDITIONS = "/fhir/Condition"


def search(fhir: Any) -> Any:
    return fhir.search("Condition", {"patient": "p1"})


# --- F01, F02: busy and broken -------------------------------------------------------


def test_F01_short_retry_after_is_honoured(
    fhir: Any, ehr: Any, answer: Any, slept: list[float]
) -> None:
    busy = answer(429, b"", {"Retry-After": "2"})
    ehr.on(CONDITIONS, busy, answer.of(bundle(condition("c1"))))
    assert len(search(fhir).entries) == 1
    assert slept == [2.0]


@pytest.mark.parametrize("status", [429, 503])
def test_F01_long_retry_after_is_told_and_not_waited_for(
    fhir: Any, ehr: Any, answer: Any, slept: list[float], status: int
) -> None:
    ehr.on(CONDITIONS, answer(status, b"", {"Retry-After": "3600"}))
    with pytest.raises(FhirBusy) as raised:
        search(fhir)
    assert raised.value.retry_after == 3600
    assert slept == []
    assert len(ehr.calls(CONDITIONS)) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("86400000", 86400.0, id="capped"),
        pytest.param("9" * 5000, 86400.0, id="digits"),
        pytest.param("DATE", 7200.0, id="date"),
        pytest.param("PAST", 0.0, id="past"),
    ],
)
def test_F01_retry_after_is_capped(
    fhir: Any, ehr: Any, answer: Any, header: str, seconds: float
) -> None:
    now = datetime.now(UTC)
    header = header.replace("DATE", format_datetime(now + timedelta(hours=2)))
    header = header.replace("PAST", format_datetime(now - timedelta(hours=2)))
    ehr.on(CONDITIONS, answer(429, b"", {"Retry-After": header}))
    with pytest.raises(FhirBusy) as raised:
        search(fhir)
    assert raised.value.retry_after == pytest.approx(seconds, abs=5)


@pytest.mark.parametrize("header", ["soon", "-1", "", "1.5", "Wed, 99 Foo", "²"])
def test_F01_garbage_retry_after_means_our_own_pace(
    fhir: Any, ehr: Any, answer: Any, slept: list[float], header: str
) -> None:
    ehr.on(CONDITIONS, answer(429, b"", {"Retry-After": header}))
    with pytest.raises(FhirBusy) as raised:
        search(fhir)
    assert raised.value.retry_after is None
    assert slept == [0.2, 0.4]
    assert len(ehr.calls(CONDITIONS)) == 3


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_F02_broken_read_is_tried_three_times(
    fhir: Any, ehr: Any, answer: Any, status: int
) -> None:
    ehr.on(CONDITIONS, answer(status, b"<html>Bad Gateway</html>"))
    with pytest.raises(FhirUnavailable) as raised:
        search(fhir)
    assert len(ehr.calls(CONDITIONS)) == 3
    assert "html" not in str(raised.value) + raised.value.public


def test_F02_read_that_recovers_is_read(fhir: Any, ehr: Any, answer: Any) -> None:
    ehr.on(CONDITIONS, answer(500), answer(503), answer.of(bundle(condition("c1"))))
    assert len(search(fhir).entries) == 1


def test_F02_closed_gate_is_not_knocked_at(
    fhir: Any, ehr: Any, slept: list[float]
) -> None:
    door = Outbound(limits=Limits(trip_after=1))
    cut = replace(fhir, outbound=door, limits=ReadLimits(attempts=1))
    ehr.on(CONDITIONS, lambda request, one: None)
    with pytest.raises(FhirUnavailable):
        search(cut)
    with pytest.raises(FhirBusy) as raised:
        search(replace(cut, limits=ReadLimits()))
    assert raised.value.http_status is None
    assert slept == []
    assert len(ehr.calls(CONDITIONS)) == 1
    door.close()


def test_F02_attempts_end_with_the_budget(fhir: Any, ehr: Any, answer: Any) -> None:
    ehr.on(CONDITIONS, answer(500))
    impatient = replace(fhir, limits=ReadLimits(budget=0.1, first_wait=5))
    with pytest.raises(FhirUnavailable):
        search(impatient)
    assert len(ehr.calls(CONDITIONS)) == 1
    nothing_left = replace(fhir, limits=ReadLimits(budget=0))
    with pytest.raises(FhirUnavailable):
        search(nothing_left)
    assert len(ehr.calls(CONDITIONS)) == 1


OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [
        {"severity": "error", "code": "x", "details": {"text": "no\nluck"}},
        {"code": "throttled"},
        {"diagnostics": "d" * 2000},
        "text",
        {"details": "text"},
    ],
}


def test_F02_outcome_with_status_200_is_not_an_empty_result(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer.of(OUTCOME))
    with pytest.raises(UnreadableAnswer) as raised:
        search(fhir)
    assert raised.value.outcome is not None
    assert raised.value.outcome.startswith("no luck; throttled; dddd")
    assert len(raised.value.outcome) == 500
    with pytest.raises(UnreadableAnswer):
        fhir.read("Condition", "c1")


def test_F02_outcome_of_a_refusal_is_one_short_line(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer.of(OUTCOME, 400))
    with pytest.raises(FhirRefused) as raised:
        search(fhir)
    assert raised.value.http_status == 400
    assert raised.value.outcome.isprintable()
    assert "no luck" not in str(raised.value)


def test_F02_refusal_that_is_not_fhir_has_no_words(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    for body in (b"<html>", b"[]", b'{"error":"x"}'):
        ehr.on(CONDITIONS, answer(400, body))
        with pytest.raises(FhirRefused) as raised:
            search(fhir)
        assert raised.value.outcome is None


@pytest.mark.parametrize(
    "issues",
    [
        pytest.param(None, id="none"),
        pytest.param([], id="empty"),
        pytest.param([{}], id="nothing-said"),
    ],
)
def test_F02_outcome_without_words_has_none(
    fhir: Any, ehr: Any, answer: Any, issues: Any
) -> None:
    ehr.on(
        CONDITIONS,
        answer.of({"resourceType": "OperationOutcome", "issue": issues}, 400),
    )
    with pytest.raises(FhirRefused) as raised:
        search(fhir)
    assert raised.value.outcome is None


# --- F03, F04: slow and cut ----------------------------------------------------------


def drip(request: Any, one: Any) -> None:
    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(60):
        one.sendall(b" ")
        time.sleep(0.05)


def drip_headers(request: Any, one: Any) -> None:
    for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 60:
        one.sendall(bytes([letter]))
        time.sleep(0.05)


def silence(request: Any, one: Any) -> None:
    time.sleep(3)


def endless(request: Any, one: Any) -> None:
    one.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        one.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")
        time.sleep(0.01)


def header_flood(request: Any, one: Any) -> None:
    one.sendall(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"\r\n")


def long_header(request: Any, one: Any) -> None:
    one.sendall(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 200_000 + b"\r\n\r\n")


def nonsense(request: Any, one: Any) -> None:
    one.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.parametrize(
    "fault",
    [drip, drip_headers, silence, endless, header_flood, long_header, nonsense],
)
def test_F03_read_ends_at_its_total_deadline(fhir: Any, ehr: Any, fault: Any) -> None:
    ehr.on(CONDITIONS, fault)
    began = time.monotonic()
    with pytest.raises(FhirUnavailable):
        search(replace(fhir, limits=ReadLimits(budget=0.6)))
    assert time.monotonic() - began < 1.2


HALF = b'{"resourceType":"Bundle"'


def short_length(request: Any, one: Any) -> None:
    one.sendall(
        b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"resourceType":"Bundle"'
    )


def cut_chunk(request: Any, one: Any) -> None:
    one.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    one.sendall(b"40\r\n" + HALF)


def unfinished_chunks(request: Any, one: Any) -> None:
    body = b'{"resourceType":"Bundle"}'
    one.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    one.sendall(f"{len(body):x}\r\n".encode() + body + b"\r\n")


def closed_early(request: Any, one: Any) -> None:
    one.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + HALF)


def cut_gzip(request: Any, one: Any) -> None:
    data = gzip.compress(HALF + b',"id":"0123456789"}')[:-20]
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(data)}"
    one.sendall(head.encode() + b"\r\n\r\n" + data)


@pytest.mark.parametrize(
    "fault", [short_length, cut_chunk, unfinished_chunks, closed_early, cut_gzip]
)
def test_F04_truncated_answer_is_never_no_conditions(
    fhir: Any, ehr: Any, fault: Any
) -> None:
    ehr.on(CONDITIONS, fault)
    with pytest.raises((FhirUnavailable, UnreadableAnswer)):
        search(fhir)


# --- F05: too much, and odd JSON -----------------------------------------------------

BIG = b'{"resourceType":"Bundle","entry":[]' + b" " * 200_000_000
BOMB = gzip.compress(BIG + b"}", 9)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(BOMB, {"Content-Encoding": "gzip"}, id="gzip-bomb"),
        pytest.param(
            gzip.compress(BOMB), {"Content-Encoding": "gzip, gzip"}, id="double-bomb"
        ),
        pytest.param(b"x" * 64, {"Content-Encoding": "br"}, id="brotli"),
        pytest.param(b"{" + b" " * 50_000_000, {}, id="50-MB"),
    ],
)
def test_F05_answer_that_is_too_long_ends_early(
    fhir: Any, ehr: Any, answer: Any, body: bytes, headers: dict[str, str]
) -> None:
    ehr.on(CONDITIONS, answer(200, body, headers))
    tracemalloc.start()
    try:
        began = time.monotonic()
        with pytest.raises(UnreadableAnswer):
            search(fhir)
        assert time.monotonic() - began < 3
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
    assert len(ehr.calls(CONDITIONS)) == 1, "more of the same is not asked for"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="deep-objects"),
        pytest.param(b'{"resourceType":"Bundle","total":1e400}', id="1e400"),
        pytest.param(b'{"resourceType":"Bundle","total":NaN}', id="NaN"),
        pytest.param(b'{"resourceType":"Bundle","x":"\\ud800"}', id="surrogate"),
        pytest.param(b'{"resourceType":"Bundle","x":"\xff"}', id="not-UTF-8"),
        pytest.param('{"resourceType":"Bundle"}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"{}", id="no-type"),
        pytest.param(b'{"resourceType":["Bundle"]}', id="type-list"),
        pytest.param(b'{"resourceType":"Patient","id":"p1"}', id="patient"),
        pytest.param(b"<html>Please log in</html>", id="html"),
    ],
)
def test_F05_answer_that_cannot_be_read_is_an_error(
    fhir: Any, ehr: Any, answer: Any, body: bytes
) -> None:
    ehr.on(CONDITIONS, answer(200, body))
    with pytest.raises(UnreadableAnswer):
        search(fhir)


def test_F05_odd_but_readable_numbers_are_read(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    body = (
        b'{"resourceType":"Bundle","total":' + b"9" * 300 + b',"entry":[],"entry":[]}'
    )
    ehr.on(CONDITIONS, answer(200, body))
    assert search(fhir).entries == []


# --- F06-F09: pages ------------------------------------------------------------------


def test_pages_are_read_to_the_last(fhir: Any, ehr: Any, answer: Any) -> None:
    page2 = f"{ehr.issuer}/Condition?page=2"
    links = [*to(page2), {"relation": "self", "url": "SELF"}]
    page3 = "Condition?page=3"
    ehr.on(
        CONDITIONS,
        answer.of(bundle(condition("c1"), condition("c2"), link=links)),
        answer.of(bundle(condition("c2"), condition("c3"), link=to(page3))),
        answer.of(bundle(condition("c4"))),
    )
    result = search(fhir)
    assert [one["id"] for one in result.entries] == ["c1", "c2", "c3", "c4"]
    assert not result.incomplete
    assert result.self_link == "SELF"
    assert [one.query for one in ehr.calls(CONDITIONS)] == [
        {"patient": ["p1"]},
        {"page": ["2"]},
        {"page": ["3"]},
    ]


def test_F06_too_many_entries_are_cut_and_said(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    pages = []
    for page in range(40):
        entries = [condition(f"c{page}-{n}") for n in range(500)]
        pages.append(
            answer.of(bundle(*entries, link=to(f"{ehr.issuer}/Condition?page={page}")))
        )
    ehr.on(CONDITIONS, *pages)
    result = search(fhir)
    assert len(result.entries) == 5000
    assert result.incomplete
    assert len(ehr.calls(CONDITIONS)) == 11


def test_F06_too_many_pages_are_cut_and_said(fhir: Any, ehr: Any, answer: Any) -> None:
    pages = [
        answer.of(bundle(condition(f"c{n}"), link=to(f"Condition?page={n}")))
        for n in range(60)
    ]
    ehr.on(CONDITIONS, *pages)
    result = search(fhir)
    assert result.incomplete
    assert len(ehr.calls(CONDITIONS)) == 40


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("EVIL/fhir/Condition?page=2", id="other-host"),
        pytest.param("http://169.254.169.254/latest", id="metadata"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("//evil.example/x", id="no-scheme"),
        pytest.param("https://HOST/fhir/Condition?page=2", id="other-scheme"),
        pytest.param("http://HOST@EVILHOST/fhir", id="user-information"),
        pytest.param("http://localhost/fhir/Condition", id="other-name"),
        pytest.param("javascript:alert(1)", id="script"),
        pytest.param("http://[::1", id="half-address"),
        pytest.param("\\\\evil.example\\x", id="backslashes"),
        pytest.param("Condition?page=2\r\nX-Evil: 1", id="CRLF"),
    ],
)
def test_F07_next_link_elsewhere_is_never_followed(
    fhir: Any, ehr: Any, new_ehr: Any, answer: Any, link: str
) -> None:
    evil = new_ehr("evil")
    link = link.replace("EVILHOST", evil.host).replace("EVIL", evil.root)
    link = link.replace("HOST", ehr.host)
    ehr.on(CONDITIONS, answer.of(bundle(condition("c1"), link=to(link))))
    result = search(fhir)
    assert result.incomplete
    assert [one["id"] for one in result.entries] == ["c1"]
    assert evil.received == []
    assert len(ehr.calls(CONDITIONS)) == 1
    assert "X-Evil" not in str(result)


def test_F07_token_does_not_follow_even_to_an_allowed_host(
    fhir: Any, ehr: Any, new_ehr: Any, answer: Any
) -> None:
    login = new_ehr("login")
    allowing = replace(fhir.registration, allowed_hosts=frozenset({login.host}))
    link = to(f"{login.root}/fhir/Condition?page=2")
    ehr.on(CONDITIONS, answer.of(bundle(condition("c1"), link=link)))
    assert search(replace(fhir, registration=allowing)).incomplete
    assert login.received == []


def test_F07_circles_are_noticed(fhir: Any, ehr: Any, answer: Any) -> None:
    itself = f"{ehr.issuer}/Condition?patient=p1"
    ehr.on(CONDITIONS, answer.of(bundle(condition("c1"), link=to(itself))))
    assert search(fhir).incomplete
    assert len(ehr.calls(CONDITIONS)) == 1
    first, second = f"{ehr.issuer}/Condition?a", f"{ehr.issuer}/Condition?b"
    ehr.on(
        CONDITIONS,
        answer.of(bundle(condition("c1"), link=to(first))),
        answer.of(bundle(condition("c2"), link=to(second))),
        answer.of(bundle(condition("c3"), link=to(first))),
    )
    result = search(fhir)
    assert result.incomplete
    assert len(result.entries) == 3


def test_F08_relative_link_stays_on_the_server(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(
        CONDITIONS,
        answer.of(bundle(condition("c1"), link=to("?page=2"))),
        answer.of(bundle(condition("c2"), link=to("/fhir/Condition?page=3"))),
        answer.of(bundle(condition("c3"))),
    )
    assert len(search(fhir).entries) == 3


@pytest.mark.parametrize(
    "links", [5, "next", [5, {}, {"relation": "next"}, {"relation": "next", "url": 1}]]
)
def test_F08_malformed_links_are_no_links(
    fhir: Any, ehr: Any, answer: Any, links: Any
) -> None:
    ehr.on(CONDITIONS, answer.of(bundle(condition("c1"), link=links)))
    assert len(search(fhir).entries) == 1


def test_failure_on_a_later_page_keeps_what_was_read(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    first = bundle(condition("c1"), link=to(f"{ehr.issuer}/Condition?page=2"))
    ehr.on(CONDITIONS, answer.of(first), answer(500))
    result = search(fhir)
    assert result.incomplete
    assert "500" in result.incomplete_because
    assert len(result.entries) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_F09_read_redirect_is_not_followed(
    fhir: Any, ehr: Any, new_ehr: Any, answer: Any, status: int
) -> None:
    evil = new_ehr("evil")
    ehr.on(CONDITIONS, answer(status, b"", {"Location": f"{evil.root}/fhir"}))
    with pytest.raises(UnreadableAnswer):
        search(fhir)
    assert evil.received == []


# --- F10, F11: permission ------------------------------------------------------------


def test_F10_refused_token_is_refreshed_once_and_the_read_repeated(
    fhir: Any, ehr: Any
) -> None:
    ehr.good_tokens.clear()
    assert fhir.read("Patient", "p1").resource["id"] == "p1"
    assert len(ehr.calls("/token")) == 2
    assert len(ehr.calls("/fhir/Patient")) == 2


def test_F10_refused_new_token_asks_for_a_relaunch(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer(401))
    with pytest.raises(RelaunchNeeded):
        search(fhir)
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
    fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer(403))
    with pytest.raises(NotPermitted) as raised:
        search(fhir)
    assert raised.value.http_status == 403
    assert len(ehr.calls(CONDITIONS)) == 1


@pytest.mark.parametrize("status", [404, 410])
def test_missing_resource_is_not_found(
    fhir: Any, ehr: Any, answer: Any, status: int
) -> None:
    ehr.on("/fhir/Patient/p1", answer(status))
    with pytest.raises(NotFound):
        fhir.read("Patient", "p1")


# --- F12-F15: entries ----------------------------------------------------------------


def test_F12_malformed_entries_are_set_aside_and_counted(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(
        CONDITIONS,
        answer.of(
            bundle(
                condition("c1"),
                None,
                "text",
                {"resource": None},
                {"fullUrl": "x"},
                {"resource": {"id": "no-type"}},
                {"resource": {"resourceType": 5}},
                {"resource": {"resourceType": "Vendor", "id": "v"}},
                {"resource": {"resourceType": "Condition", "vendorThing": 1}},
                {"resource": {"resourceType": "Condition", "id": ["odd"]}, "search": 5},
                condition("c2"),
            )
        ),
    )
    result = search(fhir)
    assert len(result.entries) == 4
    assert [one.entry for one in result.unreadable] == [1, 2, 3, 4, 5, 6, 7]
    assert not result.incomplete


def test_F12_entries_that_are_no_list_leave_the_result_incomplete(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer.of({"resourceType": "Bundle", "entry": {"a": 1}}))
    result = search(fhir)
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
    fhir: Any, ehr: Any, answer: Any
) -> None:
    link = [{"relation": "self", "url": f"{ehr.issuer}/Condition"}]
    ehr.on(CONDITIONS, answer.of(bundle(condition("c1", "p2"), link=link)))
    result = search(fhir)
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
    fhir: Any, ehr: Any, answer: Any, page: dict[str, Any]
) -> None:
    ehr.on(CONDITIONS, answer.of({"resourceType": "Bundle", **page}))
    result = search(fhir)
    assert (result.entries, result.unreadable, result.incomplete) == ([], [], False)


# --- F17, P04, P05 -------------------------------------------------------------------


def test_F17_echoed_token_reaches_neither_error_nor_log(
    fhir: Any, ehr: Any, answer: Any, caplog: pytest.LogCaptureFixture
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
            search(fhir)
        assert raised.value.outcome == "bad (token)"
        assert token not in repr(raised.value)
    assert token not in caplog.text
    assert all("access-general" not in str(one.query) for one in ehr.received)


def test_P04_another_patients_entry_is_told_apart(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(
        CONDITIONS, answer.of(bundle(condition("c1"), condition("c2", patient="p2")))
    )
    kept = [one["id"] for one in search(fhir).entries if fhir.concerns_patient(one)]
    assert kept == ["c1"]


def test_P05_outcomes_and_includes_are_not_matches(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    remark = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "hidden"}]}
    practitioner = {"resourceType": "Practitioner", "id": "dr1"}
    ehr.on(
        CONDITIONS,
        answer.of(
            bundle(
                {"resource": remark, "search": {"mode": "outcome"}},
                {"resource": remark},
                {"resource": practitioner, "search": {"mode": "include"}},
                {"resource": practitioner, "search": {"mode": "include"}},
                condition("c1"),
            )
        ),
    )
    result = search(fhir)
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
    fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer.of(bundle()))
    fhir.search("Condition", [])
    fhir.search("Condition", [("code", "a b&c"), ("code", "d")])
    queries = [one.query for one in ehr.calls(CONDITIONS)]
    assert queries == [{}, {"code": ["a b&c", "d"]}]
