"""From the first screen to a signed referral, as a browser without a script does it."""

import html
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

# Each runs the whole app against a sandbox EHR.
pytestmark = pytest.mark.slow


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no field {name}"
    return found[1]


def chosen(installed: Any, path: str, *programs: str, **more: str) -> str:
    """Tick groups and press Review. Gives the text of the second page."""
    page = installed.client.get(path).text
    fields = [
        ("patient", field(page, "patient")),
        ("do", "review"),
        *[("program", p) for p in programs],
        *more.items(),
    ]
    answer = installed.post(f"{path}choices", fields)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == f"{path}sign"
    second: str = installed.client.get(f"{path}sign").text
    return second


def signed(installed: Any, path: str, page: str, agreement: str, **more: str) -> Any:
    note = re.search(r'id="note"[^>]*>\n(.*?)</textarea>', page, re.S)
    fields = {
        "patient": field(page, "patient"),
        "key": field(page, "key"),
        "do": "sign",
        "agreement": agreement,
        "note": html.unescape(note[1]) if note else "",
    } | more
    return installed.post(f"{path}sign", list(fields.items()))


def test_default_path_signs_and_files(installed: Any) -> None:
    path = installed.launch()
    page = chosen(installed, path, "aa", "smart")
    assert "Chosen with the patient" in page
    assert "No risk codes found" not in page  # that line is for the screen only
    assert "Condition/" not in page  # problems stand there in words
    answer = signed(installed, path, page, "named")
    assert answer.status_code == 303, answer.text
    filed = installed.client.get(answer.headers["location"]).text
    assert "Signed. It is being written." in filed
    installed.write_everything()
    filed = installed.client.get(answer.headers["location"]).text
    assert "Signed and filed." in filed
    assert 'data-settled="yes"' in filed
    patient = installed.sandbox.patient_id("alcohol")
    orders = installed.sandbox.resources("ServiceRequest", "alcohol")
    notes = installed.sandbox.resources("DocumentReference", "alcohol")
    assert (len(orders), len(notes)) == (2, 1)
    assert orders[0]["subject"]["reference"] == f"Patient/{patient}"


def plan_lines(page: str) -> list[tuple[str, ...]]:
    """Of each line of a plan: when, what, who."""
    listed = re.search(r'<ol class="dates">(.*?)</ol>', page, re.S)
    assert listed
    return [
        tuple(html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in cells)
        for cells in re.findall(
            r"<li>(<strong>.*?</strong>)(<span>.*?</span>)(<span.*?</span>)</li>",
            listed[1],
        )
    ]


def test_active_referral_stands_on_both_pages_with_owner_and_day(
    installed: Any,
) -> None:
    path = installed.launch()
    page = chosen(installed, path, "aa")
    lines = plan_lines(page)
    assert [who for _, _, who in lines[:3]] == ["clinician", "patient", "clinician"]
    assert any("With consent, call the group" in what for _, what, _ in lines)
    assert any("sponsor" in what for _, what, _ in lines)
    when, _, who = next(x for x in lines if x[1].startswith("Call: did the patient go"))
    assert who == "clinic staff"
    assert "Timko" in page
    without = plan_lines(chosen(installed, path, "smart"))
    assert not any("sponsor" in what for _, what, _ in without)
    page = chosen(installed, path, "aa")
    answer = signed(installed, path, page, "named")
    filed = plan_lines(installed.client.get(answer.headers["location"]).text)
    assert (when, "clinic staff") in [(w, o) for w, _, o in filed]
    assert not any("Ask if you may talk" in what for _, what, _ in filed)
    assert filed[-1][0] == "Next visit"
    assert filed[0][1].startswith("Alcoholics Anonymous")


def test_P09_second_press_of_sign_is_the_same_signature(installed: Any) -> None:
    path = installed.launch()
    page = chosen(installed, path, "aa")
    first = signed(installed, path, page, "named")
    second = signed(installed, path, page, "named")
    assert first.headers["location"] == second.headers["location"]
    installed.write_everything()
    assert len(installed.sandbox.resources("ServiceRequest", "alcohol")) == 1


def test_P09_many_presses_at_once_sign_once(installed: Any) -> None:
    path = installed.launch()
    page = chosen(installed, path, "aa")
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: signed(installed, path, page, "named"), range(8))
        )
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len(installed.client.get(f"{path}api/referrals").json()) == 1


def test_old_page_does_not_sign_what_was_chosen_since(installed: Any) -> None:
    path = installed.launch()
    old = chosen(installed, path, "aa")
    chosen(installed, path, "smart")
    answer = signed(installed, path, old, "named")
    assert answer.status_code == 409
    assert installed.client.get(f"{path}api/referrals").json() == []


def test_unnamed_files_the_draft_without_names(installed: Any) -> None:
    path = installed.launch()
    page = chosen(installed, path, "aa")
    answer = signed(installed, path, page, "unnamed")
    assert answer.status_code == 303, answer.text
    referral = answer.headers["location"].rsplit("/", 1)[1]
    note = installed.house.ledger.referral(referral).signed.note
    assert "Alcoholics" not in note
    assert "F10" not in note


