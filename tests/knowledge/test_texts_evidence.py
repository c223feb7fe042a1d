"""Evidence pages: what is cited exists, what is graded is told, concerns answered."""

import re
from collections import Counter
from dataclasses import replace

import pytest

from plugin.knowledge.evidence_page import StudyText, concerns_of, themes_of
from plugin.knowledge.load import load_knowledge
from plugin.knowledge.programs import Citation, Program, Study
from plugin.knowledge.texts import LANGUAGES, load_texts, read_texts

KNOWLEDGE = load_knowledge()
TEXTS = load_texts(KNOWLEDGE)
DATA = read_texts()["evidence"]
PROGRAMS = [pytest.param(p, id=p.id) for p in KNOWLEDGE.programs.values()]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_page_is_whole(program: Program, language: str) -> None:
    page = TEXTS.evidence(program.id, language)
    assert {g.need: g.grade for g in page.grades} == {
        need: study.grade for need, study in program.evidence.items()
    }
    told = {g.need for g in page.grades}
    assert len(page.ungraded) == len(set(program.needs) - told)
    assert all(s.text for g in page.grades for s in g.studies)
    kinds = [c.kind for c in page.concerns]
    assert {"spirituality", "medication", "evidence", "psychotherapy", "workload"} <= {
        *kinds
    }
    assert "availability" in {t.kind for t in page.themes}
    assert page.limits
    texts = [*(c.answer for c in page.concerns), *(t.text for t in page.themes)]
    assert all(text.endswith((".", "?")) for text in [*texts, *page.limits])


def test_every_cited_study_is_told_and_every_told_study_is_cited() -> None:
    cited = {s.citation for p in KNOWLEDGE.programs for s in sources_of(p)}
    assert cited == set(DATA["studies"])


def sources_of(program: str) -> tuple[StudyText, ...]:
    return TEXTS.evidence(program, "en").sources


def test_every_citation_key_exists() -> None:
    keys = set(DATA["studies"])
    keys |= {
        key
        for concern in DATA["concerns"].values()
        for answer in concern["answers"].values()
        for key in answer["citations"]
    }
    for theme in DATA["themes"].values():
        for said in [theme.get("text"), *theme.get("answers", {}).values()]:
            keys |= set(said["citations"]) if said else set()
    assert keys <= set(KNOWLEDGE.citations)


def test_each_grade_that_cites_says_what_it_rests_on() -> None:
    rows = {row["id"]: row["rests_on"] for row in DATA["programs"]}
    assert set(rows) == set(KNOWLEDGE.programs)
    for program in KNOWLEDGE.programs.values():
        cited = {need for need, s in program.evidence.items() if s.citations}
        assert cited <= set(rows[program.id]), program.id
        assert set(rows[program.id]) <= set(program.evidence), program.id


def test_no_sentence_of_the_data_is_left_unused() -> None:
    said = {key for row in DATA["programs"] for key in row["rests_on"].values()}
    assert said | {"as-cited", "none"} == set(DATA["rests_on"])
    answers = {pair for p in KNOWLEDGE.programs.values() for pair in concerns_of(p)}
    offered = {
        (kind, answer)
        for kind, concern in DATA["concerns"].items()
        for answer in concern["answers"]
    }
    assert answers <= offered
    # What only a site's own programme can need today.
    assert offered - answers <= {("medication", "unknown"), ("evidence", "none")}


@pytest.mark.parametrize("key", DATA["studies"])
def test_study_says_the_numbers_of_its_finding_alone(key: str) -> None:
    """Each figure of three digits or more stands in the finding that we hold."""
    held = KNOWLEDGE.citation(key)
    known = re.sub(r"[ ,]", "", held.finding + held.note)
    for language in LANGUAGES:
        said = DATA["studies"][key][language].replace("10 565", "10565")
        figures = re.findall(r"\d{3,}", said.replace(",", ""))
        assert [n for n in figures if n not in known] == []


@pytest.mark.parametrize("key", DATA["studies"])
def test_study_has_the_same_figures_in_both_languages(key: str) -> None:
    def figures(text: str) -> Counter[str]:
        return Counter(re.findall(r"\d", text))

    both = DATA["studies"][key]
    assert figures(both["en"]) == figures(both["es"])


@pytest.mark.parametrize(
    "key", [k for k in DATA["studies"] if not KNOWLEDGE.citation(k).verified]
)
def test_study_that_nobody_has_seen_says_so(key: str) -> None:
    said = DATA["studies"][key]
    assert "not seen" in said["en"] or "not confirmed" in said["en"]
    assert "no se ha visto" in said["es"] or "no están confirmados" in said["es"]
    marked = [s for p in KNOWLEDGE.programs for s in TEXTS.evidence(p, "en").sources]
    assert all(not s.verified for s in marked if s.citation == key)


