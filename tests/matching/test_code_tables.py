"""Every code that must fire a rule or speak for a need, one by one.

The tables are kept apart from the knowledge base on purpose: a code that is lost there
turns a test red here.
"""

import json
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
RULES = json.loads((HERE / "rule_codes.json").read_text())
NEEDS = json.loads((HERE / "need_codes.json").read_text())
# Codes that ask only where the words of the problem say what they leave open.
WORDS = {
    "gaming": "gaming",
    "sexual_compulsivity": "sexual",
    "debt_spending": "spending",
}


def codes_of(table: dict[str, list[str]], prefix: str = "") -> list[str]:
    return [
        f"{system}:{code}"
        for system in ("icd", "sct")
        for code in table.get(prefix + system, ())
    ]


@pytest.mark.parametrize("rule", RULES)
def test_every_code_of_a_rule_fires_it(answer: Any, rule: str) -> None:
    silent = [c for c in codes_of(RULES[rule]) if rule not in answer([c]).levels]
    assert silent == []


@pytest.mark.parametrize("need", NEEDS)
def test_every_code_of_a_need_speaks_for_it(answer: Any, need: str) -> None:
    silent = [
        code
        for code in codes_of(NEEDS[need])
        if need not in answer([{"codes": [code], "text": WORDS.get(need, "")}]).stages
    ]
    assert silent == []


@pytest.mark.parametrize("need", [n for n in NEEDS if codes_of(NEEDS[n], "remission_")])
def test_every_remission_code_says_remission(answer: Any, need: str) -> None:
    said = {
        code: answer([code]).stages.get(need)
        for code in codes_of(NEEDS[need], "remission_")
    }
    assert set(said.values()) == {"remission"}, said


def test_tables_hold_every_rule_and_need(knowledge: Any) -> None:
    assert set(RULES) == set(knowledge.rules) - {"S12"}
    assert set(NEEDS) == set(knowledge.needs) - {"dual_diagnosis"}
