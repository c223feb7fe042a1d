"""T01 and T02 as far as registrations go, and the questions about addresses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.addresses import (
    Origin,
    address_allowed,
    host_is_loopback,
    origin_of,
)
from smart_launch.errors import RegistrationInvalid, UnknownIssuer
from smart_launch.registration import Registration, Registrations
from smart_launch.secret import Secret

GOOD = Registration(
    id="general",
    issuer="https://fhir.general.example/r4",
    client_id="app",
    client_auth="none",
    redirect_uri="https://app.example/callback",
    scopes=("launch", "openid", "fhirUser"),
)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"issuer": "http://fhir.example/r4"}, id="http"),
        pytest.param({"issuer": "http://127.0.0.1/r4"}, id="loopback-http"),
        pytest.param({"issuer": "https://a@fhir.example/r4"}, id="user-information"),
        pytest.param({"issuer": "https://fhir.example/r4?a"}, id="query"),
        pytest.param({"issuer": "https://fhir.example/r4#a"}, id="fragment"),
        pytest.param({"issuer": "fhir.example"}, id="no-scheme"),
        pytest.param({"issuer": ""}, id="empty"),
        pytest.param(
            {"issuer": "http://fhir.example/", "allow_loopback_http": True},
            id="http-elsewhere",
        ),
        pytest.param({"redirect_uri": "http://app.example/callback"}, id="redirect"),
        pytest.param({"redirect_uri": "/callback"}, id="relative-redirect"),
        pytest.param({"client_auth": "client_secret_basic"}, id="no-secret"),
        pytest.param({"client_secret": Secret("x")}, id="secret-without-use"),
        pytest.param({"scopes": ("launch", "openid")}, id="no-fhirUser"),
        pytest.param({"id": ""}, id="no-id"),
        pytest.param({"id": "a\nb"}, id="odd-id"),
        pytest.param({"client_id": ""}, id="no-client-id"),
    ],
)
def test_T01_unsafe_registration_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RegistrationInvalid):
        replace(GOOD, **change)


@pytest.mark.parametrize(
    "issuer",
    ["http://127.0.0.1:8080/fhir", "http://localhost/fhir", "http://[::1]:80/fhir"],
)
def test_T01_loopback_http_needs_the_switch(issuer: str) -> None:
    demo = replace(GOOD, issuer=issuer, allow_loopback_http=True)
    assert demo.allows(issuer + "/x")
    with pytest.raises(RegistrationInvalid):
        replace(GOOD, issuer=issuer)


def test_T02_two_with_one_issuer_or_id_are_refused() -> None:
    with pytest.raises(RegistrationInvalid, match="issuer"):
        Registrations([GOOD, replace(GOOD, id="b", issuer=GOOD.issuer + "/")])
    with pytest.raises(RegistrationInvalid, match="id"):
        Registrations([GOOD, replace(GOOD, issuer="https://other.example")])


def test_registrations_are_found_by_issuer_and_id() -> None:
    every = Registrations([GOOD])
    assert every.by_issuer(GOOD.issuer + "/") is GOOD
    assert every.by_id("general") is GOOD
    assert list(every) == [GOOD]
    with pytest.raises(UnknownIssuer):
        every.by_issuer(GOOD.issuer + "//")
    with pytest.raises(UnknownIssuer):
        every.by_id("other")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://fhir.general.example/login", True),
        ("https://FHIR.general.example:443/x", True),
        ("https://fhir.general.example:8443/x", False),
        ("http://fhir.general.example/x", False),
        ("https://login.general.example/x", True),
        ("https://login.general.example:8443/x", False),
        ("http://login.general.example:443/x", False),
        ("https://odd.general.example:8443/x", True),
        ("https://odd.general.example/x", False),
        ("https://login.general.example.evil.example/x", False),
        ("https://general.example/x", False),
        ("https://127.0.0.1/x", False),
        ("login.general.example", False),
    ],
)
def test_allowed_hosts_are_exact(url: str, allowed: bool) -> None:
    hosts = frozenset({"login.general.example", "odd.general.example:8443"})
    assert replace(GOOD, allowed_hosts=hosts).allows(url) is allowed


def test_loopback_host_without_port_means_any_in_a_demo() -> None:
    demo = replace(
        GOOD,
        issuer="http://localhost:8080/fhir",
        allow_loopback_http=True,
        allowed_hosts=frozenset({"127.0.0.1"}),
    )
    assert demo.allows("http://127.0.0.1:9999/x")
    assert not demo.allows("http://localhost:9999/x")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example", Origin("https", "a.example", 443)),
        ("http://A.example:80/x?y", Origin("http", "a.example", 80)),
        ("https://[2001:DB8::1]:1/x", Origin("https", "2001:db8::1", 1)),
        ("HTTPS://a.example", None),
        ("https://a.example:0/", None),
        ("https://a.example:70000/", None),
        ("https://a.example#b", None),
        ("https://a b.example/", None),
        ("https://é.example/", None),
        ("https://a.example/\n", None),
        ("https://[::1", None),
        ("https://[zz]/", None),
        ("https://[1.2.3.4.5]/", None),
    ],
)
def test_origin_is_read_strictly(url: str, origin: Origin | None) -> None:
    assert origin_of(url) == origin


@given(st.text())
def test_any_text_has_an_origin_or_none(text: str) -> None:
    found = origin_of(text)
    assert found is None or found.host in text.lower()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.evil.example", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_known_by_name_and_address(host: str, loopback: bool) -> None:
    assert host_is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("address", "networks", "loopback", "allowed"),
    [
        ("8.8.8.8", [], False, True),
        ("2606:4700::1111", [], False, True),
        ("10.20.1.1", ["10.20.0.0/16"], False, True),
        ("10.21.1.1", ["10.20.0.0/16"], False, False),
        ("::ffff:10.20.1.1", ["10.20.0.0/16"], False, True),
        ("fd00::1", ["fd00::/8", "10.0.0.0/8"], False, True),
        ("127.0.0.1", [], True, True),
        ("127.0.0.1", [], False, False),
        ("127.0.0.1", ["127.0.0.0/8"], False, True),
        ("::ffff:127.0.0.1", [], False, False),
        ("169.254.169.254", ["169.254.0.0/16"], True, False),
        ("0.0.0.0", ["0.0.0.0/0"], True, False),
        ("224.0.0.1", ["0.0.0.0/0"], True, False),
        ("fe80::1", ["::/0"], True, False),
        ("10.0.0.1", [], True, False),
    ],
)
def test_addresses_are_judged(
    address: str, networks: list[str], loopback: bool, allowed: bool
) -> None:
    found = address_allowed(
        ip_address(address), [ip_network(one) for one in networks], loopback=loopback
    )
    assert found is allowed
