"""The exact bounds, words and places of rules, needs, exclusions and scores."""

from typing import Any

import pytest

from plugin.knowledge.programs import Exclusion, View
from plugin.matching.recommendation import Preferences

NO_GROUP = "No suitable group found. Think of a local service."
NONE_AT_THIS_AGE = "No suitable group found for this age. Think of a local service."


# --- warnings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "rule", "detail", "history"),
    [
        pytest.param(
            {"codes": ["T74.11XA"], "clinical": "resolved", "on": "2024-05-01T10:00Z"},
            "S11",
            "Recorded on 2024-05-01 and no longer active: ask about it.",
            True,
            id="gone",
        ),
        pytest.param(
            {"codes": ["T74.11XA"], "clinical": "resolved", "on": "2024-05"},
            "S11",
            "Recorded on 2024-05 and no longer active: ask about it.",
            True,
            id="gone-in-a-month",
        ),
        pytest.param(
            {"codes": ["T74.11XA"], "clinical": "resolved", "on": "unknown"},
            "S11",
            "Recorded and no longer active: ask about it.",
            True,
            id="gone-undated",
        ),
        pytest.param(
            {"codes": ["T74.11XA"], "category": "encounter-diagnosis", "on": "2024"},
            "S11",
            "An earlier encounter recorded it on 2024: ask whether it still holds.",
            True,
            id="old-encounter",
        ),
        pytest.param({"codes": ["T74.11XA"]}, "S11", "", False, id="now"),
        pytest.param(
            {"codes": ["Z91.51"], "clinical": "resolved"},
            "S2",
            "",
            False,
            id="history-is-what-the-rule-is-for",
        ),
        pytest.param(
            {"codes": ["F11.20"], "clinical": "inactive"},
            "S9",
            "",
            False,
            id="inactive",
        ),
    ],
)
def test_warning_says_what_is_past(
    answer: Any, knowledge: Any, said: Any, rule: str, detail: str, history: bool
) -> None:
    warning = answer([said]).warning(rule)
    whole = f"{knowledge.rule(rule).text} {detail}".strip()
    assert (warning.text, warning.history) == (whole, history)


def test_warning_carries_what_its_rule_asks(answer: Any, knowledge: Any) -> None:
    for warning in answer(["F10.231", "F33.2", "R45.851"]).r.warnings:
        assert warning.must == knowledge.rule(warning.id).must


def test_code_beside_which_a_rule_fires_is_cited_with_it(answer: Any) -> None:
    found = answer(["F50.012", "R00.1"]).warning("S10")
    assert {line.code for line in found.because} == {"F50.012", "R00.1"}


def test_S1_in_amber_opens_with_an_assessment_in_this_visit(
    answer: Any, knowledge: Any
) -> None:
    opening = "Assess suicide risk in this visit."
    assert answer([], {"44260-8": 1}).warning("S1").text.startswith(opening)
    red = answer([], {"44260-8": 2}).warning("S1").text
    assert red.startswith(knowledge.rule("S1").text)
    assert "PHQ-9 item 9: 2 on 2026-02-20." in red
    amber = answer(["F20.9"]).warning("S4b").text
    assert amber == knowledge.rule("S4b").text


@pytest.mark.parametrize(
    ("bmi", "level"),
    [(15.9, "red"), (16, "amber"), (18.4, "amber"), (18.5, None), (18.6, None)],
)
def test_bmi_at_its_bounds(answer: Any, bmi: float, level: str | None) -> None:
    assert answer([], {"39156-5": bmi}).levels.get("S10") == level


# --- exclusions -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exclusion", "reason"),
    [
        pytest.param(Exclusion("not now", rule="S16"), "not now (rule S16)", id="rule"),
        pytest.param(
            Exclusion("not now", rule="S16", level="info"),
            "not now (rule S16)",
            id="rule-at-its-level",
        ),
        pytest.param(
            Exclusion("not now", rule="S16", level="red"), None, id="another-level"
        ),
        pytest.param(Exclusion("not now", rule="S1"), None, id="rule-that-is-silent"),
        pytest.param(
            Exclusion("not now", need="alcohol"), "not now (F10.20)", id="need"
        ),
        pytest.param(
            Exclusion("not now", need="alcohol", severity="dependence"),
            "not now (F10.20)",
            id="severity",
        ),
        pytest.param(
            Exclusion("not now", need="alcohol", stage="remission"), None, id="stage"
        ),
        pytest.param(Exclusion("not now", group="pregnancy"), None, id="no-group"),
        pytest.param(
            Exclusion("not now", group="underweight"),
            "not now (E43, R64)",
            id="group-with-its-codes",
        ),
    ],
)
def test_exclusion_holds_as_it_says(
    answer: Any, altered: Any, exclusion: Exclusion, reason: str | None
) -> None:
    rules = altered({"aa": {"exclusions": (exclusion,)}})
    found = answer(["F10.20", "R64", "E43"], rules=rules)
    assert found.removed.get("aa") == reason


