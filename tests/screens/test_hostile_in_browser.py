"""What strangers and hostile texts try, in a real Chromium."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.screens.conftest import FEED, Open, fill

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

HOSTILE = (
    '<script>alert(1)</script><img src=x onerror=alert(2)>"><svg onload=alert(3)>'
    "{{7*7}}${7*7}]]>'\u202edlrow\u202c\u200b\U0001f9d1\u200d\u2695\ufe0f"
)
LONG = "W" * 10_000


@pytest.fixture
def poisoned(served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A chart and a directory with a script in every text. Gives the patient's id."""
    sandbox = served.sandbox
    patient = sandbox.patient_id("opioid")
    for kind in ("Patient", "Condition", "MedicationRequest", "Observation"):
        for found in sandbox.resources(kind, "opioid"):
            sandbox.put(_poisoned(found))
    rows = [
        row
        | {
            "name": HOSTILE,
            "location": HOSTILE + LONG[:300],
            "formatted_address": f"{HOSTILE}, Brooklyn, NY 11201, USA",
            "notes": HOSTILE,
            "url": "javascript:alert(4)",
            "conference_url": "javascript:alert(5)",
        }
        for row in FEED
    ]
    monkeypatch.setattr("tests.screens.conftest.FEED", rows)
    fill(served.house, tmp_path, names=("aa", "smart", "na"))
    return str(patient)


def _poisoned(resource: dict[str, Any]) -> dict[str, Any]:
    made = dict(resource)
    if made["resourceType"] == "Patient":
        made["name"] = [{"text": HOSTILE, "family": HOSTILE, "given": [HOSTILE]}]
    for name in ("code", "medicationCodeableConcept"):
        if name in made:
            codings = [c | {"display": HOSTILE} for c in made[name].get("coding", [])]
            made[name] = {**made[name], "text": HOSTILE + LONG, "coding": codings}
    made["text"] = {"status": "generated", "div": f"<div>{HOSTILE}</div>"}
    return made


def test_X01_scripts_in_every_text_stay_text(tab: Open, poisoned: str) -> None:
    one = tab("opioid", 768)
    page = one.page
    assert "<script>alert(1)</script>" in page.inner_text(".patient")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = 1)")
    one._fits("recommend-hostile")
    page.locator(".pick").first.click()
    page.locator("input[name^='not-']").first.fill(HOSTILE)
    page.click("[data-review]")
    page.wait_for_selector("#agreement")
    page.fill("#note", HOSTILE + "\n" + LONG)
    one._fits("sign-hostile")
    page.click("[value=named]")
    page.click("[data-sign]")
    page.wait_for_selector("text=In the chart")
    one._fits("filed-hostile")
    page.click("text=Print hand-out")
    page.wait_for_selector(".paper")
    one._fits("handout-hostile")
    page.goto(page.url.split("/referrals/")[0] + "/referrals")
    one._fits("follow-up-hostile")
    assert page.locator("script:not([src]), iframe, svg[onload], img").count() == 0
    assert one.wrong == []
    assert one.foreign == []


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[str]:
    """A site that no hospital knows. Gives its folder's address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_args: Any) -> None:
            pass

    serving = partial(Quiet, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), serving)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_X05_stranger_may_not_frame_the_app(
    chromium: Browser, served: Any, stranger: str, tmp_path: Path
) -> None:
    src = served.launch_url("alcohol").replace("&", "&amp;")
    (tmp_path / "trap.html").write_text(f"<iframe src='{src}'></iframe>")
    context = chromium.new_context()
    page = context.new_page()
    with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
        page.goto(f"{stranger}/trap.html")
    assert page.frame_locator("iframe").locator(".patient").count() == 0
    context.close()


def test_X07_form_of_another_site_signs_nothing(
    tab: Open, served: Any, stranger: str, tmp_path: Path
) -> None:
    page = tab("depression").page
    path = page.url
    patient = page.get_attribute("[name=patient]", "value")
    (tmp_path / "forged.html").write_text(
        f"<form method=post action='{path}choices'>"
        f"<input name=patient value='{patient}'><input name=program value=dbsa>"
        "<button>go</button></form>"
    )
    page.goto(f"{stranger}/forged.html")
    with page.expect_response(lambda got: got.request.method == "POST") as got:
        page.click("button")
    assert got.value.status in (403, 404)
    page.goto(path)
    assert page.locator(".pick:checked").count() == 0


def test_X09_message_of_another_window_changes_nothing(tab: Open) -> None:
    page = tab("alcohol").page
    before = page.inner_text("main")
    page.evaluate("window.postMessage({ act: 'sign', program: 'aa' }, '*')")
    page.evaluate("new Promise((done) => setTimeout(done, 0))")
    assert page.inner_text("main") == before


def test_X10_no_script_reads_a_cookie_and_nothing_is_stored(tab: Open) -> None:
    page = tab("alcohol").page
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


# ---- two patients ----


def test_P01_two_tabs_of_one_browser_write_to_their_own_patient(
    tab: Open, served: Any
) -> None:
    first = tab("alcohol").page
    second = first.context.new_page()
    second.goto(served.launch_url("anxiety"))
    second.wait_for_selector(".pick")
    _sign(first)
    assert "Avery" in first.inner_text(".patient")
    assert first.title() != second.title()
    orders = served.sandbox.resources("ServiceRequest", "alcohol")
    assert [o for o in orders if o["status"] == "active"]
    assert served.sandbox.resources("ServiceRequest", "anxiety") == []


def test_P02_page_of_the_patient_before_says_so_and_writes_nothing(
    tab: Open, served: Any
) -> None:
    page = tab("mecfs").page
    old = page.url.split("/launches/")[1].strip("/")
    fresh = page.context.new_page()
    fresh.goto(served.launch_url("remission") + f"&supersedes={old}")
    fresh.wait_for_selector(".patient")
    page.locator(".pick").first.click()
    page.click("[data-review]")
    page.wait_for_selector("text=closed so that nothing can be filed")
    assert served.sandbox.resources("ServiceRequest", "mecfs") == []


def test_P09_two_presses_a_reload_and_the_way_back_sign_once(
    tab: Open, served: Any
) -> None:
    page = tab("family").page
    page.locator(".pick").first.click()
    page.click("[data-review]")
    page.wait_for_selector("#agreement")
    page.click("[value=named]")
    page.dblclick("[data-sign]")
    page.wait_for_selector("text=Signed and filed.")
    page.reload()
    page.go_back()
    if page.locator("[data-sign]").count():
        page.click("[data-sign]")
        page.wait_for_load_state()
    assert len(served.sandbox.resources("ServiceRequest", "family")) == 1
    assert len(served.sandbox.resources("DocumentReference", "family")) == 1


def _sign(page: Page) -> None:
    page.locator(".pick").first.click()
    page.click("[data-review]")
    page.wait_for_selector("#agreement")
    page.click("[value=named]")
    page.click("[data-sign]")
    page.wait_for_selector("text=Signed and filed.")
