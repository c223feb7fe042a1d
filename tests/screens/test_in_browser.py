"""The screens in a real Chromium: how they look, what axe finds, how they are used.

Pictures go to `artefacts/screens`, which is not kept in the repository.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.screens.conftest import Open
from tests.screens.watching import PICTURES, Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]


def choose(page: Page, *numbers: int) -> None:
    for number in numbers or (0,):
        page.locator(".pick").nth(number).click()
    page.click("[data-review]")
    page.wait_for_selector("#agreement")


def sign(page: Page, agreement: str) -> None:
    page.click(f"[value={agreement}]")
    page.click("[data-sign]")


def test_default_path_takes_four_clicks(tab: Open) -> None:
    one = tab("alcohol")
    page = one.page
    assert "Marcus Avery" in page.inner_text(".patient")
    page.locator(".pick").first.click()  # 1
    assert "1st choice" in page.inner_text(".groups")
    page.click("text=Review and sign")  # 2
    page.click("text=Refer, and name the groups")  # 3
    assert "Writes the orders and the note" in page.inner_text(".dock")
    page.click("[data-sign]")  # 4
    page.wait_for_selector("text=Signed and filed.")
    one.checked("filed")
    page.click("text=Print hand-out")
    page.wait_for_selector(".paper")
    one.checked("handout")
    page.click("text=Back")
    page.click("text=Done")
    one.checked("follow-up")
    page.click("text=Went")
    one.checked("follow-up-went", again=False, widths=(360, 1280))
    page.click("text=End this session")
    page.wait_for_selector("text=This session has ended")
    one.checked("ended", again=False)


def test_first_screen_with_a_choice_and_with_all_opened(tab: Open) -> None:
    one = tab("alcohol")
    one.checked("recommend")
    page = one.page
    page.locator(".pick").nth(0).click()
    page.locator(".pick").nth(2).click()
    assert "2nd choice" in page.inner_text(".groups")
    page.locator(".pick").nth(1).click()
    assert "Two at most" in page.inner_text(".dock")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = 1)")
    one.checked("recommend-open", again=False, widths=(360, 1280))


def test_sign_screen_with_two_choices_and_all_opened(tab: Open) -> None:
    one = tab("alcohol")
    choose(one.page, 0, 2)
    one.checked("sign")
    one.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = 1)")
    one.page.click("[value=unnamed]")
    one.checked("sign-open", again=False, widths=(360, 1280))


def test_red_warning_is_answered_in_the_page(tab: Open) -> None:
    one = tab("gambling")
    page = one.page
    one.checked("red")
    choose(page)
    sign(page, "named")
    page.wait_for_selector("[role=alert]:not([hidden])")
    assert "Not signed yet. Still needed:" in page.inner_text("#problems")
    one.checked("sign-red", again=False)
    page.fill("[name=did-S1]", "Assessed; plan made together; partner informed.")
    page.fill("[name=follow-S1]", "2999-01-05")
    page.click("[data-sign]")
    page.wait_for_selector("text=In the chart")
    assert "Signed" in page.inner_text("h1")


@pytest.mark.parametrize(
    ("patient", "flavour", "says"),
    [
        pytest.param("adolescent", "", "Under 18|under 18", id="adolescent"),
        pytest.param("no-conditions", "", "No suitable group found", id="empty"),
        pytest.param("odd-entries", "", "could not be read", id="odd-entries"),
        pytest.param("opioid", "epic", "groups? to discuss", id="opioid"),
        pytest.param("mecfs", "", "risk assessment", id="mecfs"),
        pytest.param("alcohol", "oracle", "grupos? para conversar|grupos", id="es"),
    ],
)
def test_each_state_of_the_first_screen_holds(
    tab: Open, patient: str, flavour: str, says: str
) -> None:
    one = tab(patient, 1280, flavour)
    assert re.search(says, one.page.inner_text("main"))
    one.checked(f"recommend-{patient}-{flavour}".rstrip("-"))


def test_evidence_page_and_guide(tab: Open) -> None:
    one = tab("alcohol")
    page = one.page
    page.locator(".group summary").first.click()
    page.locator("button[value^=evidence]").first.click()
    page.wait_for_selector("#h-grades")
    one.checked("evidence", widths=(360, 1280))
    page.click("text=Back to the groups")
    page.locator("button[value='guides:ssc']").click()
    page.fill("[name=sum-minutes]", "25")
    page.fill("[name=sum-sure]", "77")
    page.click("text=Keep the summary")
    page.wait_for_selector("[role=alert]:not([hidden])")
    one.checked("guide", again=False)


def test_read_only_sign_in_offers_hand_out_and_text(tab: Open) -> None:
    one = tab("alcohol", 1280, "read-only")
    choose(one.page)
    assert one.page.locator("[value=named]").count() == 0
    assert "Without names" not in one.page.inner_text("main")
    texts = [t for t in one.page.locator(".writes .meta").all_inner_texts() if t]
    assert len(texts) == len(set(texts))
    one.checked("sign-read-only")
    sign(one.page, "handout_only")
    one.page.wait_for_selector(".paper")
    assert one.page.locator(".printbar button[data-print]").is_visible()


def test_hand_out_that_may_be_read_at_home_names_nothing(tab: Open) -> None:
    one = tab("violence")
    one.checked("recommend-violence")
    choose(one.page)
    if one.page.locator(".answer input[type=text]").count():
        one.page.locator(".answer input[type=text]").first.fill("Safety plan made.")
    sign(one.page, "handout_only")
    one.page.wait_for_selector(".paper")
    assert one.page.locator(".paper .qr").count() == 0
    assert one.page.locator("a[href*='.ics']").count() == 0
    one.checked("handout-restricted")


def test_hand_out_is_one_page_in_each_language(tab: Open) -> None:
    one = tab("alcohol")
    page = one.page
    choose(page, 0, 2)
    sign(page, "handout_only")
    page.wait_for_selector(".paper")
    for language in ("en", "es"):
        page.goto(f"{page.url.split('?')[0]}?lang={language}")
        one.checked(f"handout-two-{language}", widths=(360, 1280))
        one.checked_on_paper()


# ---- while it is read, and when it cannot be ----


@pytest.fixture
def slow_ehr(served: Any) -> Iterator[Any]:
    yield served.sandbox.faults
    served.sandbox.faults.clear()


def test_slow_ehr_shows_the_frame_then_the_chart_then_the_groups(
    tab: Open, slow_ehr: Any
) -> None:
    one = tab("alcohol")
    page = one.page
    slow_ehr.add("delay", on="read", seconds=4)
    reread(one)
    page.wait_for_selector(".skeleton")
    assert page.locator("form.screen").count() == 0
    page.screenshot(path=PICTURES / "waiting-1280.png")
    page.wait_for_selector("form.screen")
    expect(page).to_have_title(re.compile("Marcus Avery"))
    assert not page.locator(".skeleton").first.is_visible()
    # A browser that paints half of the safety row sees its first box grow narrower.
    assert page.evaluate("window.shifted") < 0.001
    assert one.wrong == []


def reread(one: Watched) -> None:
    """Open the first screen anew without waiting; count what moves on it."""
    path = one.page.url
    one.page.add_init_script(
        "window.shifted = 0; new PerformanceObserver((list) => {"
        " for (const one of list.getEntries()) window.shifted += one.value;"
        "}).observe({ type: 'layout-shift', buffered: true });"
    )
    with one.page.expect_response(lambda got: got.request.method == "POST"):
        one.page.evaluate(
            "const form = document.querySelector('form.screen');"
            "const body = new URLSearchParams(new FormData(form));"
            "body.set('do', 'reread');"
            "fetch(form.action, { method: 'POST', redirect: 'manual', body });"
        )
    one.page.goto(path, wait_until="commit")


def test_ehr_that_fails_slowly_is_told_in_the_page(tab: Open, slow_ehr: Any) -> None:
    one = tab("alcohol")
    slow_ehr.add("delay", on="read", seconds=1)
    slow_ehr.add("status", on="read", type="Patient", code=500)
    reread(one)
    one.page.wait_for_selector("text=Try again")
    one.checked("ehr-failed", again=False)


def test_end_of_the_session_is_said_before_it_comes(tab: Open, served: Any) -> None:
    one = tab("alcohol")
    page = one.page
    page.clock.install()
    page.reload()
    page.clock.fast_forward(13 * 60 * 1000 + 1000)
    page.wait_for_selector(".ending button", state="visible")
    one.checked("session-ends", again=False, widths=(360, 1280))
    page.click(".ending button")
    page.wait_for_selector(".ending", state="hidden")


def test_draft_is_kept_while_it_is_made(tab: Open) -> None:
    page = tab("alcohol").page
    with page.expect_request_finished(lambda sent: sent.method == "POST"):
        page.locator(".pick").nth(1).click()
    page.reload()
    assert page.locator(".pick").nth(1).is_checked()
    assert "1st choice" in page.inner_text(".groups")


@pytest.mark.parametrize("path", ["/launches/unknown-launch/", "/nowhere"])
def test_X11_browser_without_a_session_is_told_what_to_do(
    chromium: Browser, served: Any, path: str
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    one = Watched(context.new_page(), served.url)
    one.page.goto(served.url + path)
    one.checked("no-session" if "launches" in path else "not-found")
    context.close()


# ---- for everybody ----


def test_zoom_and_right_to_left_leave_nothing_outside(tab: Open) -> None:
    one = tab("alcohol")
    choose(one.page)
    for width in (640, 320):  # 1280 px at 200 and 400 %
        one.page.set_viewport_size({"width": width, "height": 450})
        one._fits(f"sign-{width}")
    one.page.go_back()
    one.page.wait_for_selector(".groups")
    for width in (1280, 640, 320):
        one.page.set_viewport_size({"width": width, "height": 450})
        one._fits(f"recommend-{width}")
        one.page.evaluate("document.documentElement.dir = 'rtl'")
        one._fits(f"recommend-{width}-rtl")
        if width == 1280:
            one._picture("recommend-rtl-1280")
        one.page.evaluate("document.documentElement.dir = 'ltr'")


def test_nothing_moves_where_motion_is_not_wanted(tab: Open, slow_ehr: Any) -> None:
    one = tab("alcohol", reduced_motion="reduce")
    slow_ehr.add("delay", on="read", seconds=2)
    reread(one)
    one.page.wait_for_selector(".skeleton")
    assert one.page.evaluate("document.getAnimations().length") == 0
    one.page.wait_for_selector("form.screen")


def test_copy_button_has_a_name_and_says_what_it_did(tab: Open) -> None:
    page = tab("alcohol", permissions=["clipboard-read", "clipboard-write"]).page
    choose(page)
    page.get_by_role("button", name="Copy as text", exact=True).click()
    expect(page.locator("#note-copied")).to_have_text("Copied")
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
    page = tab("alcohol", 768, java_script_enabled=False).page
    page.locator(".pick").first.check()
    page.click("text=Review and sign")
    page.check("[value=unnamed]")
    page.click("[data-sign]")
    page.wait_for_selector("h1")
    assert "Signed" in page.inner_text("h1")
    page.click("text=Print hand-out")
    page.wait_for_selector(".paper")


def test_flow_works_by_keyboard_alone(tab: Open) -> None:
    page = tab("alcohol").page
    page.keyboard.press("Tab")
    assert page.inner_text(":focus") == "Skip to content"
    page.keyboard.press("Enter")
    reached = tab_to(page, ".pick")
    assert reached
    page.keyboard.press("Space")
    assert tab_to(page, "[data-review]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#agreement")
    assert tab_to(page, "[name=agreement]")
    page.keyboard.press("Space")
    assert tab_to(page, "[data-sign]")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=In the chart")


def tab_to(page: Page, selector: str) -> bool:
    """Press Tab until it is reached; each stop on the way can be seen."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return True
        assert page.evaluate(
            "document.activeElement === document.body ||"
            " document.activeElement.getClientRects().length > 0"
        )
    return False


def test_app_works_in_the_ehrs_frame(chromium: Browser, served: Any) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    chart = f"{served.sandbox.url}/patients/{served.sandbox.patient_id('opioid')}"
    page.goto(f"{chart}/self-help")
    frame = page.frame_locator("iframe")
    frame.locator(".patient").wait_for()
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "framed-1280.png")
    frame.locator(".pick").first.click()
    frame.locator("text=Review and sign").click()
    frame.locator("[value=named]").click()
    frame.locator("[data-sign]").click()
    frame.get_by_role("heading", name="In the chart").wait_for()
    context.close()


def test_first_view_is_light_and_asks_nobody_else(tab: Open) -> None:
    import gzip

    one = tab("alcohol")
    loaded = one.page.evaluate(
        "performance.getEntriesByType('resource').map((one) => one.name)"
    )
    ask = one.page.context.request
    bodies = {url: ask.get(url).body() for url in (one.page.url, *loaded)}
    assert any(url.endswith(".css") for url in bodies)
    weight = sum(len(body) for body in bodies.values())
    assert weight <= 100_000, {url: len(body) for url, body in bodies.items()}
    assert sum(len(gzip.compress(body)) for body in bodies.values()) <= 40_000
    assert one.foreign == []