def test_unnamed_with_a_name_in_the_note_is_held_up(installed: Any) -> None:
    path = installed.launch()
    page = chosen(installed, path, "aa")
    answer = signed(
        installed, path, page, "unnamed", note="Goes to Alcoholics Anonymous."
    )
    assert answer.status_code == 422
    assert "The patient agreed to no names" in answer.text
    assert "Goes to Alcoholics Anonymous." in answer.text  # what was typed is kept


def test_sign_says_what_is_missing(installed: Any) -> None:
    path = installed.launch()
    page = chosen(installed, path, "aa")
    answer = signed(installed, path, page, "")
    assert answer.status_code == 422
    assert "Choose what the patient agreed to." in answer.text
    assert 'role="alert"' in answer.text


def test_review_without_a_choice_says_so(installed: Any) -> None:
    path = installed.launch()
    page = installed.client.get(path).text
    answer = installed.post(
        f"{path}choices", [("patient", field(page, "patient")), ("do", "review")]
    )
    assert answer.status_code == 422
    assert "Choose a group first" in answer.text


def test_a_third_choice_is_refused(installed: Any) -> None:
    path = installed.launch()
    page = installed.client.get(path).text
    fields = [("patient", field(page, "patient")), ("do", "review")]
    fields += [("program", p) for p in ("aa", "smart", "lifering")]
    answer = installed.post(f"{path}choices", fields)
    assert answer.status_code == 422
    assert "Two at most" in answer.text


def test_red_warning_is_answered_before_sign(installed: Any) -> None:
    path = installed.launch("gambling")
    first = installed.client.get(path).text
    assert "Filing waits for your answer" in first
    page = chosen(installed, path, "ga")
    assert 'name="did-S1"' in page
    held = signed(installed, path, page, "named")
    assert held.status_code == 422
    assert "Write what was done, and give a follow-up date." in held.text
    answers = {"did-S1": "Assessed; safety plan made.", "follow-S1": "2999-01-05"}
    answer = signed(installed, path, page, "named", **answers)
    assert answer.status_code == 303, answer.text
    acknowledged = installed.events("warning.acknowledged")
    assert {e["detail"]["warning"] for e in acknowledged} >= {"S1"}


def test_red_warning_needs_its_date_too(installed: Any) -> None:
    path = installed.launch("gambling")
    page = chosen(installed, path, "ga", **{"did-S1": "Assessed."})
    assert 'value="Assessed."' in page
    held = signed(installed, path, page, "named", **{"did-S1": "Assessed."})
    assert held.status_code == 422
    assert "Give the date of the follow-up." in held.text


def test_declined_is_recorded_and_writes_nothing(installed: Any) -> None:
    path = installed.launch()
    page = installed.client.get(path).text
    answer = installed.post(
        f"{path}choices", [("patient", field(page, "patient")), ("do", "decline")]
    )
    page = installed.client.get(answer.headers["location"]).text
    answer = signed(installed, path, page, "declined", reason="not_ready")
    assert answer.status_code == 303, answer.text
    assert "Recorded: not now" in installed.client.get(answer.headers["location"]).text
    assert len(installed.events("referral.declined")) == 1
    assert installed.sandbox.resources("DocumentReference", "alcohol") == []


def test_handout_only_gives_the_hand_out(installed: Any) -> None:
    path = installed.launch()
    page = chosen(installed, path, "aa")
    answer = signed(installed, path, page, "handout_only")
    assert answer.headers["location"] == f"{path}handout"
    paper = installed.client.get(f"{path}handout").text
    assert "Alcoholics Anonymous" in paper
    assert "Avery" not in paper
    assert installed.client.get(f"{path}api/referrals").json() == []


def test_read_only_ehr_offers_hand_out_and_text(installed: Any) -> None:
    path = installed.launch(tenant="read-only")
    page = chosen(installed, path, "aa")
    assert 'value="named"' not in page
    assert "Hand-out only" in page
    assert "Not written" in page
    assert page.count("This EHR takes no notes from apps") == 1
    assert "Without names: where this text" not in page
    assert "In the record system that opened this app." not in page


def test_note_only_ehr_carries_the_referral_in_the_note(installed: Any) -> None:
    path = installed.launch(tenant="epic")
    page = chosen(installed, path, "aa")
    assert "the referral is carried in the note" in page
    answer = signed(installed, path, page, "named")
    installed.write_everything()
    filed = installed.client.get(answer.headers["location"]).text
    assert "Signed and filed." in filed


def test_P03_another_patients_form_is_refused_and_noted(installed: Any) -> None:
    path = installed.launch()
    page = chosen(installed, path, "aa")
    answer = signed(installed, path, page, "named", patient="someone-else")
    assert answer.status_code == 409
    assert "another patient" in answer.text
    assert installed.events("security.rejected")[0]["detail"]["reason"]


