"""Filed, followed up, handed out."""

from typing import Any

import pytest

OURS = {"origin": "https://app.test", "idempotency-key": "k"}

# Each runs the whole app against a sandbox EHR.
pytestmark = pytest.mark.slow


@pytest.fixture
def referral(installed: Any) -> tuple[str, str]:
    """A signed referral: the launch's path and the referral's id."""
    path = installed.launch()
    meeting = installed.client.get(f"{path}api/recommendation").json()
    programs = {p["id"]: p for p in meeting["programs"]}
    answer = installed.client.post(
        f"{path}api/referrals",
        json={
            "choices": [
                {"program": "aa", "meeting": programs["aa"]["meetings"][0]["id"]}
            ],
            "note": "Agreed to try a group.",
            "patient": installed.sandbox.patient_id("alcohol"),
            "acknowledged": [],
            "agreement": "named",
        },
        headers=OURS,
    )
    assert answer.status_code == 201, answer.text
    return path, answer.json()["id"]


def test_filed_page_shows_each_part_and_changes(
    installed: Any, referral: tuple[str, str]
) -> None:
    path, made = referral
    page = installed.client.get(f"{path}referrals/{made}").text
    assert "Signed. It is being written." in page
    assert 'data-settled="no"' in page
    installed.write_everything()
    part = installed.client.get(f"{path}referrals/{made}/state").text
    assert "Signed and filed." in part
    assert "ServiceRequest/" in part
    assert "<html" not in part


def test_refused_part_is_told_in_the_ehrs_words(
    installed: Any, referral: tuple[str, str]
) -> None:
    path, made = referral
    words = "<b>No notes</b> today"
    installed.sandbox.set_flavour("read-only")
    installed.write_everything()
    page = installed.client.get(f"{path}referrals/{made}").text
    assert "Refused" in page or "Held" in page
    assert words not in page


def test_outcome_moves_the_referral_to_earlier(
    installed: Any, referral: tuple[str, str]
) -> None:
    path, made = referral
    page = installed.client.get(f"{path}referrals").text
    assert "1 referral waits for an answer." in page
    answer = installed.post(
        f"{path}referrals/{made}/outcome",
        [
            ("patient", installed.sandbox.patient_id("alcohol")),
            ("attended", "tried"),
            ("reason", "travel"),
        ],
    )
    assert answer.status_code == 303, answer.text
    page = installed.client.get(answer.headers["location"]).text
    assert "Saved." in page
    assert "Tried, not for me. Travel" in page
    assert "No referral waits for an answer." in page


def test_outcome_without_an_answer_says_so(
    installed: Any, referral: tuple[str, str]
) -> None:
    path, made = referral
    patient = ("patient", installed.sandbox.patient_id("alcohol"))
    answer = installed.post(f"{path}referrals/{made}/outcome", [patient])
    assert answer.status_code == 422
    assert "Choose how it went first." in answer.text


@pytest.mark.parametrize(
    ("query", "says", "says_not"),
    [
        pytest.param("?lang=en", "Alcoholics Anonymous", "Avery", id="no-name"),
        pytest.param("?lang=en&names=off", "Lantern House", "Alcoholics", id="neutral"),
        pytest.param(
            "?lang=es", "Siga tomando su medicina", "Keep taking", id="spanish"
        ),
        pytest.param("?lang=xx", "Keep taking your medicine", "Avery", id="unknown"),
    ],
)
def test_hand_out_says_where_to_go_and_no_name(
    installed: Any,
    referral: tuple[str, str],
    query: str,
    says: str,
    says_not: str,
) -> None:
    path, made = referral
    paper = installed.client.get(f"{path}referrals/{made}/handout{query}").text
    assert says in paper
    assert says_not not in paper
    assert "988" in paper
    assert "F10" not in paper
    assert len(installed.events("handout.given")) == 1


def test_R10_neutral_safety_line_stands_on_every_hand_out(
    installed: Any, referral: tuple[str, str]
) -> None:
    path, made = referral
    for query in ("", "?names=off"):
        paper = installed.client.get(f"{path}referrals/{made}/handout{query}").text
        assert (
            "Do not suddenly stop anything you take or use every day. Call us first."
        ) in paper