@pytest.mark.parametrize(
    ("age", "bmi", "out"),
    [(18, 18.4, True), (17, 18.4, False), (18, 18.5, False), (None, 18.4, False)],
)
def test_overeaters_anonymous_at_the_bounds_of_bmi(
    answer: Any, age: int | None, bmi: float, out: bool
) -> None:
    found = answer(["F50.810"], {"39156-5": bmi}, age=age)
    assert ("underweight by BMI" in found.removed.get("oa", "")) is out


def test_rule_that_removes_says_so_in_a_sentence(answer: Any) -> None:
    wishes = Preferences(picks=("slaa",))
    found = answer(["Z69.12", "sct:268724009"], wishes=wishes)
    assert found.removed["slaa"] == "specialist service first: rule S20"


def test_adjunct_stands_beside_a_group_that_often_serves_the_need(
    answer: Any, altered: Any
) -> None:
    assert "ea" not in answer(["Z63.4"]).programs
    second = {"needs": {"grief": "secondary"}, "requires": None}
    assert "ea" in answer(["Z63.4"], rules=altered({"compassionate": second})).programs


# --- needs ----------------------------------------------------------------------------


@pytest.mark.parametrize("codes", [["F10.20", "F10.10"], ["F10.10", "F10.20"]])
def test_graver_of_two_codings_counts(answer: Any, codes: list[str]) -> None:
    assert answer([{"codes": codes}]).need("alcohol").severity == "dependence"


def test_problem_in_words_is_a_question(answer: Any) -> None:
    need = answer([{"codes": [], "text": "Alcoholism"}]).need("alcohol")
    assert need.question == (
        "It is written in words, without a code that is known. Is it so?"
    )


def test_confirmed_need_keeps_what_spoke_for_it(answer: Any) -> None:
    asks = {"added_needs": ["codependency", "gambling"]}
    found = answer(["F60.7"], asks=asks)
    asked, added = found.need("codependency"), found.need("gambling")
    assert [line.code for line in asked.because] == ["F60.7"]
    assert added.because == ()
    for need in (asked, added):
        assert (need.stage, need.confidence, need.question) == ("active", 1.0, "")


# --- single sessions and the offer ----------------------------------------------------


def test_session_is_that_of_the_knowledge_base(answer: Any, knowledge: Any) -> None:
    for session in answer(["F33.1", "F10.10"]).r.single_sessions:
        entry = knowledge.single_sessions[session.id]
        assert (session.name, session.url) == (entry.name, entry.url)
        evidence = session.evidence
        assert (evidence.grade, evidence.citations) == (entry.grade, entry.citations)
        assert evidence.note == entry.note


def test_session_names_the_need_with_its_codes_if_it_has_any(answer: Any) -> None:
    coded = {s.id: s.reasons for s in answer(["F33.1"]).r.single_sessions}
    assert coded["ssc"][0] == "For depressive disorder (F33.1)."
    added = answer([], asks={"added_needs": ["depression"]}).r.single_sessions
    assert {s.id: s.reasons for s in added}["ssc"][0] == "For depressive disorder."


def test_friendly_group_is_put_third_and_none_is_lost(
    answer: Any, altered: Any
) -> None:
    """The picks take the first places; what they leave out goes between them."""
    rules = altered({p: {"moud": View("unknown", "")} for p in ("smart", "lifering")})
    wishes = Preferences(picks=("na", "ha", "itr"))
    offered = answer(["F11.20", "F10.20"], wishes=wishes, rules=rules).r.offered
    assert offered[2] == "mara"
    assert {"na", "ha", "itr"} <= set(offered)
    assert len(set(offered)) == len(offered)


