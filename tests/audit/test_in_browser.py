"""The reviewers' screens in a real Chromium: the sign-in, each page, what axe finds."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from deploy.sandbox.serving import start_sandbox
from plugin.app import create_app
from tests.audit.conftest import SECRET, Clinic, settings_for

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = (320, 768, 1200)
PAGES = (
    "records",
    "records?kind=referral.signed",
    "records/3",
    "referrals/referral-1",
    "figures?per_hour=120",
    "reviews",
    "chain",
)


@pytest.fixture(scope="module")
def served(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The app as its own server, with some visits in it. Gives its address."""
    folder = tmp_path_factory.mktemp("browsed")
    shutil.copyfile(sqlite_template, folder / "selfhelp.db")
    sandbox = start_sandbox("localhost")
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://localhost:{listening.getsockname()[1]}"
    app = create_app(settings_for(sandbox, folder, public_url=url), with_worker=False)
    sandbox.sandbox.staff_login.register(url, SECRET, "selfhelp-audit")
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    house: Any = app.state.house
    clinic = Clinic(house.engine, house.trail.keys)
    for number in range(24):
        clinic.visit(
            datetime.now(UTC) - timedelta(days=200 - 8 * number),
            ends="" if number % 6 == 5 else "signed",
            groups={"language": "en", "sex": "female" if number % 2 else "male"},
            attended_after=9 if number % 3 else None,
            warning="S1" if number % 9 == 0 else "",
            follow_up="2026-01-05" if number % 9 == 0 else None,
        )
    yield url
    server.should_exit = True
    thread.join(10)
    sandbox.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def signed_in(chromium: Browser, served: str) -> Iterator[Page]:
    context = chromium.new_context(locale="en-US")
    page = context.new_page()
    page.goto(f"{served}/audit")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="J. Moreau").click()
    page.wait_for_url("**/records")
    yield page
    context.close()


def test_every_page_holds_its_policy_fits_and_can_be_used_by_all(
    signed_in: Page, served: str
) -> None:
    said: list[str] = []
    signed_in.on("console", lambda message: said.append(message.text))
    found: list[str] = []
    for path in PAGES:
        for width in WIDTHS:
            signed_in.set_viewport_size({"width": width, "height": 800})
            answer = signed_in.goto(f"{served}/audit/at/general/{path}")
            assert answer is not None
            assert answer.status == 200, path
            beyond = "document.documentElement.scrollWidth > innerWidth"
            if signed_in.evaluate(beyond):
                found.append(f"{path} at {width}: wider than the window")
        signed_in.evaluate(
            "for (const d of document.querySelectorAll('details')) d.open = true"
        )
        for violation in Axe().run(signed_in).response["violations"]:
            nodes = [node["html"][:120] for node in violation["nodes"][:2]]
            found.append(f"{path}: {violation['id']} {nodes}")
    assert found == []
    assert said == []


def test_auditor_goes_from_a_record_to_the_patient_and_signs_out(
    signed_in: Page, served: str
) -> None:
    signed_in.goto(f"{served}/audit/at/general/records?kind=referral.signed")
    signed_in.locator("table.records tbody th a").first.click()
    signed_in.get_by_label("Why you need to know").fill("a complaint")
    signed_in.get_by_role("button", name="Show the patient’s id").click()
    assert signed_in.get_by_role("status").inner_text().startswith("Patient/patient-")
    with signed_in.expect_download() as download:
        signed_in.goto(f"{served}/audit/at/general/records")
        signed_in.get_by_role("button", name="Table (CSV)").click()
    assert download.value.suggested_filename.endswith(".csv")
    signed_in.get_by_role("button", name="Sign out").click()
    signed_in.goto(f"{served}/audit")
    assert signed_in.get_by_role("link", name="Sign in").is_visible()
