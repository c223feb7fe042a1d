"""Who may pass, what every answer carries, how an error is told."""

from typing import Any

import pytest

from plugin.screens.gate import browser_origin
from plugin.screens.security import hosts_of

HEADERS = (
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "strict-transport-security",
    "cache-control",
)
OURS = {"origin": "https://app.test", "content-type": "application/json"}
BODY = {
    "choices": [{"program": "aa", "meeting": None}],
    "note": "A note.",
    "patient": "p0417",
    "acknowledged": [],
    "agreement": "named",
}

# Each runs the whole app against a sandbox EHR.
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("", 200, id="page"),
        pytest.param("api/recommendation", 200, id="api"),
        pytest.param("nowhere", 404, id="404"),
        pytest.param("end", 405, id="X08-405"),
        pytest.param("api/decisions", 405, id="X08-405-api"),
    ],
)
def test_X12_every_answer_carries_its_headers(
    installed: Any, path: str, status: int
) -> None:
    launch = installed.launch()
    answer = installed.client.get(launch + path)
    assert answer.status_code == status
    for name in HEADERS:
        assert name in answer.headers, name
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_X05_a_launch_may_be_framed_by_its_own_ehr_only(installed: Any) -> None:
    launch = installed.launch(tenant="epic")
    policy = installed.client.get(launch).headers["content-security-policy"]
    assert "frame-ancestors https://epic.ehr.test;" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_static_files_are_kept_for_ever(installed: Any) -> None:
    page = installed.client.get(installed.launch()).text
    sheet = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = installed.client.get(sheet)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert installed.client.get("/static/screens.css").status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("app.test", 404, id="ours"),
        pytest.param("APP.test:443", 404, id="ours-with-port"),
        pytest.param("evil.example", 400, id="L38-evil"),
        pytest.param("app.test.evil.example", 400, id="L38-suffix"),
        pytest.param("app.test/path", 400, id="L38-path"),
    ],
)
def test_L38_unknown_host_is_400(installed: Any, host: str, status: int) -> None:
    answer = installed.client.get("/nowhere", headers={"host": host})
    assert answer.status_code == status
    probe = installed.client.get("/healthz", headers={"host": host})
    assert probe.status_code == 200


def test_L38_forwarded_host_changes_nothing(installed: Any) -> None:
    answer = installed.client.get(
        "/launch",
        params={
            "iss": installed.sandbox.issuer(),
            "launch": installed.sandbox.mint_launch("alcohol"),
        },
        headers={"x-forwarded-host": "evil.example"},
        follow_redirects=False,
    )
    assert (
        "redirect_uri=https%3A%2F%2Fapp.test%2Fcallback" in (answer.headers["location"])
    )


def test_L32_another_launchs_cookie_opens_nothing(installed: Any) -> None:
    first, second = installed.launch("alcohol"), installed.launch("opioid")
    cookies = installed.client.cookies
    name = "__Host-launch-" + first.split("/")[2]
    other = "__Host-launch-" + second.split("/")[2]
    cookies.set(name, cookies.get(other), domain="app.test", path="/")
    answer = installed.client.get(first)
    assert answer.status_code == 404
    assert "Avery" not in answer.text
    assert len(installed.events("security.rejected")) == 1