@pytest.mark.parametrize(
    ("program", "kind", "holds"),
    [
        pytest.param("aa", "sponsorship", True, id="sponsor"),
        pytest.param("smart", "sponsorship", False, id="no-sponsor"),
        pytest.param("grow", "helper_therapy", True, id="helper"),
        pytest.param("hvn", "group_factors", True, id="group"),
    ],
)
def test_themes_follow_the_factors(program: str, kind: str, holds: bool) -> None:
    themes = dict(themes_of(KNOWLEDGE.program(program)))
    assert (kind in themes) is holds


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        pytest.param("aa", "around-the-clock", id="at-every-hour"),
        pytest.param("dbsa", "from-home", id="online"),
        pytest.param("clubhouse", "in-person", id="in-person-only"),
    ],
)
def test_availability_follows_the_formats(program: str, answer: str) -> None:
    assert dict(themes_of(KNOWLEDGE.program(program)))["availability"] == answer


@pytest.mark.parametrize(
    ("program", "concern", "answer"),
    [
        pytest.param("na", "opioid_medication", "limits", id="limits"),
        pytest.param("smart", "opioid_medication", "friendly", id="friendly"),
        pytest.param("celebrate", "spirituality", "3", id="religious"),
        pytest.param("alanon", "psychotherapy", "family", id="family"),
        pytest.param("alanon", "workload", "other", id="no-trial-of-savings"),
        pytest.param("aa", "pressure", "steps", id="pressed"),
        pytest.param("ma", "evidence", "D", id="no-study"),
    ],
)
def test_concern_is_answered_by_the_data(
    program: str, concern: str, answer: str
) -> None:
    assert dict(concerns_of(KNOWLEDGE.program(program)))[concern] == answer


@pytest.mark.parametrize("program", ["alanon", "smart", "dbsa"])
def test_pressure_in_step_programmes_is_no_concern_elsewhere(program: str) -> None:
    assert "pressure" not in dict(concerns_of(KNOWLEDGE.program(program)))


def test_spirituality_is_told_from_religion() -> None:
    page = TEXTS.evidence("aa", "en")
    answer = next(c.answer for c in page.concerns if c.kind == "spirituality")
    assert "not the same as religious" in answer


def test_what_is_from_memory_is_a_limit_of_the_page() -> None:
    ca, smart = TEXTS.evidence("ca", "en").limits, TEXTS.evidence("smart", "en").limits
    memory = DATA["limits"]["stance"]["en"]
    assert memory in ca
    assert memory not in smart
    for page in (ca, smart):
        assert DATA["limits"]["review"]["en"] in page


def test_site_s_own_programme_and_grade_have_a_page() -> None:
    citation = Citation(
        "own2026", "Own A. A study. J Own 2026;1:1", finding="It helped"
    )
    own = replace(
        KNOWLEDGE.program("dbsa"),
        id="our_own",
        name="Our own group",
        evidence={"bipolar": Study("bipolar", "B", ("own2026",))},
    )
    site = replace(
        KNOWLEDGE,
        programs={**KNOWLEDGE.programs, own.id: own},
        citations={**KNOWLEDGE.citations, citation.id: citation},
    )
    page = load_texts(site).evidence("our_own", "es")
    assert [g.grade for g in page.grades] == ["B"]
    assert page.grades[0].rests_on == DATA["rests_on"]["as-cited"]["es"]
    assert page.grades[0].studies[0].text == "It helped"
    assert load_texts(site).handout("our_own", "en").title == "Our own group"


def test_programme_that_is_not_known_has_no_page() -> None:
    with pytest.raises(KeyError):
        TEXTS.evidence("nobody", "en")


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_source_has_one_label_of_author_and_year(program: Program) -> None:
    page = TEXTS.evidence(program.id, "en")
    assert set(page.labels) == {source.citation for source in page.sources}
    assert len(set(page.labels.values())) == len(page.labels)
    for label in page.labels.values():
        assert re.fullmatch(r"[A-Z][A-Za-z-]+ (19|20)\d\d[a-z]?", label), label


def test_two_papers_of_one_author_and_year_are_told_apart() -> None:
    labels = TEXTS.evidence("dtr", "en").labels
    assert labels["magura2008q"] == "Magura 2008a"
    assert labels["magura2008r"] == "Magura 2008b"
    assert TEXTS.evidence("aa", "en").labels["timko2006"] == "Timko 2006"
