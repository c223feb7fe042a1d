"""From a card in the chart to a signed referral, and a card that is turned down."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.sync_api import Frame, Page, expect

from tests.journeys.conftest import Demo, start_demo

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

PATIENT = "Corwin Bellamy-Dash"
OTHER = "Ambrose Fairweather-Knox"
SUICIDAL = "Oswin Tarrow"
TREATED = "Delphine Rask"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One of its own: a patient who was referred before gets no card."""
    running = start_demo(tmp_path_factory.mktemp("demo"))
    yield running
    running.stop()


def open_chart(clinician: Any, patient: str) -> Page:
    page: Page = clinician.page
    page.goto(f"{clinician.demo.ehr}/")
    page.get_by_role("link", name=patient).click()
    return page


def events(clinician: Any, kind: str) -> list[dict[str, Any]]:
    """What the app's trail holds of a kind, the oldest first."""
    folder = Path(clinician.demo.said).parent / "data"
    with sqlite3.connect(folder / "selfhelp.db") as database:
        rows = database.execute(
            "SELECT canonical FROM audit_events WHERE kind = ? ORDER BY sequence",
            (kind,),
        ).fetchall()
    return [orjson.loads(row[0]) for row in rows]


def sign(frame: Frame) -> None:
    frame.locator("button:has-text('Review and sign')").click()
    frame.locator("input[name=agreement][value=named]").check()
    frame.locator("button[data-sign]").click()
    expect(frame.get_by_role("heading", name="Signed and filed.")).to_be_visible()
    expect(frame.locator("main")).to_contain_text("3 written", timeout=20_000)


def test_card_leads_through_the_app_to_a_signed_referral(clinician) -> None:
    page = open_chart(clinician, PATIENT)
    card = page.locator("section.cds.info")
    expect(card).to_have_count(1)
    clinician.picture("20-card-in-the-chart")
    card.locator("summary").click()
    first = card.locator("details b").first.inner_text()
    card.get_by_role("link", name="Choose groups with the patient").click()

    frame = clinician.app()
    ticked = frame.locator("input[name=program]:checked")
    expect(ticked).to_have_count(1)
    name = frame.locator(".group:has(input:checked) h3 label").first.inner_text()
    assert name == first
    clinician.picture("21-app-opened-from-the-card")
    sign(frame)
    assert name in clinician.chart(PATIENT, "Orders")

    page = open_chart(clinician, PATIENT)
    expect(page.get_by_role("heading", name="Problem list")).to_be_visible()
    expect(page.locator("section.cds")).to_have_count(0)
    assert events(clinician, "cds.opened")

    # Whoever orders it by hand all the same is shown what was signed.
    page.get_by_role("link", name="Orders").click()
    orders = page.locator("article.card").count()
    page.get_by_label("Order", exact=True).select_option("support-group")
    page.get_by_role("button", name="Sign the order").click()
    expect(page.locator("section.cds")).to_contain_text("can complete this order")
    clinician.picture("24-signed-referral-completes-an-order")
    page.get_by_role("button", name="Use the signed referral").first.click()
    expect(page.locator("article.card")).to_have_count(orders)
    assert events(clinician, "cds.feedback")[-1]["outcome"] == "accepted"
    assert clinician.complaints == []
    assert clinician.strangers == []


def test_card_turned_down_stands_in_the_trail_and_stays_away(clinician) -> None:
    page = open_chart(clinician, OTHER)
    card = page.locator("section.cds.info")
    expect(card).to_have_count(1)
    card.get_by_label("Reason").select_option("prefers-alternative")
    card.get_by_role("button", name="Not for this patient").click()
    expect(page.get_by_role("heading", name="Problem list")).to_be_visible()
    expect(page.locator("section.cds")).to_have_count(0)
    told = events(clinician, "cds.feedback")[-1]
    assert told["outcome"] == "overridden"
    assert told["detail"]["reason"] == "prefers-alternative"

    page.goto(f"{clinician.demo.app}/audit/sign-in")
    page.locator("main a").first.click()
    page.wait_for_url("**/audit/at/**")
    tenant = told["tenant"]
    page.goto(f"{clinician.demo.app}/audit/at/{tenant}/records?kind=cds.feedback")
    expect(page.locator("main")).to_contain_text("Decision support feedback")
    expect(page.locator("main")).to_contain_text("Turned down")
    page.goto(f"{clinician.demo.app}/audit/at/{tenant}/records/{told['sequence']}")
    expect(page.locator("main")).to_contain_text("prefers-alternative")
    clinician.picture("23-override-in-the-trail")


def test_medicine_and_discharge_bring_a_card_of_their_own(clinician) -> None:
    page = open_chart(clinician, TREATED)
    page.get_by_role("link", name="Orders").click()
    page.get_by_label("Order", exact=True).select_option("buprenorphine")
    page.get_by_role("button", name="Sign the order").click()
    beside = page.locator("section.cds.info")
    expect(beside).to_contain_text("can stand beside this treatment")
    clinician.picture("25-card-beside-a-medicine")
    page.get_by_role("button", name="Sign it as it is").click()
    page.get_by_role("button", name="Discharge").click()
    expect(page.locator("section.cds.info")).to_contain_text("Before discharge")
    clinician.picture("26-card-before-discharge")
    assert clinician.complaints == []


def test_red_finding_stands_before_the_groups(clinician) -> None:
    page = open_chart(clinician, SUICIDAL)
    cards = page.locator("section.cds")
    expect(cards.first).to_contain_text("Warning")
    clinician.picture("22-warning-card")