def test_friendly_group_in_the_fourth_place_is_not_enough(
    answer: Any, altered: Any
) -> None:
    unknown = {p: {"moud": View("unknown", "")} for p in ("smart", "lifering")}
    rules = altered({**unknown, "mara": {"weight": 0.3}})
    wishes = Preferences(picks=("na", "itr", "mara"))
    found = answer(["F11.20", "F10.20"], wishes=wishes, rules=rules)
    assert found.programs[-1] == "mara"
    assert found.r.offered[2] == "mara"
    assert found.r.offered.count("mara") == 1


@pytest.mark.parametrize(
    ("age", "note"),
    [(17, NONE_AT_THIS_AGE), (18, NO_GROUP), (None, NO_GROUP), (60, NO_GROUP)],
)
def test_nothing_found_is_said_as_it_is(
    answer: Any, age: int | None, note: str
) -> None:
    said = answer(["F51.01"], age=age).r.notes
    assert [line for line in said if line.startswith("No suitable")] == [note]


# --- scores and medicines -------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False])
def test_of_two_answers_of_one_moment_the_worse_counts(
    answer: Any, score: Any, first: bool
) -> None:
    rows = [score(1, "93247-5", first), score(2, "93247-5", not first)]
    (line,) = answer([], rows).warning("S1").because
    assert line.resource == ("Observation/o1" if first else "Observation/o2")


@pytest.mark.parametrize("values", [(15, 25), (25, 15)])
def test_of_two_weights_of_one_moment_the_lower_counts(
    answer: Any, score: Any, values: tuple[int, int]
) -> None:
    rows = [score(n, "39156-5", value) for n, value in enumerate(values)]
    assert answer([], rows).levels == {"S10": "red"}


@pytest.mark.parametrize("places", [(0, 1), (1, 0)])
def test_number_counts_before_words_of_the_same_moment(
    answer: Any, score: Any, places: tuple[int, int]
) -> None:
    rows = [score(1, "44260-8", {"valueString": "asked"}), score(2, "44260-8", 3)]
    assert answer([], [rows[p] for p in places]).levels["S1"] == "red"


def test_score_is_cited_with_its_code_and_name(answer: Any) -> None:
    (line,) = answer([], {"44260-8": 2}).warning("S1").because
    assert (line.resource, line.code) == ("Observation/o1", "44260-8")
    assert line.system == "http://loinc.org"
    assert line.display == "PHQ-9 item 9"


@pytest.mark.parametrize("word", ["Yes", "YES", "yes", "Y", "True"])
def test_yes_is_read_however_it_is_written(answer: Any, word: str) -> None:
    assert answer([], {"93247-5": {"valueString": word}}).levels == {"S1": "red"}


def test_result_that_cannot_be_is_named(answer: Any) -> None:
    notes = answer([], {"44260-8": 9}).r.notes
    assert "PHQ-9 item 9 of 9 cannot be: it was not used (Observation/o1)." in notes


@pytest.mark.parametrize(
    "words",
    [
        "naloxone/buprenorphine film",
        "naloxone-buprenorphine film",
        "film [buprenorphine]",
        "BUPRENORPHINE film",
    ],
)
def test_medicine_is_found_wherever_its_name_stands(answer: Any, words: str) -> None:
    assert answer([], {}, [words]).levels == {"S9": "amber"}


@pytest.mark.parametrize(
    ("coding", "found"),
    [
        pytest.param({"code": "1819"}, True, id="no-system"),
        pytest.param({"code": "9999999"}, False, id="another-code"),
        pytest.param({"system": "urn:local", "code": "1819"}, False, id="local"),
        pytest.param(
            {"system": "http://snomed.info/sct", "code": "1819"}, False, id="no-snomed"
        ),
        pytest.param(
            {"system": "http://snomed.info/sct", "code": "387173000"}, True, id="snomed"
        ),
        pytest.param(
            {"system": "http://snomed.info/sct", "code": "387286002"},
            True,
            id="methadone",
        ),
        pytest.param(
            {"system": "http://snomed.info/sct", "code": "373265006"},
            False,
            id="any-analgesic",
        ),
    ],
)
def test_medicine_is_found_by_code_in_its_own_system(
    answer: Any, coding: dict[str, str], found: bool
) -> None:
    resource = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"coding": [coding]},
    }
    assert ("S9" in answer([], more=[resource]).levels) is found
