"""The evidence page, the guides for the visit, and their summary in the note."""

from typing import Any

import pytest

from plugin.knowledge.load import load_knowledge
from plugin.knowledge.texts import load_texts
from plugin.matching.recommendation import Recommendation
from plugin.screens.posted import Posted
from plugin.screens.texts.guide_view import answers_in, guide_note, guides_for

TEXTS = load_texts(load_knowledge())


@pytest.mark.parametrize(
    ("fields", "good", "wrong"),
    [
        pytest.param([("sum-minutes", "25")], {"minutes": "25"}, {}, id="number"),
        pytest.param([("sum-sure", "77")], {}, {"sure": "77"}, id="too-much"),
        pytest.param(
            [("sum-step", "  Call  on Friday ")],
            {"step": "Call on Friday"},
            {},
            id="line",
        ),
        pytest.param([("sum-review", "soon")], {}, {"review": "soon"}, id="no-date"),
        pytest.param([("sum-minutes", " ")], {}, {}, id="left-open"),
        pytest.param([("sum-diary", "all")], {}, {}, id="no-such-field"),
    ],
)
def test_summary_keeps_what_its_fields_take(
    fields: list[tuple[str, str]], good: dict[str, str], wrong: dict[str, str]
) -> None:
    guide = TEXTS.guide("ssc", "en")
    assert answers_in(Posted(fields), guide) == (good, wrong)


def test_note_takes_the_title_and_the_answered_fields_alone() -> None:
    lines = guide_note(TEXTS, "en", {"ssc": {"minutes": "25"}, "sbirt": {}})
    assert lines == (
        "One talk that counts: single-session consultation",
        "Minutes spent: 25",
    )


def test_note_leaves_out_what_no_guide_takes() -> None:
    assert guide_note(TEXTS, "en", {"ssc": {"sure": "77"}, "gone": {"a": "b"}}) == ()


def test_guides_follow_the_sessions_and_the_age(
    recommendation: Recommendation, empty: Recommendation
) -> None:
    ids = [guide.id for guide in guides_for(recommendation, TEXTS, "en")]
    assert ids == ["problem_solving"]
    assert guides_for(empty, TEXTS, "en") == []


@pytest.mark.slow
def test_evidence_page_tells_grades_concerns_and_limits(installed: Any) -> None:
    path = installed.launch()
    page = installed.client.get(f"{path}evidence/aa").text
    for said in ("Alcoholics Anonymous", "Is it religious?", "Sponsorship", "Sources"):
        assert said in page
    assert installed.client.get(f"{path}evidence/nowhere").status_code == 404


@pytest.mark.slow
def test_what_was_done_with_the_patient_is_recorded_as_said(installed: Any) -> None:
    path = installed.launch()
    page = f"{path}evidence/aa"
    patient = ("patient", installed.sandbox.patient_id("alcohol"))
    assert installed.client.get(page).status_code == 200
    kinds = {"discussed": "referral.discussed", "literature": "literature.given"}
    assert not any(installed.events(kind) for kind in kinds.values())
    for act, kind in kinds.items():
        answer = installed.post(page, [patient, ("act", act)])
        assert "Recorded: " in installed.client.get(answer.headers["location"]).text
        (event,) = installed.events(kind)
        assert event["detail"]["program"] == "aa"
        assert event["detail"]["sources"]
    assert installed.post(page, [patient, ("act", "x")]).status_code == 404
    assert (
        installed.post(page, [("patient", "x"), ("act", "discussed")]).status_code
        == 409
    )


@pytest.mark.slow
def test_guides_summary_goes_into_the_note_and_nothing_else(installed: Any) -> None:
    path = installed.launch()
    patient = ("patient", installed.sandbox.patient_id("alcohol"))
    assert "One hope" in installed.client.get(f"{path}guides/ssc").text
    answer = installed.post(
        f"{path}guides/ssc", [patient, ("sum-minutes", "25"), ("sum-sure", "8")]
    )
    assert answer.status_code == 303
    answer = installed.post(
        f"{path}choices", [patient, ("program", "aa"), ("do", "review")]
    )
    page = installed.client.get(answer.headers["location"]).text
    assert "Minutes spent: 25" in page
    assert "Confidence, 0 to 10: 8" in page
    wrong = installed.post(f"{path}guides/ssc", [patient, ("sum-sure", "77")])
    assert wrong.status_code == 422
    assert "From 0 to 10." in wrong.text
    assert installed.client.get(f"{path}guides/nowhere").status_code == 404