def test_launch_without_its_cookie_is_404(installed: Any) -> None:
    launch = installed.launch()
    installed.client.cookies.clear()
    answer = installed.client.get(launch)
    assert answer.status_code == 404
    assert "cannot keep a secure session" in answer.text
    assert installed.client.get(launch + "api/referrals").json()["error"] == "no_cookie"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 403, id="X07-no-origin"),
        pytest.param({"origin": "https://evil.example"}, 403, id="X07-evil"),
        pytest.param({"origin": "null"}, 403, id="X07-null"),
        pytest.param(
            {"origin": "null", "sec-fetch-site": "same-origin"}, 403, id="X07-null-api"
        ),
        pytest.param({"origin": "https://app.test.evil.example"}, 403, id="X07-suffix"),
        pytest.param({"origin": "http://app.test"}, 403, id="X07-scheme"),
        pytest.param(
            {"origin": "https://app.test", "sec-fetch-site": "cross-site"},
            403,
            id="X07-cross-site",
        ),
        pytest.param({"origin": "https://app.test"}, 201, id="ours"),
    ],
)
def test_change_is_taken_from_our_own_pages_only(
    installed: Any, headers: dict[str, str], status: int
) -> None:
    launch = installed.launch()
    answer = installed.client.post(
        f"{launch}api/decisions", json={"decision": "declined"}, headers=headers
    )
    assert answer.status_code == status, answer.text
    rejected = installed.events("security.rejected")
    assert len(rejected) == (0 if status == 201 else 1)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("text/plain", id="X07-text"),
        pytest.param("", id="none"),
        pytest.param("application/x-www-form-urlencoded", id="form"),
    ],
)
def test_X07_json_is_taken_only_as_json(installed: Any, kind: str) -> None:
    launch = installed.launch()
    answer = installed.client.post(
        f"{launch}api/decisions",
        content=b'{"decision": "declined"}',
        headers={"origin": "https://app.test", "content-type": kind},
    )
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="broken"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"\xff\xfe", id="bytes"),
        pytest.param(b'{"decision": NaN}', id="nan"),
    ],
)
def test_what_is_no_json_object_is_400(installed: Any, body: bytes) -> None:
    launch = installed.launch()
    answer = installed.client.post(f"{launch}api/decisions", content=body, headers=OURS)
    assert answer.status_code == 400


def test_body_that_is_too_large_is_413(installed: Any) -> None:
    launch = installed.launch()
    body = b'{"note": "' + b"a" * 220_000 + b'"}'
    answer = installed.client.post(f"{launch}api/referrals", content=body, headers=OURS)
    assert answer.status_code == 413
    assert set(answer.json()) == {"error", "message"}
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "declared", [pytest.param(True, id="declared"), pytest.param(False, id="streamed")]
)
def test_X12_form_that_is_too_large_is_told_on_a_page(
    installed: Any, declared: bool
) -> None:
    launch = installed.launch()
    body = b"note=" + b"a" * 300_000
    answer = installed.client.post(
        f"{launch}choices",
        content=body if declared else iter([body]),
        headers={**OURS, "content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("text/html")
    assert "Too much was sent" in answer.text
    for name in HEADERS:
        assert name in answer.headers, name


def test_X13_422_does_not_say_what_was_sent(installed: Any) -> None:
    launch = installed.launch()
    answer = installed.client.post(
        f"{launch}api/referrals",
        json=BODY | {"agreement": "CANARY-7731", "note": "CANARY-7731"},
        headers={**OURS, "idempotency-key": "k1"},
    )
    assert answer.status_code == 422
    assert "CANARY" not in answer.text


def test_error_of_a_page_is_a_page_and_of_the_api_json(installed: Any) -> None:
    launch = installed.launch()
    page = installed.client.get(f"{launch}referrals/unknown")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    answer = installed.client.get(f"{launch}api/referrals/unknown")
    assert answer.status_code == 404
    assert set(answer.json()) == {"error", "message"}


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        pytest.param("https://App.Example.org/", "https://app.example.org", id="case"),
        pytest.param(
            "https://app.example.org:443", "https://app.example.org", id="443"
        ),
        pytest.param("http://localhost:8000", "http://localhost:8000", id="port"),
        pytest.param("http://[::1]:8000", "http://[::1]:8000", id="ipv6"),
    ],
)
def test_origin_is_compared_as_browsers_write_it(public_url: str, origin: str) -> None:
    assert browser_origin(public_url) == origin


def test_hosts_know_the_default_port() -> None:
    assert hosts_of("https://App.test") == {"app.test", "app.test:443"}
    assert hosts_of("http://localhost:8000/") == {"localhost:8000"}
