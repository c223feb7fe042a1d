"""L01-L10, L33-L35: the launch request, and discovery behind it."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from smart_launch.discovery import RENEW_AFTER, USABLE_FOR, Discovery
from smart_launch.errors import (
    BadLaunchRequest,
    DiscoveryRefused,
    EhrBusy,
    EhrUnavailable,
    UnknownIssuer,
)

WELL_KNOWN = "/fhir/.well-known/smart-configuration"


@dataclass
class Ticks:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Asked:
    """A resolver that counts."""

    names: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> list[Any]:
        self.names.append(host)
        return []


def refused_without_a_call(app: Any, ehr: Any, iss: str) -> None:
    with pytest.raises((UnknownIssuer, BadLaunchRequest)):
        app.client.begin([("iss", iss), ("launch", "x")], {})
    assert ehr.received == []
    assert app.client.outbound.resolve.names == []


@pytest.fixture
def watched(app: Any) -> Any:
    app.client.outbound.resolve = Asked()
    return app


def test_L01_unknown_issuer_is_refused_before_any_call(watched: Any, ehr: Any) -> None:
    refused_without_a_call(watched, ehr, "https://unknown.example/fhir")


@pytest.mark.parametrize(
    "iss",
    [
        pytest.param("http://169.254.169.254/latest/meta-data", id="metadata"),
        pytest.param("http://127.0.0.1/fhir", id="loopback"),
        pytest.param("http://[::1]/fhir", id="loopback-6"),
        pytest.param("http://[::ffff:127.0.0.1]/fhir", id="mapped"),
        pytest.param("http://0.0.0.0/fhir", id="any"),
        pytest.param("http://10.0.0.1/fhir", id="private"),
        pytest.param("http://2130706433/fhir", id="decimal"),
        pytest.param("http://0x7f.1/fhir", id="hexadecimal"),
        pytest.param("http://localhost./fhir", id="trailing-dot"),
        pytest.param("https://good@evil.example/fhir", id="user-information"),
    ],
)
def test_L02_odd_issuer_is_refused_before_any_call(
    watched: Any, ehr: Any, iss: str
) -> None:
    refused_without_a_call(watched, ehr, iss)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda iss: iss.replace("http:", "https:"), id="scheme"),
        pytest.param(lambda iss: iss.replace("/fhir", "0/fhir"), id="port"),
        pytest.param(lambda iss: iss.replace("/fhir", "/FHIR"), id="case"),
        pytest.param(lambda iss: iss.replace("http:", "HTTP:"), id="scheme-case"),
        pytest.param(lambda iss: iss + "/%2e%2e", id="encoded-dots"),
        pytest.param(lambda iss: iss + "/extra", id="extra-path"),
        pytest.param(lambda iss: iss + "//", id="two-slashes"),
        pytest.param(lambda iss: iss + "?a=b", id="query"),
    ],
)
def test_L03_issuer_that_is_not_exact_is_refused(
    watched: Any, ehr: Any, change: Callable[[str], str]
) -> None:
    refused_without_a_call(watched, ehr, change(ehr.issuer))


def test_L03_one_trailing_slash_makes_no_difference(app: Any, ehr: Any) -> None:
    url = app.client.begin([("iss", ehr.issuer + "/"), ("launch", "x")], {}).url
    assert parse_qs(urlsplit(url).query)["aud"] == [ehr.issuer + "/"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_L05_discovery_redirect_is_not_followed(
    app: Any, ehr: Any, new_ehr: Any, answer: Any, status: int
) -> None:
    evil = new_ehr("evil")
    location = {"Location": evil.issuer + "/.well-known/smart-configuration"}
    ehr.on(WELL_KNOWN, answer(status, b"", location))
    with pytest.raises(EhrUnavailable):
        app.begin(ehr)
    assert evil.received == []


@pytest.mark.parametrize(
    "name",
    ["authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint"],
)
@pytest.mark.parametrize(
    "address",
    [
        pytest.param("https://evil.example/x", id="foreign"),
        pytest.param("http://evil.example/x", id="foreign-http"),
        pytest.param("https://127.0.0.1/x", id="other-port"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("javascript:alert(1)", id="script"),
        pytest.param("https://a@evil.example/", id="user-information"),
        pytest.param("//evil.example/", id="no-scheme"),
        pytest.param("", id="empty"),
    ],
)
def test_L06_endpoint_elsewhere_is_refused(
    app: Any, ehr: Any, name: str, address: str
) -> None:
    ehr.configuration = {name: address}
    with pytest.raises(DiscoveryRefused):
        app.begin(ehr)


def test_L06_endpoint_on_an_allowed_host_is_taken(
    ehr: Any, new_ehr: Any, registered: Any, new_app: Any
) -> None:
    login = new_ehr("login")
    ehr.configuration = {"authorization_endpoint": f"{login.root}/authorize"}
    allowed = new_app(registered(ehr, allowed_hosts=frozenset({login.host})))
    assert allowed.begin(ehr).startswith(f"{login.root}/authorize?")


@pytest.mark.parametrize(
    "methods",
    [
        pytest.param(["plain"], id="plain-only"),
        pytest.param([], id="none"),
        pytest.param(["s256"], id="misspelt"),
    ],
)
def test_L07_server_without_s256_is_refused(app: Any, ehr: Any, methods: Any) -> None:
    ehr.configuration = {"code_challenge_methods_supported": methods}
    with pytest.raises(DiscoveryRefused):
        app.begin(ehr)


@pytest.mark.parametrize("name", ["code_challenge_methods_supported", "jwks_uri"])
def test_L07_what_is_needed_and_absent_is_refused(
    app: Any, ehr: Any, answer: Any, name: str
) -> None:
    document = json.loads(ehr.discovery(None, None).body)
    del document[name]
    ehr.on(WELL_KNOWN, answer.of(document))
    with pytest.raises(DiscoveryRefused):
        app.begin(ehr)


@pytest.mark.parametrize(
    "issuer",
    [
        pytest.param("https://other.example", id="host"),
        pytest.param("https://HOST/fhir", id="scheme"),
        pytest.param("http://127.0.0.1:1/fhir", id="port"),
        pytest.param("http://HOST/other", id="path"),
        pytest.param("http://HOST/fhir/deeper", id="child"),
        pytest.param("http://HOST/fh", id="half-a-name"),
        pytest.param("http:", id="no-host"),
        pytest.param("", id="empty"),
    ],
)
def test_L08_another_issuer_in_discovery_is_refused(
    app: Any, ehr: Any, caplog: pytest.LogCaptureFixture, issuer: str
) -> None:
    ehr.configuration = {"issuer": issuer.replace("HOST", ehr.host)}
    with pytest.raises(DiscoveryRefused) as raised:
        app.begin(ehr)
    assert raised.value.status == 400
    assert "discovery contradicts the registration" in caplog.text


def test_L08_issuer_that_is_the_servers_root_is_taken(app: Any, ehr: Any) -> None:
    ehr.configuration = {"issuer": ehr.root}
    ehr.id_claims = {"iss": f"{ehr.root}/"}
    assert app.launch(ehr).context.patient == "p1"


def test_L08_registered_issuer_has_no_parents(
    ehr: Any, registered: Any, new_app: Any
) -> None:
    ehr.configuration = {"issuer": ehr.root}
    app = new_app(registered(ehr, oidc_issuer=f"{ehr.root}/oauth2"))
    with pytest.raises(DiscoveryRefused):
        app.begin(ehr)


def test_L08_issuer_pinned_apart_from_the_fhir_address_is_taken(
    ehr: Any, registered: Any, new_app: Any
) -> None:
    ehr.configuration = {"issuer": f"{ehr.root}/oauth2"}
    app = new_app(registered(ehr, oidc_issuer=f"{ehr.root}/oauth2"))
    ehr.id_claims = {"iss": f"{ehr.root}/oauth2"}
    assert app.launch(ehr).context.patient == "p1"


def drip(request: Any, one: Any) -> None:
    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(600):
        one.sendall(b" ")
        time.sleep(0.1)


BOMB = gzip.compress(b" " * 50_000_000)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b" " * 5_000_000, {}, id="5-MB"),
        pytest.param(BOMB, {"Content-Encoding": "gzip"}, id="bomb"),
        pytest.param(b"<html>hello</html>", {}, id="html"),
        pytest.param(b"[]", {}, id="array"),
        pytest.param(b"{}", {}, id="nothing"),
        pytest.param(b'{"authorization_endpoint": 1', {}, id="cut"),
        pytest.param(
            b'{"authorization_endpoint":[],"token_endpoint":{}}', {}, id="types"
        ),
        pytest.param(b"{}", {"Content-Encoding": "br"}, id="unasked-encoding"),
    ],
)
def test_L09_useless_discovery_fails_closed(
    app: Any, ehr: Any, answer: Any, body: bytes, headers: dict[str, str]
) -> None:
    ehr.on(WELL_KNOWN, answer(200, body, headers))
    with pytest.raises(EhrUnavailable):
        app.begin(ehr)
    # No copy of a failure is kept: the next launch is a rightful one.
    ehr.off(WELL_KNOWN)
    assert app.launch(ehr).context.patient == "p1"


@pytest.mark.slow
def test_L09_dripping_discovery_ends_at_its_deadline(app: Any, ehr: Any) -> None:
    ehr.on(WELL_KNOWN, drip)
    began = time.monotonic()
    with pytest.raises(EhrUnavailable):
        app.begin(ehr)
    assert time.monotonic() - began < 30, "it would have gone on for a minute"


def test_L09_fresh_copy_serves_while_renewal_fails(
    app: Any, ehr: Any, registered: Any, answer: Any
) -> None:
    ticks, registration = Ticks(), registered(ehr)
    discovery = Discovery(app.client.outbound, ticks)
    good = discovery.of(registration)
    ehr.on(WELL_KNOWN, answer(500))
    ticks.now += RENEW_AFTER + 1
    assert discovery.of(registration) == good
    assert discovery.of(registration) == good
    assert len(ehr.calls(WELL_KNOWN)) == 2, "asks once a minute, not on every launch"
    ticks.now += USABLE_FOR
    with pytest.raises(EhrUnavailable):
        discovery.of(registration)


def test_L09_copy_is_renewed_when_it_is_due(
    app: Any, ehr: Any, registered: Any
) -> None:
    ticks, registration = Ticks(), registered(ehr)
    discovery = Discovery(app.client.outbound, ticks)
    discovery.of(registration)
    discovery.of(registration)
    assert len(ehr.calls(WELL_KNOWN)) == 1
    ticks.now += RENEW_AFTER + 1
    discovery.of(registration)
    assert len(ehr.calls(WELL_KNOWN)) == 2


def test_L09_contradiction_is_not_papered_over_by_a_copy(
    app: Any, ehr: Any, registered: Any
) -> None:
    ticks, registration = Ticks(), registered(ehr)
    discovery = Discovery(app.client.outbound, ticks)
    discovery.of(registration)
    ehr.configuration = {"issuer": "https://other.example"}
    ticks.now += RENEW_AFTER + 1
    for _ in range(2):
        with pytest.raises(DiscoveryRefused):
            discovery.of(registration)


def test_L09_no_thread_waits_long_for_anothers_question(
    app: Any, ehr: Any, registered: Any
) -> None:
    release = threading.Event()
    plain = ehr.discovery

    def slowly(request: Any, one: Any) -> Any:
        release.wait(60)
        return plain(request, one)

    ehr.on(WELL_KNOWN, slowly)
    registration = registered(ehr)
    ticks = Ticks()
    discovery = Discovery(app.client.outbound, ticks, patience=0.3)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(discovery.of, registration)
        while not ehr.calls(WELL_KNOWN):
            time.sleep(0.01)
        # They give up while the first one is still waiting for its answer.
        for waiting in [pool.submit(discovery.of, registration) for _ in range(3)]:
            assert isinstance(waiting.exception(), EhrBusy)
        assert not first.done()
        release.set()
        good = first.result()
        # With a copy at hand nobody waits at all.
        release.clear()
        ticks.now += RENEW_AFTER + 1
        renewal = pool.submit(discovery.of, registration)
        while len(ehr.calls(WELL_KNOWN)) < 2:
            time.sleep(0.01)
        assert discovery.of(registration) == good
        release.set()
        assert renewal.result() == good
    assert len(ehr.calls(WELL_KNOWN)) == 2


@pytest.mark.parametrize(
    "query",
    [
        pytest.param([], id="nothing"),
        pytest.param([("iss", "ISS")], id="no-launch"),
        pytest.param([("launch", "x")], id="no-iss"),
        pytest.param([("iss", "ISS"), ("launch", "")], id="empty-launch"),
        pytest.param([("iss", "ISS"), ("launch", "x" * 10_000)], id="10-kB"),
        pytest.param([("iss", "ISS"), ("launch", "a\r\nSet-Cookie: b")], id="CRLF"),
        pytest.param([("iss", "ISS"), ("launch", "a\0b")], id="NUL"),
        pytest.param([("iss", "ISS"), ("launch", 'a"b')], id="quote"),
        pytest.param([("iss", "ISS"), ("launch", "a'b")], id="apostrophe"),
        pytest.param([("iss", "ISS"), ("launch", "<script>")], id="script"),
        pytest.param([("iss", "ISS"), ("launch", "a\ud800")], id="surrogate"),
        pytest.param([("iss", "ISS"), ("launch", "é")], id="not-ASCII"),
        pytest.param([("iss", "ISS"), ("iss", "ISS"), ("launch", "x")], id="two-iss"),
        pytest.param(
            [("iss", "ISS"), ("launch", "x"), ("a", "1"), ("a", "2")], id="two"
        ),
        pytest.param([("iss", "ISS"), ("launch", "x"), ("a\n", "1")], id="odd-name"),
        pytest.param(
            [("iss", "ISS"), ("launch", "x"), ("a" * 99, "1")], id="long-name"
        ),
        pytest.param([("iss", "ISS"), *((f"p{n}", "") for n in range(40))], id="many"),
    ],
)
def test_L10_malformed_launch_is_refused(
    app: Any, ehr: Any, query: list[tuple[str, str]]
) -> None:
    query = [(name, value.replace("ISS", ehr.issuer)) for name, value in query]
    with pytest.raises(BadLaunchRequest) as raised:
        app.client.begin(query, {})
    assert raised.value.status == 400
    assert ehr.received == []
    assert "script" not in str(raised.value) + raised.value.public


def test_L10_parameters_that_others_add_do_no_harm(app: Any, ehr: Any) -> None:
    url = app.begin(ehr, lang="de", next="//evil.example")
    assert "evil" not in url  # L33: there is no such parameter


@pytest.mark.parametrize(
    "place", ["//evil.example", "/\\evil.example", "https:evil.example", "data:,x"]
)
@pytest.mark.parametrize("name", ["next", "redirect_uri", "return_to", "url"])
def test_L33_no_parameter_chooses_where_to_go(
    app: Any, ehr: Any, name: str, place: str
) -> None:
    url = app.begin(ehr, **{name: place})
    assert url.startswith(f"{ehr.root}/authorize?")
    assert "evil" not in url
    finished = app.finish([*ehr.authorize(url), (name, place)])
    assert "evil" not in repr(finished)


def test_L35_launches_that_never_come_back_leave_nothing(app: Any, ehr: Any) -> None:
    for _ in range(1000):
        app.client.begin([("iss", ehr.issuer), ("launch", "x")], {})
    assert app.grants._kept == {}
    assert app.states._spent == {}
    assert len(ehr.received) == 2, "discovery and keys, once"
    assert app.launch(ehr).context.patient == "p1"


def test_L35_one_browser_keeps_only_its_newest_pending_launches(
    app: Any, ehr: Any
) -> None:
    for _ in range(30):
        app.clock.advance(seconds=1)
        latest = app.begin(ehr)
    assert len(app.browser.cookies) == 8
    assert app.finish(ehr.authorize(latest)).context.patient == "p1"


def test_L35_pending_cookies_that_do_not_open_go_first(app: Any, ehr: Any) -> None:
    first = app.begin(ehr)
    app.browser.cookies |= {
        f"__Host-launch-forged-forged-{n:02}": "p1.AAAA" for n in range(20)
    }
    app.begin(ehr)
    assert len([one for one in app.browser.cookies if "forged" in one]) == 6
    assert app.finish(ehr.authorize(first)).context.patient == "p1"


def test_authorization_endpoint_keeps_its_own_query(app: Any, ehr: Any) -> None:
    ehr.configuration = {"authorization_endpoint": f"{ehr.root}/authorize?policy=a"}
    assert parse_qs(urlsplit(app.begin(ehr)).query)["policy"] == ["a"]


def test_authorization_endpoint_that_sets_our_parameters_is_refused(
    app: Any, ehr: Any
) -> None:
    endpoint = f"{ehr.root}/authorize?redirect_uri=https://evil.example"
    ehr.configuration = {"authorization_endpoint": endpoint}
    with pytest.raises(DiscoveryRefused):
        app.begin(ehr)


def test_v1_server_is_asked_in_its_own_spelling(app: Any, ehr: Any) -> None:
    ehr.configuration = {
        "capabilities": ["permission-v1"],
        "scopes_supported": ["patient/*.read", "patient/ServiceRequest.write"],
    }
    scope = parse_qs(urlsplit(app.begin(ehr)).query)["scope"][0].split()
    assert "patient/Condition.read" in scope
    assert "patient/ServiceRequest.write" in scope
    assert "patient/DocumentReference.write" not in scope
    assert "online_access" not in scope
