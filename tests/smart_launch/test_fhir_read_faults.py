"""F01-F05: an EHR that is busy, broken, slow, cut short or too much."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any

import pytest

from smart_launch.errors import (
    FhirBusy,
    FhirRefused,
    FhirUnavailable,
    UnreadableAnswer,
)
from smart_launch.fhir_client import ReadLimits
from smart_launch.gate import Limits
from smart_launch.outbound import Outbound

CONDITIONS = "/fhir/Condition"

# --- F01, F02: busy and broken --------------------------------------------------------


def test_F01_short_retry_after_is_honoured(
    pages: Any, fhir: Any, ehr: Any, answer: Any, slept: list[float]
) -> None:
    busy = answer(429, b"", {"Retry-After": "2"})
    ehr.on(CONDITIONS, busy, answer.of(pages.bundle(pages.condition("c1"))))
    assert len(pages.search(fhir).entries) == 1
    assert slept == [2.0]


@pytest.mark.parametrize("status", [429, 503])
def test_F01_long_retry_after_is_told_and_not_waited_for(
    pages: Any, fhir: Any, ehr: Any, answer: Any, slept: list[float], status: int
) -> None:
    ehr.on(CONDITIONS, answer(status, b"", {"Retry-After": "3600"}))
    with pytest.raises(FhirBusy) as raised:
        pages.search(fhir)
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
        pytest.param("Mon, 01 Jan 2024 00:00:00 -0000", 0.0, id="no-zone"),
    ],
)
def test_F01_retry_after_is_capped(
    pages: Any, fhir: Any, ehr: Any, answer: Any, header: str, seconds: float
) -> None:
    now = datetime.now(UTC)
    header = header.replace("DATE", format_datetime(now + timedelta(hours=2)))
    header = header.replace("PAST", format_datetime(now - timedelta(hours=2)))
    ehr.on(CONDITIONS, answer(429, b"", {"Retry-After": header}))
    with pytest.raises(FhirBusy) as raised:
        pages.search(fhir)
    assert raised.value.retry_after == pytest.approx(seconds, abs=5)


@pytest.mark.parametrize("header", ["soon", "-1", "", "1.5", "Wed, 99 Foo", "²"])
def test_F01_garbage_retry_after_means_our_own_pace(
    pages: Any, fhir: Any, ehr: Any, answer: Any, slept: list[float], header: str
) -> None:
    ehr.on(CONDITIONS, answer(429, b"", {"Retry-After": header}))
    with pytest.raises(FhirBusy) as raised:
        pages.search(fhir)
    assert raised.value.retry_after is None
    assert slept == [0.2, 0.4]
    assert len(ehr.calls(CONDITIONS)) == 3


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_F02_broken_read_is_tried_three_times(
    pages: Any, fhir: Any, ehr: Any, answer: Any, status: int
) -> None:
    ehr.on(CONDITIONS, answer(status, b"<html>Bad Gateway</html>"))
    with pytest.raises(FhirUnavailable) as raised:
        pages.search(fhir)
    assert len(ehr.calls(CONDITIONS)) == 3
    assert "html" not in str(raised.value) + raised.value.public


def test_F02_read_that_recovers_is_read(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(
        CONDITIONS,
        answer(500),
        answer(503),
        answer.of(pages.bundle(pages.condition("c1"))),
    )
    assert len(pages.search(fhir).entries) == 1


def test_F02_closed_gate_is_not_knocked_at(
    pages: Any, fhir: Any, ehr: Any, slept: list[float]
) -> None:
    door = Outbound(limits=Limits(trip_after=1, slow=0))
    cut = replace(fhir, outbound=door, limits=ReadLimits(attempts=1))
    ehr.on(CONDITIONS, lambda request, one: None)
    with pytest.raises(FhirUnavailable):
        pages.search(cut)
    with pytest.raises(FhirBusy) as raised:
        pages.search(replace(cut, limits=ReadLimits()))
    assert raised.value.http_status is None
    assert slept == []
    assert len(ehr.calls(CONDITIONS)) == 1
    door.close()


def test_F02_attempts_end_with_the_budget(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer(500))
    impatient = replace(fhir, limits=ReadLimits(budget=0.1, first_wait=5))
    with pytest.raises(FhirUnavailable):
        pages.search(impatient)
    assert len(ehr.calls(CONDITIONS)) == 1
    nothing_left = replace(fhir, limits=ReadLimits(budget=0))
    with pytest.raises(FhirUnavailable):
        pages.search(nothing_left)
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
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer.of(OUTCOME))
    with pytest.raises(UnreadableAnswer) as raised:
        pages.search(fhir)
    assert raised.value.outcome is not None
    assert raised.value.outcome.startswith("no luck; throttled; dddd")
    assert len(raised.value.outcome) == 500
    with pytest.raises(UnreadableAnswer):
        fhir.read("Condition", "c1")


def test_F02_outcome_of_a_refusal_is_one_short_line(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(CONDITIONS, answer.of(OUTCOME, 400))
    with pytest.raises(FhirRefused) as raised:
        pages.search(fhir)
    assert raised.value.http_status == 400
    assert raised.value.outcome.isprintable()
    assert "no luck" not in str(raised.value)


def test_F02_refusal_that_is_not_fhir_has_no_words(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    for body in (b"<html>", b"[]", b'{"error":"x"}'):
        ehr.on(CONDITIONS, answer(400, body))
        with pytest.raises(FhirRefused) as raised:
            pages.search(fhir)
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
    pages: Any, fhir: Any, ehr: Any, answer: Any, issues: Any
) -> None:
    ehr.on(
        CONDITIONS,
        answer.of({"resourceType": "OperationOutcome", "issue": issues}, 400),
    )
    with pytest.raises(FhirRefused) as raised:
        pages.search(fhir)
    assert raised.value.outcome is None


# --- F03, F04: slow and cut -----------------------------------------------------------


# Each goes on for a minute, or until the reader hangs up.
def drip(request: Any, one: Any) -> None:
    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    for _ in range(1200):
        one.sendall(b" ")
        time.sleep(0.05)


def drip_headers(request: Any, one: Any) -> None:
    for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1200:
        one.sendall(bytes([letter]))
        time.sleep(0.05)


def silence(request: Any, one: Any) -> None:
    one.settimeout(60)
    one.recv(1)  # nothing comes but the end of the connection


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


FAR_LESS_THAN_A_MINUTE = 20  # seconds: a busy machine may take its time


@pytest.mark.parametrize(
    "fault",
    [drip, drip_headers, silence, endless, header_flood, long_header, nonsense],
)
def test_F03_read_ends_at_its_total_deadline(
    pages: Any, fhir: Any, ehr: Any, fault: Any
) -> None:
    ehr.on(CONDITIONS, fault)
    began = time.monotonic()
    with pytest.raises(FhirUnavailable):
        pages.search(replace(fhir, limits=ReadLimits(budget=0.6)))
    assert time.monotonic() - began < FAR_LESS_THAN_A_MINUTE


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
    pages: Any, fhir: Any, ehr: Any, fault: Any
) -> None:
    ehr.on(CONDITIONS, fault)
    with pytest.raises((FhirUnavailable, UnreadableAnswer)):
        pages.search(fhir)


# --- F05: too much, and odd JSON ------------------------------------------------------


@cache
def bomb() -> bytes:
    """200 MB in 200 kB."""
    packing = zlib.compressobj(9, wbits=31)
    space = b" " * 1_000_000
    packed = [packing.compress(b'{"resourceType":"Bundle","entry":[]')]
    packed += [packing.compress(space) for _ in range(200)]
    return b"".join([*packed, packing.compress(b"}"), packing.flush()])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(bomb, {"Content-Encoding": "gzip"}, id="gzip-bomb"),
        pytest.param(
            lambda: gzip.compress(bomb()),
            {"Content-Encoding": "gzip, gzip"},
            id="double-bomb",
        ),
        pytest.param(lambda: b"x" * 64, {"Content-Encoding": "br"}, id="brotli"),
        pytest.param(lambda: b"{" + b" " * 50_000_000, {}, id="50-MB"),
    ],
)
def test_F05_answer_that_is_too_long_ends_early(
    pages: Any, fhir: Any, ehr: Any, answer: Any, body: Any, headers: dict[str, str]
) -> None:
    ehr.on(CONDITIONS, answer(200, body(), headers))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableAnswer):
            pages.search(fhir)
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
    pages: Any, fhir: Any, ehr: Any, answer: Any, body: bytes
) -> None:
    ehr.on(CONDITIONS, answer(200, body))
    with pytest.raises(UnreadableAnswer):
        pages.search(fhir)


def test_F05_odd_but_readable_numbers_are_read(
    pages: Any, fhir: Any, ehr: Any, answer: Any
) -> None:
    body = (
        b'{"resourceType":"Bundle","total":' + b"9" * 300 + b',"entry":[],"entry":[]}'
    )
    ehr.on(CONDITIONS, answer(200, body))
    assert pages.search(fhir).entries == []
