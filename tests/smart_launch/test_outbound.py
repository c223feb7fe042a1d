"""L04, F03, F18 and the door itself: where a connection may go, and how long."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from smart_launch.connections import MAX_IDLE, system_resolver
from smart_launch.errors import (
    AddressRefused,
    AnswerTooLong,
    EhrBusy,
    EhrUnavailable,
)
from smart_launch.gate import Limits
from smart_launch.outbound import Outbound

HOME = ip_network("127.0.0.0/8")


@pytest.fixture
def registration(ehr: Any, registered: Any) -> Any:
    return registered(ehr)


def get(
    outbound: Outbound, registration: Any, path: str = "/fhir/x", **more: Any
) -> Any:
    url = registration.issuer.removesuffix("/fhir") + path
    return outbound.request(registration, "GET", url, **more)


# --- addresses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://evil.example/", id="host"),
        pytest.param("https://HOST/", id="scheme"),
        pytest.param("http://localhost:1/", id="port"),
        pytest.param("ftp://HOST/", id="ftp"),
        pytest.param("http://HOST\\@evil.example/", id="backslash"),
        pytest.param("http://evil.example#@HOST/", id="fragment"),
        pytest.param("http://u@HOST/", id="user-information"),
        pytest.param("http://HOST/\r\nX: y", id="CRLF"),
        pytest.param("http://HOST/" + "x" * 9000, id="long"),
        pytest.param("", id="empty"),
    ],
)
def test_address_that_is_not_the_ehrs_is_refused(
    ehr: Any, outbound: Outbound, registration: Any, url: str
) -> None:
    url = url.replace("HOST", ehr.host)
    with pytest.raises(AddressRefused) as raised:
        outbound.request(registration, "GET", url)
    assert raised.value.sent is False
    assert ehr.received == []


def test_header_with_a_line_break_is_refused(
    ehr: Any, outbound: Outbound, registration: Any
) -> None:
    with pytest.raises(AddressRefused):
        get(outbound, registration, headers={"If-Match": "a\r\nX-Evil: 1"})
    assert ehr.received == []


@dataclass
class Answers:
    """A resolver with one answer after the other; the last one stays."""

    answers: list[list[str]]
    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> Sequence[Any]:
        self.asked.append((host, port))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ip_address(one) for one in answer]


@pytest.fixture
def named(registration: Any, ehr: Any) -> Any:
    """The EHR under a name that has to be resolved."""
    return replace(registration, issuer=f"http://ehr.localhost:{ehr.host[10:]}/fhir")


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:0:0:0:0:0:f5ff:fffe",
    ],
)
def test_L04_name_with_an_address_inside_is_refused(
    named: Any, ehr: Any, address: str
) -> None:
    outbound = Outbound(Answers([["127.0.0.1", address]]))
    with pytest.raises(AddressRefused):
        get(outbound, named)
    assert ehr.received == []


def test_L04_connection_goes_to_the_address_that_was_checked(
    named: Any, ehr: Any
) -> None:
    resolver = Answers([["127.0.0.1"], ["10.0.0.1"]])
    outbound = Outbound(resolver)
    assert get(outbound, named).status == 401
    assert len(resolver.asked) == 1, "looked up once: nothing can change in between"
    assert ehr.received[0].headers["host"] == named.issuer[7:].removesuffix("/fhir")
    outbound.close()
    with pytest.raises(AddressRefused):  # the next connection is checked again
        get(outbound, named)


def test_L04_loopback_behind_a_public_name_is_refused(
    registered: Any, ehr: Any
) -> None:
    public = registered(ehr, issuer="https://ehr.example/fhir")
    outbound = Outbound(Answers([["127.0.0.1"]]))
    with pytest.raises(AddressRefused):
        get(outbound, public)


def test_second_address_is_tried_where_the_first_is_dead(named: Any, ehr: Any) -> None:
    outbound = Outbound(Answers([["127.0.0.9", "127.0.0.1"]]))
    assert get(outbound, named).status == 401


@pytest.mark.parametrize(
    "answer", [pytest.param([], id="no-address"), pytest.param(None, id="error")]
)
def test_name_without_an_address_is_unavailable(named: Any, answer: Any) -> None:
    def resolve(host: str, port: int) -> list[Any]:
        if answer is None:
            raise socket.gaierror("no such host")
        return []

    with pytest.raises(EhrUnavailable) as raised:
        get(Outbound(resolve), named)
    assert raised.value.sent is False


def test_F03_name_that_is_never_resolved_ends_at_the_deadline(named: Any) -> None:
    release = threading.Event()

    def resolve(host: str, port: int) -> list[Any]:
        release.wait(60)
        resolved.set()
        return []

    resolved = threading.Event()
    with pytest.raises(EhrUnavailable):
        get(Outbound(resolve), named, deadline=0.3)
    assert not resolved.is_set()
    release.set()


def test_system_resolver_gives_each_address_once() -> None:
    found = system_resolver("localhost", 80)
    assert len(found) == len(set(found)) >= 1
    assert all(address.is_loopback for address in found)


# --- connections and answers ----------------------------------------------------------


def test_connections_are_pooled_and_idle_ones_dropped(
    ehr: Any, outbound: Outbound, registration: Any
) -> None:
    for _ in range(3):
        get(outbound, registration)
    line = outbound._lines["general"]
    (pool,) = line.adapter._pools.values()
    assert pool.num_connections == 1
    idle = pool.pool.queue[-1]
    port = idle.sock.getsockname()[1]
    get(outbound, registration)
    assert idle.sock.getsockname()[1] == port
    idle.last_used -= MAX_IDLE + 1
    get(outbound, registration)
    assert idle.sock.getsockname()[1] != port


def test_cookies_are_not_kept(
    ehr: Any, outbound: Outbound, registration: Any, answer: Any
) -> None:
    ehr.on("/fhir", answer(200, b"{}", {"Set-Cookie": "session=one-users; Path=/"}))
    get(outbound, registration)
    get(outbound, registration)
    assert all("cookie" not in one.headers for one in ehr.received)


def test_environment_is_not_asked_for_a_proxy_or_a_password(
    ehr: Any,
    outbound: Outbound,
    registration: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert get(outbound, registration).status == 401
    assert "authorization" not in ehr.received[0].headers


def test_answer_at_the_limit_is_taken_and_one_byte_more_is_not(
    ehr: Any, outbound: Outbound, registration: Any, answer: Any
) -> None:
    ehr.on("/fhir", answer(200, b"x" * 1000))
    assert len(get(outbound, registration, max_bytes=1000).body) == 1000
    with pytest.raises(AnswerTooLong):
        get(outbound, registration, max_bytes=999)


def test_changed_registration_gets_a_line_of_its_own(
    ehr: Any, outbound: Outbound, registration: Any
) -> None:
    get(outbound, registration)
    first = outbound._lines["general"]
    get(outbound, replace(registration))
    assert outbound._lines["general"] is first
    get(outbound, replace(registration, client_id="other"))
    assert outbound._lines["general"] is not first


def test_address_in_ipv6_is_called(registered: Any) -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    port = server.getsockname()[1]

    def serve() -> None:
        one, _ = server.accept()
        one.recv(4096)
        one.sendall(b"HTTP/1.1 204 X\r\nConnection: close\r\n\r\n")
        one.close()

    threading.Thread(target=serve, daemon=True).start()

    class There:
        name, issuer = "six", f"http://[::1]:{port}/fhir"

    assert get(Outbound(), registered(There)).status == 204
    server.close()


# --- F18: one EHR's share -------------------------------------------------------------


def test_F18_hung_ehr_does_not_slow_another(
    ehr: Any, new_ehr: Any, registered: Any
) -> None:
    hung = new_ehr("hung")
    release = threading.Event()
    hung.on("/fhir", lambda request, one: release.wait(60) and None)
    outbound = Outbound(limits=Limits(stalled_calls=4, stalled_after=0.3))
    slow, quick = registered(hung), registered(ehr)
    with ThreadPoolExecutor(8) as pool:
        stalled = [pool.submit(get, outbound, slow, deadline=60) for _ in range(8)]
        while len(hung.calls("/fhir")) < 8:
            time.sleep(0.01)
        time.sleep(0.3)
        with pytest.raises(EhrBusy):  # refused at once while others stall
            get(outbound, slow)
        for _ in range(20):
            assert get(outbound, quick).status == 401
        assert not any(call.done() for call in stalled)
        release.set()
        assert all(isinstance(call.exception(), EhrUnavailable) for call in stalled)
    assert len(hung.calls("/fhir")) == 8
    outbound.close()


def test_F18_ehr_that_fails_slowly_is_left_alone(new_ehr: Any, registered: Any) -> None:
    hung = new_ehr("hung")
    release = threading.Event()
    hung.on("/fhir", lambda request, one: release.wait(60) and None)
    outbound = Outbound(limits=Limits(trip_after=2, slow=0.1))
    for _ in range(2):
        with pytest.raises(EhrUnavailable):
            get(outbound, registered(hung), deadline=0.2)
    with pytest.raises(EhrBusy):  # the breaker is open now
        get(outbound, registered(hung))
    assert len(hung.calls("/fhir")) == 2
    release.set()
    outbound.close()


def test_failed_call_says_nothing_of_its_address(
    named: Any, caplog: pytest.LogCaptureFixture
) -> None:
    outbound = Outbound(Answers([["127.0.0.9"]]))
    with pytest.raises(EhrUnavailable) as raised:
        get(outbound, named, "/fhir/Patient?name=canary")
    assert "canary" not in repr(raised.value) + caplog.text
    assert raised.value.__cause__ is None
    assert "no whole answer" in caplog.text
