"""What a warning says and asks for: order, answers, dates, help lines, history."""

from typing import Any

import pytest

OLD = {"category": "encounter-diagnosis", "on": "2024-05-01"}


def test_red_comes_first_and_the_most_lethal_first(answer: Any) -> None:
    found = answer(["F13.230", "F10.231", "T40.411A", "R45.851", "F32.3", "F43.0"])
    ids = [w.id for w in found.r.warnings]
    assert ids[:5] == ["S1", "S8", "S6", "S7", "S4"]
    assert ids.index("S18") > ids.index("S4")
    assert ids[-1] == "S16"


def test_R3_red_needs_an_answer_and_suicide_risk_a_date(answer: Any) -> None:
    found = answer(["R45.851", "R45.850"])
    assert (found.warning("S1").needs_answer, found.warning("S1").needs_follow_up) == (
        True,
        True,
    )
    assert found.warning("S15").needs_answer
    assert not found.warning("S15").needs_follow_up


def test_item_9_of_1_needs_no_answer(answer: Any) -> None:
    warning = answer([], {"44260-8": 1}).warning("S1")
    assert warning.level == "amber"
    assert not warning.needs_answer
    assert not warning.needs_follow_up
    assert "in this visit" in warning.text
    assert "PHQ-9 item 9: 1 on 2026-02-20" in warning.text


@pytest.mark.parametrize("code", ["F10.20", "F10.231", "F13.20", "F13.230"])
def test_withdrawal_history_is_asked(answer: Any, code: str) -> None:
    assert any(w.asks_withdrawal for w in answer([code]).r.warnings)


@pytest.mark.parametrize(
    ("country", "lines"),
    [
        pytest.param("US", ("line_988", "line_741741"), id="US"),
        pytest.param("GB", ("line_samaritans",), id="GB"),
        pytest.param("IE", ("line_samaritans",), id="IE"),
        pytest.param("AU", ("line_lifeline_au",), id="AU"),
        pytest.param("CA", ("line_988_ca",), id="CA"),
        pytest.param("FR", (), id="without-a-line"),
        pytest.param("", (), id="unknown"),
    ],
)
def test_crisis_lines_follow_the_country(
    answer: Any, country: str, lines: tuple[str, ...]
) -> None:
    found = answer(["R45.851"], country=country)
    assert found.warning("S1").crisis_lines == lines
    unknown = any(note.startswith("Country not known") for note in found.r.notes)
    assert unknown is (country == "")


def test_UK_means_GB(answer: Any) -> None:
    found = answer(["R45.851"], country="US", asks={"country": "UK"})
    assert found.warning("S1").crisis_lines == ("line_samaritans",)


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        pytest.param("F23", "S4", id="S4"),
        pytest.param("F30.13", "S5", id="S5"),
        pytest.param("F10.231", "S6", id="S6"),
        pytest.param("F13.230", "S7", id="S7"),
        pytest.param("T74.11XA", "S11", id="S11"),
        pytest.param("F10.120", "S17", id="S17"),
    ],
)
def test_R8_old_encounter_diagnosis_is_history(
    answer: Any, code: str, rule: str
) -> None:
    found = answer([{"codes": [code], **OLD}])
    warning = found.warning(rule)
    assert warning.level == "amber"
    assert warning.history
    assert "earlier encounter" in warning.text
    assert "2024-05-01" in warning.text
    assert not any(p.deferred for p in found.r.programs)


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param({"category": "problem-list-item", "on": "2024-05-01"}, id="list"),
        pytest.param({"category": "encounter-diagnosis", "on": "2026-02-20"}, id="new"),
        pytest.param(
            {"category": "encounter-diagnosis problem-list-item", "on": "2024-05-01"},
            id="both-categories",
        ),
        pytest.param({"category": "encounter-diagnosis"}, id="undated"),
        pytest.param(
            {
                "category": "encounter-diagnosis",
                "on": "2024-05-01",
                "onset": "2026-02-25",
            },
            id="new-onset",
        ),
        pytest.param({"on": "2024-05-01"}, id="without-category"),
        pytest.param({"category": "encounter-diagnosis", "on": "2026"}, id="year"),
    ],
)
def test_R8_what_still_counts(answer: Any, counts: dict[str, str]) -> None:
    warning = answer([{"codes": ["F10.231"], **counts}]).warning("S6")
    assert (warning.level, warning.history) == ("red", False)


def test_R8_suicide_risk_is_never_aged_away(answer: Any) -> None:
    assert answer([{"codes": ["R45.851"], **OLD}]).levels["S1"] == "red"


def test_R8_encounter_start_dates_a_diagnosis(answer: Any) -> None:
    encounter = {
        "resourceType": "Encounter",
        "id": "e1",
        "subject": {"reference": "Patient/p1"},
        "period": {"start": "2019-03-01T10:00:00Z"},
    }
    said = {
        "codes": ["F10.231"],
        "category": "encounter-diagnosis",
        "encounter": "Encounter/e1",
    }
    assert answer([said], more=[encounter]).levels["S6"] == "amber"


@pytest.mark.parametrize(
    ("codes", "carrier"),
    [
        pytest.param(["F10.10", "F13.10"], "S16", id="alcohol-sedative"),
        pytest.param(["F11.20", "F13.20"], "S9", id="opioid-sedative"),
        pytest.param(["F11.20", "F10.20"], "S9", id="opioid-alcohol"),
    ],
)
def test_depressants_together_add_an_overdose_line(
    answer: Any, codes: list[str], carrier: str
) -> None:
    text = answer(codes).warning(carrier).text
    assert "risk of overdose is higher" in text


def test_one_depressant_adds_no_overdose_line(answer: Any) -> None:
    texts = " ".join(w.text for w in answer(["F10.20"]).r.warnings)
    assert "risk of overdose is higher" not in texts


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("Passive suicidal ideation", "S1", id="S1"),
        pytest.param("Alcohol withdrawal seizure 2025", "S6", id="S6"),
        pytest.param("Domestic violence", "S11", id="S11"),
    ],
)
def test_words_alone_warn_amber(answer: Any, text: str, rule: str) -> None:
    warning = answer([{"text": text}]).warning(rule)
    assert warning.level == "amber"
    assert "without a code" in warning.text


@pytest.mark.parametrize("text", ["Denies suicidal ideation", "no suicidal thoughts"])
def test_negated_words_do_not_warn(answer: Any, text: str) -> None:
    assert answer([{"text": text}]).levels == {}
