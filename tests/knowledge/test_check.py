"""`selfhelp knowledge check` finds what is wrong."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugin.cli import main
from plugin.knowledge.check import findings, has_check_digit
from plugin.knowledge.load import load_knowledge, read_data
from plugin.knowledge.sheets import sheet_of

Data = dict[str, Any]


@pytest.fixture(scope="session")
def icd10cm() -> tuple[str, ...]:
    """Every ICD-10-CM code of the April 2026 list; reading it takes seconds."""
    import simple_icd_10_cm

    return tuple(sorted(c.replace(".", "") for c in simple_icd_10_cm.get_all_codes()))


@pytest.fixture(scope="session")
def shipped() -> tuple[str, ...]:
    """The codes that the shipped files name, as if they were all there are."""
    data = read_data()
    codes = {c for n in ("needs", "rules", "code_groups") for c in _codes(data[n])}
    return tuple(sorted(codes))


def _codes(node: Any) -> set[str]:
    values = node.values() if isinstance(node, dict) else node
    if isinstance(node, str):
        found = re.fullmatch(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]+)?", node)
        return {node.replace(".", "")} if found else set()
    if not isinstance(node, dict | list):
        return set()
    return {code for value in values for code in _codes(value)}


@pytest.fixture
def data() -> Data:
    return read_data()


@pytest.mark.slow
def test_shipped_knowledge_has_no_findings(
    data: Data, icd10cm: tuple[str, ...]
) -> None:
    assert findings(data, icd10cm) == []


def _program(data: Data, name: str) -> Data:
    found: Data = next(p for p in data["programs"]["programs"] if p["id"] == name)
    return found


def _rule(data: Data, name: str) -> Data:
    found: Data = next(r for r in data["rules"]["rules"] if r["id"] == name)
    return found


def _line(data: Data, name: str) -> Data:
    lines = data["help_lines"]["help_lines"]
    found: Data = next(line for line in lines if line["id"] == name)
    return found


def no_citation(data: Data) -> None:
    _program(data, "aa")["evidence"][0]["citations"] = []


def unknown_citation(data: Data) -> None:
    _program(data, "aa")["evidence"][0]["citations"] = ["nobody2020"]


def unknown_need(data: Data) -> None:
    _program(data, "aa")["needs"][0]["need"] = "astrology"


def plain_http(data: Data) -> None:
    _program(data, "aa")["url"] = "http://www.aa.org"


def no_country(data: Data) -> None:
    _line(data, "line_988")["countries"] = []


def no_last_checked(data: Data) -> None:
    del _line(data, "line_988")["last_checked"]


def bad_day(data: Data) -> None:
    _line(data, "line_988")["last_checked"] = "yesterday"


def no_such_icd(data: Data) -> None:
    _rule(data, "S1")["codes"][0]["icd10cm"].append("F61.9")


def malformed_icd(data: Data) -> None:
    _rule(data, "S1")["codes"][0]["icd10cm"].append("f10")


def slipped_digit(data: Data) -> None:
    _rule(data, "S1")["codes"][0]["snomed"].append("6471007")


def nothing_fires(data: Data) -> None:
    _rule(data, "S15")["codes"] = []


def same_order(data: Data) -> None:
    _rule(data, "S15")["order"] = 1


def unknown_session(data: Data) -> None:
    _rule(data, "S1")["adds_sessions"] = ["prayer"]


def weights_beyond_one(data: Data) -> None:
    data["weights"]["features"]["reach"] = 0.5


def unknown_field(data: Data) -> None:
    _program(data, "aa")["sponsored"] = True


def evidence_for_nothing(data: Data) -> None:
    _program(data, "aa")["evidence"][0]["need"] = "gambling"


def bad_pattern(data: Data) -> None:
    _rule(data, "S8")["codes"][0]["pattern"] = "("


def ages_hold_nobody(data: Data) -> None:
    _program(data, "alateen")["age"] = {"min": 20, "max": 12}


def code_twice(data: Data) -> None:
    codes = data["needs"]["needs"][0]["icd10cm"]
    codes.append(codes[0])


def empty_exclusion(data: Data) -> None:
    _program(data, "aa")["exclusions"] = [{"reason": "never"}]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (no_citation, "without a citation"),
        (unknown_citation, "nobody2020 is not known"),
        (unknown_need, "astrology is not known"),
        (plain_http, "programs/0/url"),
        (no_country, "countries"),
        (no_last_checked, "last_checked"),
        (bad_day, "last_checked"),
        (no_such_icd, "F61.9 is no ICD-10-CM code"),
        (malformed_icd, "f10"),
        (slipped_digit, "6471007 is no SNOMED CT identifier"),
        (nothing_fires, "nothing fires it"),
        (same_order, "same place in the order"),
        (unknown_session, "prayer is not known"),
        (weights_beyond_one, "not to 1"),
        (unknown_field, "sponsored"),
        (evidence_for_nothing, "which it does not serve"),
        (bad_pattern, "is no pattern"),
        (ages_hold_nobody, "hold nobody"),
        (code_twice, "twice"),
        (empty_exclusion, "can never hold"),
    ],
)
def test_fault_is_found(
    data: Data,
    shipped: tuple[str, ...],
    spoil: Callable[[Data], None],
    says: str,
) -> None:
    spoil(data)
    assert any(says in line for line in findings(data, shipped))


def test_shipped_knowledge_is_well_formed(data: Data) -> None:
    assert findings(data) == []


@pytest.mark.parametrize(
    ("identifier", "holds"),
    [
        ("66590003", True),
        ("66590004", False),
        ("711281004", True),
        ("10211000132109", True),
    ],
)
def test_check_digit(identifier: str, holds: bool) -> None:
    assert has_check_digit(identifier) is holds


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["knowledge", *arguments])
    out = capsys.readouterr()
    return int(ended.value.code or 0), out.out, out.err


@pytest.mark.slow
def test_command_finds_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, icd10cm: tuple[str, ...]
) -> None:
    (tmp_path / "icd.txt").write_text("\n".join(sorted(icd10cm)))
    assert _run(capsys, "check")[0] == 0
    code, out, _ = _run(capsys, "check", "--icd10cm", str(tmp_path / "icd.txt"))
    assert code == 0
    assert "looked up" in out


def test_command_names_codes_that_the_list_lacks(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "icd.txt").write_text("F10.20\tAlcohol dependence, uncomplicated\n")
    code, out, err = _run(capsys, "check", "--icd10cm", str(tmp_path / "icd.txt"))
    assert code == 1
    assert "F63.0 is no ICD-10-CM code" in out
    assert "findings" in err


@pytest.mark.parametrize("content", ["", "nothing here"])
def test_list_without_codes_is_bad_input(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str
) -> None:
    (tmp_path / "icd.txt").write_text(content)
    assert _run(capsys, "check", "--icd10cm", str(tmp_path / "icd.txt"))[0] == 2


def test_rule_sheet_has_the_thirteen_attributes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = _run(capsys, "sheet", "S10")
    assert code == 0
    for name in (
        "Source", "Developer", "Funding", "Released", "Uses race", "Uses ethnicity",
        "Uses language", "Uses sexual orientation", "Uses gender identity", "Uses sex",
        "Uses date of birth: yes", "Uses social determinants", "Uses health status",
        "Known limits: BMI is read for adults only.",
    ):  # fmt: skip
        assert name in out


def test_sheet_of_no_rule_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _run(capsys, "sheet", "S99")
    assert code == 2
    assert "S6b" in err


def test_every_rule_has_a_sheet_with_what_fires_it() -> None:
    knowledge = load_knowledge()
    for rule in knowledge.rules:
        said = dict(sheet_of(rule, knowledge).lines())
        assert said["Fires on"], rule
        assert said["Source"], rule
        assert said["Version"] == "2026.11"
