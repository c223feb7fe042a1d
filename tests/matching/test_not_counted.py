"""What the chart has and does not count is said, with the reason."""

from typing import Any

import pytest

from plugin.matching.as_json import recommendation_json


def named(text: str, **status: str) -> dict[str, Any]:
    return {"codes": ["F10.20"], "text": text, **status}


@pytest.mark.parametrize(
    ("problem", "note"),
    [
        pytest.param(
            named("Alcohol dependence", clinical="resolved"),
            "Resolved, so history and counted as no need: "
            "Alcohol dependence (Condition/1).",
            id="P06-resolved",
        ),
        pytest.param(
            named("Alcohol dependence", verification="refuted"),
            "Refuted, so not counted: Alcohol dependence (Condition/1).",
            id="P06-refuted",
        ),
        pytest.param(
            named("Somebody else's", verification="entered-in-error"),
            "Entered in error, so not counted: Condition/1.",
            id="P06-entered-in-error",
        ),
    ],
)
def test_what_is_not_counted_leaves_a_note(
    answer: Any, problem: dict[str, Any], note: str
) -> None:
    found = answer([problem]).r
    assert found.needs == ()
    assert note in found.notes
    assert note in recommendation_json(found)["notes"]


def test_a_resolved_need_is_named_before_other_resolved_problems(answer: Any) -> None:
    others = [{"codes": ["J06.9"], "text": "Cold", "clinical": "resolved"}] * 4
    found = answer([*others, named("Alcohol dependence", clinical="resolved")])
    (note,) = [n for n in found.r.notes if n.startswith("Resolved")]
    assert note.startswith(
        "Resolved, so history and counted as no need: Alcohol dependence"
    )
    assert note.endswith(" and 2 more.")


def test_an_empty_chart_has_no_such_note(answer: Any) -> None:
    assert not [n for n in answer([]).r.notes if "counted" in n]


def test_a_questioned_line_stands_beside_a_sure_one(answer: Any) -> None:
    sure = {"codes": ["F33.1"], "text": "Depression"}
    unsure = {"codes": ["F32.1"], "text": "Low", "verification": "provisional"}
    found = answer([sure, unsure])
    need = found.need("depression")
    assert (need.stage, need.confidence) == ("active", 1.0)
    assert [b.display for b in need.because] == ["Depression", "Low (unconfirmed?)"]
    assert [b.resource for b in need.sure_lines] == ["Condition/1"]
    program = found.r.program("dbsa")
    assert "F32.1" not in program.reasons[0]
    assert [b.resource for b in program.because] == ["Condition/1"]


def test_a_questioned_line_alone_derives_nothing_beside_a_sure_one(
    answer: Any,
) -> None:
    both = {"codes": ["F10.20", "F33.1"], "text": "Alcohol and mood"}
    unsure = {"codes": ["F33.1"], "text": "Low", "verification": "differential"}
    assert "dual_diagnosis" not in answer([both, unsure]).stages


def test_a_reason_names_icd_codes_and_otherwise_the_words(answer: Any) -> None:
    snomed = {
        "codes": ["sct:66590003"],
        "text": "Alcohol dependence (disorder)",
    }
    reason = answer([snomed]).r.program("aa").reasons[0]
    assert reason == "Built for alcohol use disorder (Alcohol dependence)."
    assert "(F10.20)" in answer(["F10.20"]).r.program("aa").reasons[0]
