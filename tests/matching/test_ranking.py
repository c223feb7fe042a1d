"""The score: its parts, its words, and who comes before whom."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from plugin.directory.meeting import Occurrence
from plugin.matching.recommendation import Preferences


def meeting(
    program: str,
    at: datetime,
    *,
    hours: float = 4,
    km: float | None = 1.0,
    attendance: Any = "in-person",
    tags: tuple[str, ...] = (),
) -> Occurrence:
    return Occurrence(
        id=f"{program}-1",
        feed="f",
        key="k",
        program=program,
        name="Evening group",
        starts=at + timedelta(hours=hours),
        minutes=60,
        attendance=attendance,
        km=km,
        tags=tags,
    )


def features(found: Any, program: str) -> dict[str, Any]:
    return {f.id: f for f in found.r.program(program).features}


def test_score_is_the_sum_of_its_parts(answer: Any) -> None:
    for program in answer(["F11.20", "F33.1"], {}, ["rx:1819"]).r.programs:
        total = sum(f.weight * f.value for f in program.features)
        assert program.score == pytest.approx(min(1, max(0, total)), abs=1e-4)


def test_weights_are_the_published_ones(knowledge: Any) -> None:
    assert dict(knowledge.weights.features) == {
        "need_fit": 0.45,
        "evidence": 0.20,
        "reach": 0.15,
        "preference": 0.10,
        "co_occurrence": 0.05,
        "specificity": 0.05,
    }
    assert (knowledge.weights.friendly, knowledge.weights.unsupportive) == (0.12, -0.08)


@pytest.mark.parametrize(
    ("conditions", "program", "expected"),
    [
        pytest.param(["F10.20"], "aa", 1.0, id="primary"),
        pytest.param(["F10.20"], "mara", 0.6, id="secondary"),
        pytest.param(["F50.011"], "anad", 0.3, id="adjunct"),
        pytest.param(["Z71.41"], "aa", 0.7, id="medium-confidence"),
        pytest.param(["Z71.41", "F12.20"], "smart", 1.0, id="further-need-clipped"),
        pytest.param(["F10.20", "F33.1"], "mara", 0.6, id="one-need-only"),
        pytest.param(
            ["F10.20", "F11.20", "F19.20", "F12.20"], "ca", 0.6, id="secondary-one"
        ),
        pytest.param(["F10.20", "F19.20"], "mara", 0.75, id="further-need-adds"),
    ],
)
def test_need_fit(
    answer: Any, conditions: list[Any], program: str, expected: float
) -> None:
    found = answer(conditions)
    assert features(found, program)["need_fit"].value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("program", "value"),
    [("aa", 1.0), ("smart", 0.75), ("itr", 0.25), ("phoenix", 0.25)],
)
def test_evidence_is_for_the_need(answer: Any, program: str, value: float) -> None:
    assert features(answer(["F10.20"]), program)["evidence"].value == value


def test_evidence_for_another_need_does_not_count(answer: Any) -> None:
    # SMART has grade B for alcohol, and no study for gaming.
    found = answer(["sct:735551007"])
    assert found.r.program("smart").evidence.grade == "D"


@pytest.mark.parametrize(
    ("said", "value"),
    [
        pytest.param({"hours": 4, "km": 1}, 1.0, id="soon-and-near"),
        pytest.param({"hours": 48, "km": 10}, 1.0, id="at-both-bounds"),
        pytest.param({"hours": 192, "km": 1}, 0.5, id="in-eight-days"),
        pytest.param({"hours": 4, "km": 30}, 0.5, id="thirty-km"),
        pytest.param({"hours": 4, "km": 50}, 0.0, id="fifty-km"),
        pytest.param({"hours": 336, "km": 1}, 0.0, id="in-a-fortnight"),
        pytest.param(
            {"hours": 4, "km": None, "attendance": "online"}, 1.0, id="online"
        ),
        pytest.param({"hours": 4, "km": 49, "attendance": "hybrid"}, 1.0, id="hybrid"),
        pytest.param({"hours": 4, "km": None}, 0.5, id="distance-unknown"),
    ],
)
def test_reach(
    answer: Any, directory: Any, at: datetime, said: dict[str, Any], value: float
) -> None:
    directory.meetings = {"aa": [meeting("aa", at, **said)]}
    reach = features(answer(["F10.20"], find=directory.find), "aa")["reach"]
    assert (reach.value, reach.known) == (pytest.approx(value), True)


def test_reach_without_a_meeting_is_neutral_and_says_so(answer: Any) -> None:
    reach = features(answer(["F10.20"]), "aa")["reach"]
    assert (reach.value, reach.known) == (0.5, False)
    assert "not known" in reach.text


@pytest.mark.parametrize(
    ("wishes", "program", "value"),
    [
        pytest.param({}, "aa", 0.5, id="none-stated"),
        pytest.param({"spiritual": "secular_only"}, "smart", 1.0, id="secular"),
        pytest.param(
            {"spiritual": "secular_only"}, "mara", 0.0, id="optional-is-not-secular"
        ),
        pytest.param({"spiritual": "spiritual_ok"}, "aa", 1.0, id="spiritual"),
        pytest.param({"spiritual": "faith"}, "celebrate", 1.0, id="faith"),
        pytest.param({"spiritual": "faith"}, "aa", 0.0, id="faith-not-met"),
        pytest.param({"modality": "online"}, "aa", 1.0, id="online"),
        pytest.param({"modality": "in-person"}, "aa", 1.0, id="in-person"),
        pytest.param({"language": "es"}, "aa", 1.0, id="language"),
        pytest.param({"lgbtq": True}, "aa", 1.0, id="lgbtq"),
        pytest.param({"lgbtq": True}, "lifering", 0.0, id="lgbtq-not-met"),
        pytest.param({"lgbtq": True, "beginners": True}, "smart", 0.5, id="half-met"),
        pytest.param({"young_people": True}, "smart", 1.0, id="young-people"),
        pytest.param({"men": True}, "aa", 1.0, id="men"),
        pytest.param({"veterans": True}, "aa", 0.0, id="veterans-not-met"),
    ],
)
def test_preference(
    answer: Any, wishes: dict[str, Any], program: str, value: float
) -> None:
    found = answer(["F10.20"], wishes=Preferences(**wishes))
    assert features(found, program)["preference"].value == value


def test_meeting_for_a_group_meets_the_wish(
    answer: Any, directory: Any, at: datetime
) -> None:
    directory.meetings = {"lifering": [meeting("lifering", at, tags=("LGBTQ",))]}
    found = answer(["F10.20"], wishes=Preferences(lgbtq=True), find=directory.find)
    assert features(found, "lifering")["preference"].value == 1.0


def test_co_occurrence_prefers_dual_focus(answer: Any) -> None:
    found = answer(["F10.20", "F33.1"])
    values = {
        p: features(found, p)["co_occurrence"].value
        for p in ("dra", "smart", "aa", "dbsa")
    }
    assert values == {"dra": 1.0, "smart": 0.6, "aa": 0.3, "dbsa": 0.0}
    assert features(answer(["F10.20"]), "aa")["co_occurrence"].value == 0.5


def test_few_needs_are_specific(answer: Any) -> None:
    found = answer(["F12.20"])
    assert features(found, "ma")["specificity"].value == 1.0
    assert features(found, "smart")["specificity"].value < 0.3


@pytest.mark.parametrize(
    ("conditions", "medicines", "program", "points"),
    [
        pytest.param(["F11.20"], [], "mara", 0.12, id="friendly-for-opioid"),
        pytest.param(["F11.20"], [], "ha", -0.08, id="unsupportive"),
        pytest.param(["F11.20"], [], "na", -0.08, id="limits"),
        pytest.param(["F11.20"], [], "refuge", 0, id="varies"),
        pytest.param(
            ["F10.20"], ["rx:1819"], "smart", 0.12, id="medicine-makes-it-matter"
        ),
        pytest.param(["F10.20"], [], "smart", 0, id="R14-does-not-matter"),
        pytest.param(["F10.20"], ["rx:7243"], "smart", 0, id="R14-naltrexone-alone"),
        pytest.param(["F20.9"], [], "spaa", 0.12, id="psychosis"),
        pytest.param(
            ["F33.1"], ["Sertraline 50 MG"], "dbsa", 0.12, id="antidepressant"
        ),
        pytest.param(
            ["F33.1"], ["Sertraline 50 MG"], "ea", 0, id="R14-neutral-no-bonus"
        ),
        pytest.param(["F33.1"], [], "dbsa", 0, id="R14-no-medicine"),
    ],
)
def test_medication_counts_only_where_it_matters(
    answer: Any,
    conditions: list[Any],
    medicines: list[str],
    program: str,
    points: float,
) -> None:
    found = features(answer(conditions, {}, medicines), program).get("medication")
    assert (found.weight * found.value if found else 0) == points


def test_R14_grade_A_tonight_is_not_outranked(
    answer: Any, directory: Any, at: datetime
) -> None:
    directory.meetings = {
        "aa": [meeting("aa", at, hours=4)],
        "smart": [meeting("smart", at, hours=4)],
    }
    assert answer(["F10.20"], find=directory.find).programs[0] == "aa"


def test_ties_go_to_the_founding_paper_and_then_by_name(answer: Any) -> None:
    found = answer(["F50.21"]).r.programs
    scores = {p.id: p.score for p in found}
    assert scores["anad"] == scores["eda"]
    assert [p.id for p in found].index("anad") < [p.id for p in found].index("eda")


def test_programme_of_the_founding_paper_wins_a_tie(answer: Any, altered: Any) -> None:
    ids = answer(["F50.21"], rules=altered({"eda": {"featured": True}})).programs
    assert ids.index("eda") < ids.index("anad")


def test_weight_of_a_site_scales_the_score(answer: Any, altered: Any) -> None:
    whole = answer(["F10.20"]).r.program("aa").score
    half = answer(["F10.20"], rules=altered({"aa": {"weight": 0.5}}))
    assert half.r.program("aa").score == pytest.approx(whole / 2, abs=1e-4)


@pytest.mark.parametrize(
    ("conditions", "program", "word"),
    [
        pytest.param(["F10.20"], "aa", "strong", id="strong"),
        pytest.param(["F10.20"], "itr", "good", id="good"),
        pytest.param(["F10.20"], "mara", "fair", id="fair"),
    ],
)
def test_R14_fit_is_shown_in_words(
    answer: Any, conditions: list[Any], program: str, word: str
) -> None:
    assert answer(conditions).r.program(program).fit == word
