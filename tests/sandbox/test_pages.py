"""The EHR's pages: what they show, and what a browser may do with them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests


def page(app: Any, path: str) -> requests.Response:
    return requests.get(f"{app.sandbox.url}{path}", timeout=5, allow_redirects=False)


@pytest.mark.parametrize("path", ["/", "/epic/", "/readonly/"])
def test_patient_list_shows_every_patient(app: Any, path: str) -> None:
    text = page(app, path).text
    for name in ("Marcus Avery", "Ilse Quorn", "Torvald Pemberly"):
        assert name in text


@pytest.mark.parametrize("tab", ["", "/problems", "/notes", "/orders", "/self-help"])
def test_every_tab_names_the_patient(app: Any, tab: str) -> None:
    answer = page(app, f"/patients/p0417{tab}")
    assert answer.status_code == 200
    assert "Marcus Avery" in answer.text
    assert "T-00417" in answer.text
    assert 'aria-current="page"' in answer.text


@pytest.mark.parametrize(
    "path", ["/patients/nobody", "/patients/p0417/bills", "/nowhere/", "/patients/"]
)
def test_unknown_page_is_not_found(app: Any, path: str) -> None:
    assert page(app, path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/patients/p0417", "/patients/nobody"])
def test_policy_is_strict(app: Any, path: str) -> None:
    headers = page(app, path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert "frame-src 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_app_is_framed_with_a_launch_of_the_chart(app: Any) -> None:
    answer = page(app, "/patients/p0417/self-help")
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-src 'self' http://127.0.0.1:9;" in policy
    source = answer.text.partition('<iframe class="app" src="')[2].partition('"')[0]
    asked = parse_qs(urlsplit(source.replace("&amp;", "&")).query)
    assert asked["iss"] == [app.fhir]
    tokens = app.launched(launch=asked["launch"][0])
    assert tokens["patient"] == "p0417"
    assert tokens["need_patient_banner"] is False


def test_app_opens_in_a_tab_of_its_own_with_a_banner(app: Any) -> None:
    answer = page(app, "/patients/p0417/launch")
    assert answer.status_code == 303
    launch = parse_qs(urlsplit(answer.headers["Location"]).query)["launch"][0]
    assert app.launched(launch=launch)["need_patient_banner"] is True


def test_signed_note_and_order_are_shown(
    launched: Any, order: dict[str, Any], note: dict[str, Any]
) -> None:
    order["orderDetail"] = [{"text": "A group <by> name"}]
    made = launched.create(order).json()["id"]
    note["context"]["related"] = [{"reference": f"ServiceRequest/{made}"}]
    launched.create(note)
    provenance = {
        "resourceType": "Provenance",
        "target": [{"reference": f"ServiceRequest/{made}"}],
        "recorded": "2026-11-24T10:31:00-05:00",
        "agent": [{"who": {"reference": "Practitioner/lindqvist"}}],
    }
    filed = launched.create(provenance).json()["id"]
    orders = page(launched, "/patients/p0417/orders").text
    assert "A group &lt;by&gt; name" in orders
    assert "28 Nov 2026, 4:00 PM" in orders
    assert "Alcohol dependence, uncomplicated" in orders
    assert f"Provenance/{filed} as FHIR" in orders
    notes = page(launched, "/patients/p0417/notes").text
    assert "Referral to a group: naïve text" in notes
    assert f"#ServiceRequest-{made}" in notes


def test_odd_entries_are_shown_as_text(app: Any) -> None:
    text = page(app, "/patients/p1517").text
    assert "&lt;b&gt;Low mood&lt;/b&gt;" in text
    assert "drinks more than he would like" in text
    assert "No name recorded" in text
    assert "entered-in-error" in text


class FramedApp(BaseHTTPRequestHandler):
    """An app whose /launch sends the browser on, and whose /callback says so."""

    place = ""

    def do_GET(self) -> None:
        launched = self.path.startswith("/launch")
        self.send_response(303 if launched else 200)
        if launched:
            self.send_header("Location", FramedApp.place)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<p>opened</p>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def framed_app() -> Iterator[str]:
    server = ThreadingHTTPServer(("localhost", 0), FramedApp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
def test_frame_goes_through_the_whole_launch(
    app: Any, framed_app: str, chromium: Any
) -> None:
    app.sandbox.register_client(framed_app)
    app.redirect_uri = f"{framed_app}/callback"
    asked = urlencode(app.authorization())
    FramedApp.place = f"{app.sandbox.url}/oauth/authorize?{asked}"
    view = chromium.new_page()
    view.goto(f"{app.sandbox.url}/patients/p0417/self-help")
    view.frame_locator("iframe").get_by_text("opened").wait_for()
    assert "code=" in view.frames[1].url
    view.close()


@pytest.mark.browser
def test_pages_fit_and_keep_their_policy(app: Any, chromium: Any) -> None:
    said: list[str] = []
    for width in (360, 768, 1280):
        view = chromium.new_page(viewport={"width": width, "height": 800})
        view.on("console", lambda message: said.append(message.text))
        for path in ("/", "/patients/p0417", "/patients/p1517", "/epic/"):
            view.goto(f"{app.sandbox.url}{path}")
            wide = view.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
        view.close()
    assert said == []