def test_P01_two_tabs_file_to_their_own_patients(installed: Any) -> None:
    first, second = installed.launch("alcohol"), installed.launch("opioid")
    page_one = chosen(installed, first, "aa")
    page_two = chosen(installed, second, "smart")
    signed(installed, first, page_one, "named")
    signed(installed, second, page_two, "named")
    installed.write_everything()
    for key in ("alcohol", "opioid"):
        orders = installed.sandbox.resources("ServiceRequest", key)
        assert len(orders) == 1


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param([("spiritual", "secular_only")], "Not spiritual", id="secular"),
        pytest.param([("modality", "online")], "Online", id="online"),
        pytest.param([("wish", "veterans")], "Veterans", id="veterans"),
    ],
)
def test_preferences_rank_again_and_stay(
    installed: Any, fields: list[tuple[str, str]], says: str
) -> None:
    path = installed.launch()
    page = installed.client.get(path).text
    answer = installed.post(
        f"{path}choices",
        [("patient", field(page, "patient")), ("do", "update"), *fields],
    )
    assert answer.headers["location"] == path
    again = installed.client.get(path).text
    assert f'<span class="meta">{says}</span>' in again
    assert len(installed.events("preferences.changed")) == 1


def test_need_taken_out_is_left_out_and_can_come_back(installed: Any) -> None:
    path = installed.launch()
    page = installed.client.get(path).text
    needs = re.findall(r'name="need" value="(\w+)" checked', page)
    shown = [("need-shown", n) for n in re.findall(r'name="need" value="(\w+)"', page)]
    patient = ("patient", field(page, "patient"))
    kept = [("need", n) for n in needs if n != "alcohol"]
    installed.post(f"{path}choices", [patient, ("do", "update"), *shown, *kept])
    body = installed.client.get(f"{path}api/recommendation").json()
    assert "alcohol" not in {n["id"] for n in body["needs"]}
    again = installed.client.get(path).text
    assert 'name="need" value="alcohol">' in again
    installed.post(
        f"{path}choices",
        [patient, ("do", "update"), *shown, *[("need", n) for n in needs]],
    )
    body = installed.client.get(f"{path}api/recommendation").json()
    assert "alcohol" in {n["id"] for n in body["needs"]}


def test_group_left_out_keeps_its_reason(installed: Any) -> None:
    path = installed.launch()
    page = installed.client.get(path).text
    group = field(page, "program")
    patient = ("patient", field(page, "patient"))
    why = (f"not-{group}", "Tried it twice")
    installed.post(f"{path}choices", [patient, ("do", f"leave:{group}"), why])
    again = installed.client.get(path).text
    assert f'id="pick-{group}"' not in again
    assert "Tried it twice" in again
    installed.post(f"{path}choices", [patient, ("do", f"back:{group}")])
    assert f'id="pick-{group}"' in installed.client.get(path).text


def test_need_is_added_by_hand_and_taken_out_again(installed: Any) -> None:
    path = installed.launch()
    page = installed.client.get(path).text
    patient = ("patient", field(page, "patient"))
    fields = [patient, ("do", "update"), ("need-new", "gambling")]
    installed.post(f"{path}choices", [*fields, *shown_needs(page)])
    again = installed.client.get(path).text
    assert 'name="need" value="gambling" checked' in again
    assert "Gamblers Anonymous" in again
    kept = [f for f in shown_needs(again) if f != ("need", "gambling")]
    installed.post(f"{path}choices", [patient, ("do", "update"), *kept])
    assert 'value="gambling" checked' not in installed.client.get(path).text


def test_P10_earlier_referral_is_shown_before_signing(installed: Any) -> None:
    path = installed.launch()
    page = chosen(installed, path, "aa")
    assert "Already referred:" not in page
    signed(installed, path, page, "named")
    page = chosen(installed, path, "aa")
    assert "Already referred:" in page
    assert "Alcoholics Anonymous" in page.split("Already referred:")[1]
    second = signed(installed, path, page, "named")
    assert second.status_code == 303
    assert len(installed.client.get(f"{path}api/referrals").json()) == 2


def test_P11_meeting_that_is_gone_is_chosen_again(
    installed: Any, tmp_path: Path, fill_directory: Callable[..., None]
) -> None:
    path = installed.launch()
    page = chosen(installed, path, "aa")
    fill_directory(installed.house, tmp_path, names=("aa",), rows=1)
    answer = signed(installed, path, page, "named")
    assert answer.status_code == 409
    assert "cancelled or moved" in answer.text
    assert installed.client.get(f"{path}api/referrals").json() == []


def shown_needs(page: str) -> list[tuple[str, str]]:
    """What the form sends of the needs as they are ticked."""
    every = re.findall(r'name="need" value="(\w+)"( checked)?', page)
    fields = [("need-shown", need) for need, _ in every]
    return fields + [("need", need) for need, ticked in every if ticked]


def test_R6_where_a_proxy_may_read_the_record_nothing_is_named(
    make_installed: Any,
) -> None:
    app = make_installed(proxy_reads_notes="all")
    path = app.launch()
    page = chosen(app, path, "aa")
    assert "a family member or carer may read the record" in page
    assert signed(app, path, page, "unnamed").status_code == 303
    app.write_everything()
    (order,) = app.sandbox.resources("ServiceRequest", "alcohol")
    assert not {"orderDetail", "reasonReference", "occurrenceDateTime"} & order.keys()
