"""Reasons, evidence, cautions, deferral and single sessions."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from plugin.directory.meeting import Occurrence
from plugin.matching.recommendation import Preferences


def test_every_card_has_two_to_four_reasons_with_code_and_need(answer: Any) -> None:
    found = answer(["F10.20", "F33.1", "F11.20"], {}, ["rx:1819"])
    for program in found.r.programs:
        assert 2 <= len(program.reasons) <= 4, program.id
        assert all(reason.endswith(".") for reason in program.reasons), program.id
        assert any(
            code in program.reasons[0] for code in ("F10.20", "F33.1", "F11.20")
        ), program.id


def test_grades_A_to_C_are_cited(answer: Any, knowledge: Any) -> None:
    for program in answer(["F10.20", "F33.1", "F41.1", "F63.0"]).r.programs:
        if program.evidence.grade != "D":
            assert program.evidence.citations, program.id
            assert program.evidence.references, program.id
            assert (
                knowledge.citation(program.evidence.citations[0]).short
                in program.reasons[1]
            )


def test_grade_A_of_aa_says_what_was_studied(answer: Any) -> None:
    program = answer(["F10.20"]).r.program("aa")
    assert program.evidence.grade == "A"
    assert "guided linkage" in program.reasons[1]


def test_two_papers_of_one_year_are_named_once(answer: Any) -> None:
    reason = answer(["F10.20", "F33.1"]).r.program("dtr").reasons[1]
    assert reason.count("Magura 2008") == 1


def test_note_on_missing_evidence_is_said_once(answer: Any) -> None:
    reason = answer(["F11.20"]).r.program("mara").reasons[1]
    assert reason.count("no outcome study") == 1


def test_remission_is_never_called_current(answer: Any) -> None:
    reason = answer(["F10.21"]).r.program("aa").reasons[0]
    assert "in remission" in reason


def test_R17_group_factors_are_reasons(answer: Any) -> None:
    reasons = " ".join(answer(["F10.20"]).r.program("aa").reasons)
    assert "sponsor" in reasons
    assert "Helping others" in reasons


def test_unmeasured_programme_says_so(answer: Any) -> None:
    program = answer(["F12.20"]).r.program("ma")
    assert program.reasons[1].startswith("Evidence D: no outcome study")
    assert program.evidence.note


@pytest.mark.parametrize(
    ("hours", "attendance", "km", "words"),
    [
        pytest.param(
            4, "in-person", 1.24, "today, 19:00, in person, 1.2 km away", id="today"
        ),
        pytest.param(28, "online", None, "Tue 3 Mar, 19:00, online", id="tomorrow"),
        pytest.param(28, "hybrid", 3.0, "in person and online, 3.0 km", id="hybrid"),
    ],
)
def test_next_meeting_is_a_reason(
    answer: Any,
    directory: Any,
    at: datetime,
    hours: int,
    attendance: Any,
    km: Any,
    words: str,
) -> None:
    directory.meetings = {
        "aa": [
            Occurrence(
                "m",
                "f",
                "k",
                "aa",
                "Group",
                at + timedelta(hours=hours),
                60,
                attendance,
                km,
            )
        ]
    }
    found = answer(["F10.20"], find=directory.find)
    assert any(words in reason for reason in found.r.program("aa").reasons)


@pytest.mark.parametrize("program", ["aa", "na", "secular_aa", "mara"])
def test_every_twelve_step_card_says_keep_your_medicine(
    answer: Any, program: str
) -> None:
    card = answer(["F10.20"]).r.program(program)
    assert any(c.startswith("Keep taking your medicine") for c in card.cautions)


def test_secular_card_says_so_only_where_it_matters(answer: Any) -> None:
    def said(found: Any) -> bool:
        return any("Keep taking" in c for c in found.r.program("smart").cautions)

    assert not said(answer(["F10.20"]))
    assert said(answer(["F11.20"]))


def test_stance_on_moud_is_shown_where_it_matters(answer: Any) -> None:
    cautions = " ".join(answer(["F11.20"]).r.program("na").cautions)
    assert "Phone the group" in cautions
    cautions = " ".join(answer(["F14.20"]).r.program("na").cautions)
    assert "Phone the group" not in cautions


def test_stance_on_psychiatric_medication_is_shown(answer: Any) -> None:
    assert any(
        "critical of medication" in c
        for c in answer(["F20.9"]).r.program("hvn").cautions
    )


@pytest.mark.parametrize(
    ("code", "title"),
    [
        pytest.param("F10.231", "alcohol withdrawal", id="S6"),
        pytest.param("F31.2", "mania", id="S5"),
        pytest.param("F33.3", "psychosis", id="S4"),
        pytest.param("F10.220", "intoxication", id="S17"),
        pytest.param("F13.230", "sedative withdrawal", id="S7"),
    ],
)
def test_joining_is_deferred_where_it_would_be_unsafe(
    answer: Any, code: str, title: str
) -> None:
    found = answer([code])
    assert found.r.programs
    assert all(p.deferred for p in found.r.programs)
    assert any(title in c for c in found.r.programs[0].cautions)


def test_suicide_risk_does_not_hide_or_defer_groups(answer: Any) -> None:
    found = answer(["F33.1", "R45.851"])
    assert found.r.offered
    assert not any(p.deferred for p in found.r.programs)


def test_adjunct_only_says_specialist_treatment(answer: Any) -> None:
    assert (
        "Only beside specialist treatment."
        in answer(["F50.011"]).r.program("anad").cautions
    )


def test_caution_for_the_young_is_for_the_young(answer: Any) -> None:
    def said(age: int) -> bool:
        card = answer(["F10.20"], age=age).r.program("aa")
        return any(c.startswith("Under 18") for c in card.cautions)

    assert said(16)
    assert not said(40)


@pytest.mark.parametrize(
    ("chart", "wishes", "present", "absent"),
    [
        pytest.param(
            {"conditions": ["F10.10"]},
            {},
            {"sbirt", "mi1"},
            {"pnf"},
            id="harmful-drinking",
        ),
        pytest.param(
            {"conditions": ["F10.10"], "age": 20}, {}, {"pnf"}, set(), id="pnf-by-age"
        ),
        pytest.param(
            {"conditions": ["F10.20"], "age": 20},
            {},
            {"mi1"},
            {"pnf", "sbirt"},
            id="dependence",
        ),
        pytest.param(
            {"conditions": ["sct:66590003"], "age": 20},
            {},
            {"mi1"},
            {"pnf", "sbirt"},
            id="dependence-snomed",
        ),
        pytest.param(
            {"conditions": ["F10.11"]}, {}, {"mi1"}, {"sbirt"}, id="active-only"
        ),
        pytest.param(
            {"conditions": ["R45.88"], "age": 15},
            {},
            {"spi", "project_save"},
            set(),
            id="self-harm",
        ),
        pytest.param(
            {"conditions": ["R45.88", "R45.851"], "age": 15},
            {},
            {"spi"},
            {"project_save"},
            id="risk-first",
        ),
        pytest.param(
            {"conditions": ["F32.0"], "age": 15},
            {"lgbtq": True},
            {"project_rise"},
            set(),
            id="rise-disclosed",
        ),
        pytest.param({"conditions": ["G47.00"]}, {}, {"cbti1"}, set(), id="insomnia"),
        pytest.param(
            {"conditions": ["G47.00", "F31.9"]},
            {},
            set(),
            {"cbti1"},
            id="insomnia-bipolar",
        ),
        pytest.param({"conditions": ["F43.0"]}, {}, {"pfa"}, set(), id="recent-trauma"),
        pytest.param({"conditions": ["F40.230"]}, {}, {"ost"}, set(), id="phobia"),
        pytest.param(
            {"conditions": ["I10"], "age": 15}, {}, set(), {"project_yes"}, id="no-need"
        ),
        pytest.param(
            {"conditions": ["F43.20"], "age": 12},
            {},
            {"solve", "project_yes"},
            set(),
            id="twelve-years",
        ),
    ],
)
def test_single_sessions(
    answer: Any,
    chart: dict[str, Any],
    wishes: dict[str, Any],
    present: set[str],
    absent: set[str],
) -> None:
    sessions = set(answer(**chart, wishes=Preferences(**wishes)).sessions)
    assert present <= sessions
    assert not absent & sessions


def test_rule_takes_out_a_session(answer: Any) -> None:
    assert "pnf" in answer(["F10.10"], {"75624-7": 12}, age=20).sessions
    assert "pnf" not in answer(["F10.10"], {"75624-7": 22}, age=20).sessions


def test_session_on_self_harm_waits_only_for_acute_risk(answer: Any) -> None:
    found = answer(["R45.88"], {"44260-8": 1}, age=15)
    assert found.levels["S1"] == "amber"
    assert "project_save" in found.sessions


def test_session_that_a_rule_adds_comes_first_and_says_why(answer: Any) -> None:
    found = answer(["F33.1"], {"44260-8": 2})
    first = found.r.single_sessions[0]
    assert first.id == "spi"
    assert "rule S1" in first.reasons[0]
    assert found.stages == {"depression": "active"}


def test_session_names_its_need_and_code(answer: Any) -> None:
    session = next(s for s in answer(["F10.20"]).r.single_sessions if s.id == "mi1")
    assert session.reasons[0] == "For alcohol use disorder (F10.20)."
    assert session.minutes == 45
    assert session.evidence.references
