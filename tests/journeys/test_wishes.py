"""What the patient wants decides what is offered, and what is written."""

import re

import pytest
from playwright.sync_api import Frame, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]


def rank_again(frame: Frame) -> None:
    with frame.expect_navigation():
        frame.locator(".under > button[value=update]").click()


def test_secular_wish_leaves_only_groups_without_faith(clinician) -> None:
    frame = clinician.open_app("Marcus Avery", "/athena")
    before = frame.locator(".groups .approach").all_inner_texts()
    assert not all("secular" in approach.lower() for approach in before)
    frame.locator("#spiritual").select_option("secular_only")
    rank_again(frame)
    after = frame.locator(".groups .approach").all_inner_texts()
    assert after
    assert all("secular" in approach.lower() for approach in after)
    frame.locator("summary", has_text="left out, with reasons").click()
    expect(frame.locator("main")).to_contain_text("Alcoholics Anonymous")
    clinician.picture("13-secular")


def test_online_wish_leaves_only_meetings_that_are_joined_from_home(clinician) -> None:
    frame = clinician.open_app("Delphine Rask", "/athena")
    frame.locator("#modality").select_option("online")
    rank_again(frame)
    places = frame.locator(".groups .next [data-where]").all_inner_texts()
    assert places
    for place in places:
        assert re.match("Online|In person or online|Ask|The group keeps", place), place
    clinician.picture("14-online-only")


def test_part_2_is_said_before_it_is_agreed_and_stands_in_the_note(clinician) -> None:
    patient = "Delphine Rask"
    frame = clinician.open_app(patient, "/oracle")
    frame.locator("input[name=program]").first.check()
    frame.locator("button[data-review]").click()
    expect(frame.locator("#agreement")).to_contain_text("42 CFR Part 2")
    expect(frame.locator("#agreement")).to_contain_text("no written consent")
    clinician.picture("15-part-2")
    frame.locator("input[name=agreement][value=named]").check()
    frame.locator("button[data-sign]").click()
    expect(frame.locator("h1")).to_contain_text("Signed and filed.")
    notes = clinician.chart(patient, "Notes", "/oracle")
    assert "42 CFR part 2 prohibits unauthorized use or disclosure" in notes


def test_spanish_speaking_patient_takes_a_spanish_page_home(clinician) -> None:
    frame = clinician.open_app("Inocencio Valdemar Ruiz", "/readonly")
    frame.locator("input[name=program]").first.check()
    frame.locator("button[data-review]").click()
    frame.locator("input[name=agreement][value=handout_only]").check()
    frame.locator("button[data-sign]").click()
    paper = frame.locator(".paper")
    expect(paper).to_contain_text("Siga tomando su medicina")
    expect(paper).to_contain_text("988")
    expect(paper).not_to_contain_text("Inocencio")
    assert frame.locator("html").get_attribute("lang") == "es"
    expect(frame.locator(".printbar")).to_contain_text("Large type")
    clinician.picture("16-hand-out-in-spanish")
