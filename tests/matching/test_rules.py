"""Every safety rule: what fires it, and at which level; and what must not fire it."""

import json
from pathlib import Path
from typing import Any

import pytest

CASES = json.loads((Path(__file__).parent / "rule_cases.json").read_text())
FIRES, SILENT = CASES["fires"], CASES["silent"]


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in FIRES])
def test_rule_fires_at_its_level(answer: Any, case: dict[str, Any]) -> None:
    found = answer(case["conditions"], case.get("scores", {}))
    assert found.levels.items() >= case["fires"].items()


def test_every_rule_has_a_case(knowledge: Any) -> None:
    covered = {rule for case in FIRES for rule in case["fires"]}
    assert covered | {"S12"} == set(knowledge.rules)


@pytest.mark.parametrize("case", [pytest.param(c, id=c["id"]) for c in SILENT])
def test_trap_does_not_fire(answer: Any, case: dict[str, Any]) -> None:
    age = case.get("age", 40)
    found = answer(case["conditions"], case.get("scores", {}), age=age)
    assert not set(case["silent"]) & found.levels.keys()


def test_unconfirmed_problem_fires_with_a_question_mark(answer: Any) -> None:
    found = answer([{"codes": ["R45.851"], "verification": "provisional"}])
    assert found.levels["S1"] == "red"
    assert "unconfirmed?" in found.warning("S1").because[0].display


@pytest.mark.parametrize(("age", "fires"), [(17, True), (18, False), (None, False)])
def test_S12_fires_below_18(answer: Any, age: int | None, fires: bool) -> None:
    assert ("S12" in answer(["F32.0"], age=age).levels) is fires


def test_S12_cites_the_patient(answer: Any) -> None:
    (line,) = answer([], age=16).warning("S12").because
    assert (line.resource, line.display) == ("Patient/p1", "16 years")


@pytest.mark.parametrize(
    ("medicine", "ask"),
    [
        pytest.param("rx:1819", "pain", id="ingredient"),
        pytest.param("rx:1010604", "pain", id="product"),
        pytest.param("Suboxone 8 mg film", "pain", id="brand-in-words"),
        pytest.param("methadone HCl 10 MG Oral Tablet", "pain", id="methadone-words"),
        pytest.param("rx:864706", "pain", id="methadone-product"),
        pytest.param("rx:7243", "obesity", id="naltrexone"),
    ],
)
def test_R1_medicine_alone_asks(answer: Any, medicine: str, ask: str) -> None:
    found = answer([], {}, [medicine])
    assert found.levels == {"S9": "amber"}
    assert ask in found.warning("S9").text
    assert found.stages["opioid"] == "ask"
    assert found.programs == []


@pytest.mark.parametrize(
    ("code", "medicine"), [("F11.20", "rx:1819"), ("F10.20", "rx:7243")]
)
def test_R1_medicine_beside_its_diagnosis_asks_nothing(
    answer: Any, code: str, medicine: str
) -> None:
    found = answer([code], {}, [medicine])
    assert "ask what it is for" not in found.warning("S9").text
    assert "ask" not in found.stages.values()


@pytest.mark.parametrize("medicine", ["methylnaltrexone 12 mg", "naloxone spray"])
def test_other_medicine_is_no_moud(answer: Any, medicine: str) -> None:
    assert answer([], {}, [medicine]).levels == {}


def test_notes_always_say_what_the_chart_cannot(answer: Any) -> None:
    notes = answer([]).r.notes
    assert "No risk codes found is not a risk assessment." in notes
    assert any("Methadone from an opioid treatment program" in n for n in notes)
