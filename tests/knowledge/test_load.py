"""The knowledge base as it is shipped."""

from pathlib import Path

import pytest

from plugin.knowledge.errors import KnowledgeBroken
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.load import knowledge_from, load_knowledge, read_data


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


def test_everything_is_there(knowledge: Knowledge) -> None:
    assert len(knowledge.needs) == 50
    assert len(knowledge.programs) == 66
    assert len(knowledge.single_sessions) == 15
    assert len(knowledge.rules) == 26
    assert knowledge.version == "2026.11"


@pytest.mark.parametrize(
    "system",
    [
        "aa",
        "recovery_intl",
        "ea",
        "grow",
        "na",
        "ca",
        "ga",
        "smart",
        "oa",
        "spaa",
        "hvn",
        "dbsa",
        "meaction",
        "mecfs_local",
        "alanon",
        "nami_family",
        "dra",
        "dtr",
    ],
)
def test_systems_of_the_founding_paper_are_there(
    knowledge: Knowledge, system: str
) -> None:
    program = knowledge.program(system)
    assert program.about
    assert program.needs
    assert program.url.startswith("https://") or system == "dtr"


def test_mania_and_partial_remission_are_told_apart(knowledge: Knowledge) -> None:
    remission = {c.code for c in knowledge.need("depression").remission_icd10cm}
    assert remission == {"F32.5", "F33.40", "F33.42"}


def test_comet_is_graded_by_its_larger_trial(knowledge: Knowledge) -> None:
    assert knowledge.single_sessions["comet"].grade == "C"


def test_dra_is_not_taken_as_friendly_to_moud(knowledge: Knowledge) -> None:
    assert knowledge.program("dra").moud.stance == "unknown"


def test_maternal_line_is_no_crisis_line(knowledge: Knowledge) -> None:
    line = knowledge.help_lines["line_maternal"]
    assert line.topic == "maternal"
    assert "Not a crisis line" in line.note


def test_gambling_line_is_the_one_of_today(knowledge: Knowledge) -> None:
    assert "1-800-MY-RESET" in knowledge.help_lines["line_gambling"].how


def test_no_help_line_claims_a_check(knowledge: Knowledge) -> None:
    assert {line.checked for line in knowledge.help_lines.values()} == {"not checked"}


def test_help_lines_are_those_of_the_country(knowledge: Knowledge) -> None:
    ids = [line.id for line in knowledge.lines_for(("crisis",), "GB")]
    assert ids == ["line_samaritans"]
    assert knowledge.lines_for(("crisis",), "") == ()


@pytest.mark.parametrize(
    ("citation", "short"),
    [
        ("kelly2020", "Kelly 2020"),
        ("timko2006", "Timko 2006"),
        ("hester2011", "Hester 2011"),
    ],
)
def test_citation_has_a_short_form(
    knowledge: Knowledge, citation: str, short: str
) -> None:
    assert knowledge.citation(citation).short == short


def test_unverified_citation_says_so(knowledge: Knowledge) -> None:
    assert knowledge.citation("petry2006").full.endswith("(not verified)")
    assert "10.1002/14651858.CD012880.pub2" in knowledge.citation("kelly2020").full


def test_broken_data_is_refused() -> None:
    data = read_data()
    del data["programs"]["programs"][0]["age"]
    with pytest.raises(KnowledgeBroken, match="age"):
        knowledge_from(data)


def test_an_id_twice_is_refused() -> None:
    data = read_data()
    data["needs"]["needs"].append(data["needs"]["needs"][0])
    with pytest.raises(KnowledgeBroken, match="twice"):
        knowledge_from(data)


def test_data_speaks_only_of_the_subject() -> None:
    folder = Path(read_data.__code__.co_filename).parent / "data"
    for file in folder.glob("*.json"):
        text = file.read_text().lower()
        for word in ("from memory", "the seed", "per seed", "todo", "this project"):
            assert word not in text, (file.name, word)
