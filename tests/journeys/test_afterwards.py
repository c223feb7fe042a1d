"""After the signature: an answer that was lost, and what became of it all."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Frame, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def faults(demo) -> Iterator[str]:
    """Where the EHR is told what to do wrong; it does all right again afterwards."""
    switches = f"{demo.ehr}/sandbox/faults"
    yield switches
    requests.delete(switches, timeout=10)


def signed(clinician, patient: str) -> Frame:
    frame = clinician.open_app(patient)
    frame.locator("input[name=program]").first.check()
    frame.locator("button[data-review]").click()
    frame.locator("input[name=agreement][value=named]").check()
    frame.locator("button[data-sign]").click()
    expect(frame.locator("h1")).to_contain_text("Signed")
    return frame


def test_lost_answer_is_unknown_until_it_is_found_and_nothing_is_sent_twice(
    clinician, faults: str
) -> None:
    patient = "Ambrose Fairweather-Knox"
    for fault in (
        {"effect": "drop_after", "on": "create", "type": "ServiceRequest", "times": 1},
        {"effect": "status", "on": "search", "type": "ServiceRequest", "code": 503},
    ):
        requests.post(faults, json=fault, timeout=10).raise_for_status()
    frame = signed(clinician, patient)
    expect(frame.locator("h1")).to_contain_text("unknown")
    expect(frame.locator(".filed")).to_contain_text("Unknown")
    clinician.picture("17-unknown")
    requests.delete(faults, timeout=10)
    expect(frame.locator("h1")).to_contain_text("Signed and filed.")
    clinician.picture("18-unknown-resolved")
    orders = clinician.chart(patient, "Orders")
    assert orders.count("Referral to support group") == 1


def test_outcome_is_recorded_with_three_answers(clinician) -> None:
    frame = signed(clinician, "Corwin Bellamy-Dash")
    frame.locator(".nav a", has_text="Follow-up").click()
    expect(frame.locator("main")).to_contain_text("waits for an answer")
    frame.locator("input[name=attended][value=yes]").check()
    frame.locator("input[name=times][value='3']").check()
    clinician.picture("19-follow-up")
    frame.get_by_role("button", name="Save outcome").click()
    expect(frame.get_by_role("status").first).to_contain_text("Saved.")
    expect(frame.locator("table")).to_contain_text("Went")
    clinician.picture("20-outcome-recorded")
