"""The screens in a real Chromium: how they look, what axe finds, what is loaded.

Pictures go to `artefacts/screens`, which is not kept in the repository.
"""

import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PICTURES = Path(__file__).resolve().parents[2] / "artefacts" / "screens"
WIDTHS = [pytest.param(w, id=str(w)) for w in (360, 768, 1280)]
AXE = Axe()


class Watched:
    """A page, and what went wrong in it."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.wrong: list[str] = []
        self.foreign: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", lambda dialog: self.wrong.append("dialog"))
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        expected = "Failed to load resource: the server responded with a status of 4"
        if message.type == "error" and not message.text.startswith(expected):
            self.wrong.append(message.text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.origin, "http://localhost:", "data:")):
            self.foreign.append(request.url)

    def checked(self, name: str) -> None:
        """Take a picture; nothing sticks out, nothing is found by axe."""
        width = self.page.viewport_size["width"]  # type: ignore[index]
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}-{width}.png", full_page=True)
        over = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, f"{name} is {over} px too wide"
        found = AXE.run(self.page).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
        assert self.wrong == []
        assert self.foreign == []

    def checked_on_paper(self) -> None:
        """The hand-out is one page, on Letter and on A4."""
        for form in ("Letter", "A4"):
            paper = self.page.pdf(format=form)
            assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1, form


Open = Callable[..., Watched]


@pytest.fixture
def tab(chromium: Browser, served: Any) -> Iterator[Open]:
    """Open the app from a chart, in a fresh browser profile."""
    contexts = []

    def open_app(
        patient: str, width: int = 1280, flavour: str = "", **more: Any
    ) -> Watched:
        context = chromium.new_context(viewport={"width": width, "height": 900}, **more)
        contexts.append(context)
        watched = Watched(context.new_page(), served.url)
        watched.page.goto(served.launch_url(patient, flavour))
        return watched

    yield open_app
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_default_path_takes_four_clicks(tab: Open, width: int) -> None:
    one = tab("alcohol", width)
    page = one.page
    assert "Marcus Avery" in page.inner_text(".patient")
    one.checked("recommend")
    page.locator(".pick").first.click()  # 1
    assert "1st choice" in page.inner_text(".groups")
    page.click("text=Review and sign")  # 2
    one.checked("sign")
    page.click("text=Refer, and name the groups")  # 3
    assert "Writes the orders and the note" in page.inner_text(".dock")
    page.click("[data-sign]")  # 4
    page.wait_for_selector("text=Signed and filed.", timeout=15_000)
    one.checked("filed")
    page.click("text=Print hand-out")
    one.checked("handout")
    page.click("text=Back")
    page.click("text=Done")
    one.checked("follow-up")
    page.click("text=End this session")
    one.checked("ended")


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_opened_still_fits(tab: Open, width: int) -> None:
    one = tab("alcohol", width)
    one.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = 1)")
    one.checked("recommend-open")


@pytest.mark.parametrize("width", WIDTHS)
def test_red_warning_is_answered_in_the_page(tab: Open, width: int) -> None:
    one = tab("gambling", width)
    page = one.page
    one.checked("red")
    page.locator(".pick").first.click()
    page.click("text=Review and sign")
    page.click("text=Refer, and name the groups")
    page.click("[data-sign]")
    assert "Not signed yet. Still needed:" in page.inner_text("[role=alert]")
    one.checked("sign-red")
    page.fill("[name=did-S1]", "Assessed; plan made together; partner informed.")
    page.fill("[name=follow-S1]", "2999-01-05")
    page.click("[data-sign]")
    page.wait_for_selector("text=In the chart")
    assert "Signed" in page.inner_text("h1")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("patient", "flavour", "says"),
    [
        pytest.param("adolescent", "", "Under 18|under 18", id="adolescent"),
        pytest.param("no-conditions", "", "No suitable group found", id="empty"),
        pytest.param("odd-entries", "", "could not be read", id="odd-entries"),
        pytest.param("opioid", "epic", "groups? to discuss", id="opioid"),
        pytest.param("violence", "", "risk assessment", id="violence"),
        pytest.param("mecfs", "", "risk assessment", id="mecfs"),
        pytest.param("spanish", "", "risk assessment", id="spanish"),
    ],
)
def test_each_state_of_the_first_screen_holds(
    tab: Open, width: int, patient: str, flavour: str, says: str
) -> None:
    one = tab(patient, width, flavour)
    assert re.search(says, one.page.inner_text("main"))
    one.checked(f"recommend-{patient}")


@pytest.mark.parametrize("width", WIDTHS)
def test_read_only_sign_in_offers_hand_out_and_text(tab: Open, width: int) -> None:
    one = tab("alcohol", width, "read-only")
    one.page.locator(".pick").first.click()
    one.page.click("text=Review and sign")
    assert one.page.locator("[value=named]").count() == 0
    one.checked("sign-read-only")
    one.page.click("text=Hand-out only")
    one.page.click("[data-sign]")
    one.page.wait_for_selector(".paper")
    one.checked("handout-read-only")


def test_hand_out_is_one_page_in_each_language(tab: Open) -> None:
    one = tab("alcohol")
    page = one.page
    page.locator(".pick").nth(0).click()
    page.locator(".pick").nth(2).click()
    page.click("text=Review and sign")
    page.click("text=Hand-out only")
    page.click("[data-sign]")
    for language in ("en", "es"):
        page.goto(f"{page.url.split('?')[0]}?lang={language}")
        one.checked(f"handout-two-{language}")
        one.checked_on_paper()


@pytest.mark.parametrize("width", WIDTHS)
def test_dark_screens_keep_their_contrast(tab: Open, width: int) -> None:
    one = tab("alcohol", width, color_scheme="dark")
    one.checked("recommend-dark")
    one.page.locator(".pick").first.click()
    one.page.click("text=Review and sign")
    one.checked("sign-dark")


def test_copy_button_has_a_name_and_says_what_it_did(tab: Open) -> None:
    page = tab("alcohol", permissions=["clipboard-read", "clipboard-write"]).page
    page.locator(".pick").first.click()
    page.click("text=Review and sign")
    page.get_by_role("button", name="Copy as text", exact=True).click()
    page.wait_for_function("document.querySelector('#note-copied').textContent")
    assert page.inner_text("#note-copied") == "Copied"
    page.get_by_role("button", name="Copy as text", exact=True).click()


@pytest.mark.parametrize("patient", ["gambling", "opioid", "depression", "mecfs"])
def test_safety_boxes_leave_no_hole(tab: Open, patient: str) -> None:
    page = tab(patient, 1280).page
    rows: dict[int, list[Any]] = {}
    for box in page.locator(".safety > *").all():
        place = box.bounding_box()
        assert place is not None
        rows.setdefault(round(place["y"]), []).append(place)
    whole = page.locator(".safety").bounding_box()
    assert whole is not None
    for row in rows.values():
        assert sum(one["width"] for one in row) == pytest.approx(whole["width"], abs=5)


def test_flow_works_without_a_script(tab: Open) -> None:
    one = tab("alcohol", 768, java_script_enabled=False)
    page = one.page
    page.locator(".pick").first.check()
    page.click("text=Review and sign")
    page.check("[value=unnamed]")
    page.click("[data-sign]")
    page.wait_for_selector("h1")
    assert "Signed" in page.inner_text("h1")
    page.click("text=Print hand-out")
    assert page.locator(".paper").count() == 1


def test_flow_works_by_keyboard_alone(tab: Open) -> None:
    page = tab("alcohol").page
    page.keyboard.press("Tab")
    assert page.inner_text(":focus") == "Skip to content"
    page.locator(".pick").first.focus()
    page.keyboard.press("Space")
    page.locator("[data-review]").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#agreement")
    page.locator("[value=named]").focus()
    page.keyboard.press("Space")
    page.locator("[data-sign]").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=In the chart")


def test_app_works_in_the_ehrs_frame(chromium: Browser, served: Any) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    chart = f"{served.sandbox.url}/patients/{served.sandbox.patient_id('opioid')}"
    page.goto(f"{chart}/self-help")
    frame = page.frame_locator("iframe")
    frame.locator(".patient").wait_for(timeout=10_000)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "framed-1280.png")
    frame.locator(".pick").first.click()
    frame.locator("text=Review and sign").click()
    frame.locator("[value=named]").click()
    frame.locator("[data-sign]").click()
    frame.locator("text=In the chart").wait_for()
    context.close()


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


def test_X05_stranger_may_not_frame_the_app(
    chromium: Browser, served: Any, stranger: str, tmp_path: Path
) -> None:
    src = served.launch_url("opioid").replace("&", "&amp;")
    (tmp_path / "trap.html").write_text(f"<iframe src='{src}'></iframe>")
    context = chromium.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{stranger}/trap.html")
    page.wait_for_timeout(1500)
    assert any("frame-ancestors" in text for text in said), said
    assert page.frame_locator("iframe").locator(".patient").count() == 0
    context.close()
