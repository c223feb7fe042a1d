"""Charts as they should not be: an answer or a clear reason, never a silent drop."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from plugin.chart.bundle import chart_from_bundle


def score_on(loinc: str, value: float, on: str, number: int = 1) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"s{number}",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "valueQuantity": {"value": value},
        **({"effectiveDateTime": on} if on else {}),
    }


def notes(found: Any) -> str:
    return " | ".join(found.r.notes)


# -- codes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("icd:f10.20", id="small-letters"),
        pytest.param("icd:F1020", id="no-dot"),
        pytest.param("icd:f1020", id="neither"),
        pytest.param("icd: F10.20 ", id="spaces"),
        pytest.param("icd:F1.020", id="dot-in-another-place"),
        pytest.param("icd:F10-20", id="a-dash-for-the-dot"),
        pytest.param("icd:F10.20*", id="asterisk"),
        pytest.param("none:F10.20", id="no-system"),
        pytest.param("none:f1020", id="no-system-small-no-dot"),
        pytest.param("none:66590003", id="no-system-snomed"),
        pytest.param("sct: 66590003", id="snomed-with-a-space"),
    ],
)
def test_code_is_known_however_it_is_written(answer: Any, written: str) -> None:
    found = answer([{"codes": [written]}])
    assert found.stages == {"alcohol": "active"}
    assert found.levels == {"S6b": "amber", "S16": "info"}


@pytest.mark.parametrize("code", ["66590003", "F10.20"])
def test_code_under_the_wrong_system_is_asked_about(answer: Any, code: str) -> None:
    wrong = "icd" if code.isdigit() else "sct"
    found = answer([{"codes": [f"{wrong}:{code}"]}])
    assert found.stages == {"alcohol": "ask"}
    assert "another code system" in found.need("alcohol").question
    assert "has not the form of the system it names: Condition/1" in notes(found)
    assert found.levels["S6b"] == "amber"


def test_risk_under_the_wrong_system_still_warns(answer: Any) -> None:
    found = answer([{"codes": ["sct:R45.851"]}])
    assert found.levels["S1"] == "red"
    assert "unconfirmed?" in found.warning("S1").because[0].display


def test_code_of_an_unknown_system_is_shown_with_the_reason(answer: Any) -> None:
    found = answer([{"codes": ["local:F10.20"], "text": "seen in clinic"}])
    assert found.stages == {}
    assert [u.resource for u in found.r.unmapped] == ["Condition/1"]
    assert "not known here, read by its words alone: Condition/1" in notes(found)


def test_code_of_an_unknown_system_beside_a_known_one_is_no_doubt(answer: Any) -> None:
    found = answer([{"codes": ["local:123", "F10.20"]}])
    assert found.stages == {"alcohol": "active"}
    assert "not known here" not in notes(found)


def test_many_of_an_unknown_system_are_counted(answer: Any) -> None:
    found = answer([{"codes": [f"local:x{n}"]} for n in range(5)])
    assert "Condition/1, Condition/2, Condition/3 and 2 more." in notes(found)


def test_block_of_codes_is_no_diagnosis(answer: Any) -> None:
    found = answer(["F10-F19"])
    assert (found.stages, found.levels) == ({}, {})
    assert [u.code for u in found.r.unmapped] == ["F10-F19"]


def test_code_too_short_for_a_diagnosis_is_shown(answer: Any) -> None:
    assert [u.code for u in answer(["F1"]).r.unmapped] == ["F1"]


# -- both systems on one problem -----------------------------------------------------


def test_systems_that_disagree_are_both_said_and_asked(answer: Any) -> None:
    found = answer([{"codes": ["icd:F41.1", "sct:66590003"]}])
    assert found.stages == {"alcohol": "active", "anxiety": "active"}
    assert "Condition/1: its codes disagree (Alcohol use disorder" in notes(found)


def test_systems_that_disagree_make_no_dual_diagnosis(answer: Any) -> None:
    one = answer([{"codes": ["icd:F10.20", "sct:35489007"]}])
    two = answer(["F10.20", "sct:35489007"])
    assert "dual_diagnosis" not in one.stages
    assert "dual_diagnosis" in two.stages


def test_systems_that_agree_say_nothing(answer: Any) -> None:
    assert "disagree" not in notes(answer([{"codes": ["F10.20", "sct:66590003"]}]))


def test_systems_that_disagree_on_remission_are_asked(answer: Any) -> None:
    found = answer([{"codes": ["F10.20", "sct:191813001"]}])
    assert "Condition/1: one code says remission, another does not" in notes(found)


def test_one_system_that_says_nothing_does_not_silence_the_other(answer: Any) -> None:
    found = answer([{"codes": ["Z00.00", "sct:66590003"]}])
    assert found.stages == {"alcohol": "active"}


# -- dates and ages ------------------------------------------------------------------


def test_problem_dated_ahead_counts_and_is_said(answer: Any) -> None:
    found = answer([{"codes": ["T40.1X1A"], "on": "2031-01-01"}])
    assert found.levels["S8"] == "red"
    assert "Dated in the future, taken as recent: Condition/1." in notes(found)


@pytest.mark.parametrize(
    "on",
    [
        pytest.param("2026", id="this-year"),
        pytest.param("2026-03", id="this-month"),
        pytest.param("2026-03-03T05:00:00+13:00", id="tomorrow-in-another-zone"),
        pytest.param("", id="none"),
    ],
)
def test_date_that_may_be_past_is_no_doubt(answer: Any, on: str) -> None:
    assert "future" not in notes(answer([{"codes": ["F10.20"], "on": on}]))


@pytest.mark.parametrize("on", ["yesterday", "0000-00-00", "2026-02-31"])
def test_date_that_cannot_be_read_counts_as_recent(answer: Any, on: str) -> None:
    found = answer([{"codes": ["T40.1X1A"], "on": on}])
    assert found.levels["S8"] == "red"
    assert "The date cannot be read, taken as recent: Condition/1." in notes(found)


@pytest.mark.parametrize("on", ["2031-01-01", "soon", ""])
@pytest.mark.parametrize(
    ("placed", "unplaced"),
    [pytest.param(3, 0, id="hides-not"), pytest.param(0, 3, id="is-not-hidden")],
)
def test_result_without_a_place_in_time_hides_no_other(
    answer: Any, placed: float, unplaced: float, on: str
) -> None:
    results = [
        score_on("44260-8", placed, "2026-02-20", 1),
        score_on("44260-8", unplaced, on, 2),
    ]
    for order in (results, results[::-1]):
        found = answer([], order)
        assert found.levels["S1"] == "red"
        assert ("dated ahead or oddly" in notes(found)) == bool(on)


def test_low_weight_is_not_hidden_by_a_date_ahead(answer: Any) -> None:
    results = [
        score_on("39156-5", 15.0, "2026-02-20", 1),
        score_on("39156-5", 31.0, "2031-01-01", 2),
    ]
    assert answer([], results).levels["S10"] == "red"


def test_of_two_weights_at_once_the_lower_counts(answer: Any) -> None:
    results = [score_on("39156-5", v, "2026-02-20", n) for n, v in enumerate((31, 15))]
    assert answer([], results).levels["S10"] == "red"


@pytest.mark.parametrize("age", [-5, -1, 190])
def test_age_that_cannot_be_is_not_known_and_said(answer: Any, age: int) -> None:
    found = answer(["F10.20"], age=age)
    assert found.r.age is None
    assert "The birth date cannot be right" in notes(found)
    assert "aa" in found.programs


def test_missing_birth_date_is_said(answer: Any) -> None:
    assert "Age not known" in notes(answer(["F10.20"], age=None))


# -- size and doubles ----------------------------------------------------------------


def test_five_thousand_conditions_are_all_answered_for(answer: Any) -> None:
    codes = ["F10.20", "I10", "E11.9", "sct:73211009", "local:x", "F33.1"]
    many = [codes[n % len(codes)] for n in range(4_999)]
    found = answer([*many, "R45.851"])
    used = {b.resource for n in found.r.needs for b in n.because}
    shown = {u.resource for u in found.r.unmapped}
    warned = {b.resource for w in found.r.warnings for b in w.because}
    assert len(used | shown | warned) == 5_000
    assert not shown & (used | warned)
    assert found.levels["S1"] == "red"


def bundle_with_doubles(*resources: dict[str, Any]) -> bytes:
    patient = {"resourceType": "Patient", "id": "p1"}
    entries = [{"resource": r} for r in (patient, *resources)]
    return orjson.dumps({"resourceType": "Bundle", "entry": entries})


def problem(code: str) -> dict[str, Any]:
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}
    return {"resourceType": "Condition", "id": "1", "code": {"coding": [coding]}}


def test_second_entry_of_a_name_is_set_aside_with_its_reason(at: Any) -> None:
    data = bundle_with_doubles(problem("F10.20"), problem("R45.851"))
    chart = chart_from_bundle(data, at)
    assert [c.codings[0].code for c in chart.conditions] == ["F10.20"]
    assert [(u.entry, u.reason) for u in chart.unreadable] == [
        (2, "Condition: Condition/1 stands there twice, and not alike")
    ]


def test_same_entry_twice_is_one(at: Any) -> None:
    data = bundle_with_doubles(problem("F10.20"), problem("F10.20"))
    chart = chart_from_bundle(data, at)
    assert (len(chart.conditions), chart.unreadable) == (1, ())


def test_every_oddity_at_once_is_answered(
    answer: Any, chart: Callable[..., Any]
) -> None:
    found = answer(
        [
            {"codes": ["icd:66590003", "sct:F33.1"], "on": "2999"},
            {"codes": ["local:x"], "on": "?"},
            {"codes": [], "text": "Alcoholism"},
        ],
        [score_on("44261-6", 99, "2031-01-01")],
        age=-3,
    )
    for said in ("future", "cannot be read", "form of the system", "not known here"):
        assert said in notes(found)
    assert "PHQ-9 of 99 cannot be" in notes(found)


def test_problem_of_a_need_that_a_child_cannot_have_is_shown(answer: Any) -> None:
    said = {"codes": [], "text": "Adult child of alcoholic"}
    child = answer([said], age=12).r
    assert child.needs == ()
    assert [u.resource for u in child.unmapped] == ["Condition/1"]
    assert answer([said], age=30).r.unmapped == ()
