"""Hand-outs: complete, easy to read, and silent about what should stay private."""

import re
from collections.abc import Iterator
from functools import cache

import pytest
from textstat.textstat import textstatistics  # type: ignore[import-untyped]

from plugin.knowledge.handout import PARTS, HandoutText
from plugin.knowledge.load import load_knowledge
from plugin.knowledge.schemas import problems
from plugin.knowledge.texts import FILES, LANGUAGES, load_texts, read_texts

KNOWLEDGE = load_knowledge()
TEXTS = load_texts(KNOWLEDGE)
HARDEST_ENGLISH, HARDEST_SPANISH = 8, 60

# Stems of the names of diagnoses, in either language.
DIAGNOSES = re.compile(
    r"addict|alcoholi|disorder|depress|anxi|panic|phobi|schizo|psycho|bipolar|mania|"
    r"autis|obses|trauma|dependen|diagnos|illness|syndrome|bulimi|anorexi|abuse|suicid|"
    r"adicci|alcohóli|trastorno|depres|ansied|pánico|fobia|esquizo|psicó|psicosis|"
    r"diagnós|enfermedad|síndrome|abuso|maltrato|violen",
    re.IGNORECASE,
)
# What a paper may give away where the programme's own name does not.
REVEALING = re.compile(
    r"\b(drink|drank|alcohol|beer|wine|drugs?\b|substance|sober|gambl|cocaine|heroin|"
    r"opioid|methadone|cannabis|food|eating|weight|mood|voices|worry|fear|mental|abus|"
    r"beb|droga|sustancia|sobri|cocaína|heroína|opioide|marihuana|comida|peso\b|ánimo|"
    r"voces|miedo|mental|consum)",
    re.IGNORECASE,
)
QUIET = (
    *("smart", "smart_ff", "lifering", "wfs", "recovery_dharma", "refuge", "celebrate"),
    *("mm", "itr", "phoenix", "dra", "dtr", "grow", "recovery_intl", "adaa"),
    *("ocd_groups", "nami_connection", "nami_family", "neabpd", "emotions_matter"),
    *("anad", "ptsd_peer", "aca_sia", "dv_groups", "autism_peer", "clubhouse"),
    *("suicide_loss", "meaction", "mecfs_local", "caregiver_net", "chadd_adda"),
)
PROMISES = re.compile(
    r"free of risk|risk[- ]free|guarante|always works|cure you|will heal|"
    r"sin riesgo|garanti|le curar|siempre funciona",
    re.IGNORECASE,
)
SAFETY = {
    "en": "Do not suddenly stop anything you take or use every day. Call us first.",
    "es": "No deje de golpe nada que tome o use todos los días. Llámenos antes.",
}


def every_handout() -> Iterator[HandoutText]:
    for program in KNOWLEDGE.programs:
        for language in LANGUAGES:
            yield TEXTS.handout(program, language)


EVERY = [pytest.param(h, id=f"{h.program}-{h.language}") for h in every_handout()]


def english_grade(text: str) -> float:
    reader = textstatistics()
    reader.set_lang("en_US")
    return float(reader.flesch_kincaid_grade(text))


def spanish_ease(text: str) -> float:
    reader = textstatistics()
    reader.set_lang("es")
    return float(reader.fernandez_huerta(text))


@cache  # programmes share most of their parts
def readable(text: str, language: str) -> bool:
    if language == "en":
        return english_grade(text) <= HARDEST_ENGLISH
    return spanish_ease(text) >= HARDEST_SPANISH


@pytest.mark.parametrize("name", FILES)
def test_texts_keep_their_schema(name: str) -> None:
    assert problems(f"texts_{name}", read_texts()[name]) == []


def test_schema_refuses_a_text_without_its_spanish() -> None:
    data = read_texts()["handouts"]
    del data["programs"][0]["what"]["es"]
    assert problems("texts_handouts", data)


def test_every_programme_has_a_text_of_its_own_and_no_other_has() -> None:
    rows = [row["id"] for row in read_texts()["handouts"]["programs"]]
    assert sorted(rows) == sorted(KNOWLEDGE.programs)


@pytest.mark.parametrize("handout", EVERY)
def test_handout_is_whole(handout: HandoutText) -> None:
    needed = [kind for kind in PARTS if kind not in ("medicine", "spirituality")]
    assert all(handout.part(kind) for kind in needed)
    assert handout.title
    assert handout.safety == SAFETY[handout.language]
    assert all(s.endswith((".", "?")) for p in handout.parts for s in p.sentences)


@pytest.mark.slow
@pytest.mark.parametrize("handout", EVERY)
def test_handout_is_easy_to_read(handout: HandoutText) -> None:
    assert readable(handout.text, handout.language)
    hard = [p for p in handout.parts if not readable(p.text, handout.language)]
    assert hard == []


def test_a_hard_text_would_be_noticed() -> None:
    english = "Participation in manualised facilitation necessitates consideration."
    spanish = "La facilitación manualizada de comunidades necesitará consideraciones."
    assert not readable(english, "en")
    assert not readable(spanish, "es")


@pytest.mark.parametrize("handout", EVERY)
def test_handout_names_no_diagnosis_and_promises_nothing(handout: HandoutText) -> None:
    assert DIAGNOSES.findall(handout.text) == []
    assert PROMISES.findall(handout.text) == []


@pytest.mark.parametrize("program", KNOWLEDGE.programs)
def test_handout_has_none_of_the_words_that_speak_for_a_need(program: str) -> None:
    said = TEXTS.handout(program, "en").text.lower()
    named = KNOWLEDGE.program(program).name.lower()
    words = (word for need in KNOWLEDGE.needs.values() for word in need.words)
    assert [w for w in words if w in said and w not in named] == []


@pytest.mark.parametrize("program", QUIET)
@pytest.mark.parametrize("language", LANGUAGES)
def test_handout_of_a_quiet_name_gives_nothing_away(
    program: str, language: str
) -> None:
    handout = TEXTS.handout(program, language)
    assert REVEALING.findall(handout.text) == []


@pytest.mark.parametrize("program", KNOWLEDGE.programs)
def test_title_is_the_own_name_or_says_less(program: str) -> None:
    title, name = TEXTS.handout(program, "en").title, KNOWLEDGE.program(program).name
    assert title == name or not DIAGNOSES.search(title)


@pytest.mark.parametrize(
    "program",
    [
        p.id
        for p in KNOWLEDGE.programs.values()
        if p.kind == "twelve-step" and p.audience != "family"
    ],
)
@pytest.mark.parametrize(
    ("language", "keep"),
    [
        pytest.param("en", "tells you to stop a medicine, do not stop", id="en"),
        pytest.param("es", "no la deje", id="es"),
    ],
)
def test_step_programme_says_that_the_medicine_stays(
    program: str, language: str, keep: str
) -> None:
    part = TEXTS.handout(program, language).part("medicine")
    assert part is not None
    assert keep in part.text or program == "mara"


@pytest.mark.parametrize(
    "program", [p.id for p in KNOWLEDGE.programs.values() if p.moud.stance == "limits"]
)
def test_group_that_limits_medicines_is_called_first(program: str) -> None:
    part = TEXTS.handout(program, "en").part("medicine")
    assert part is not None
    assert "call the group with you" in part.text


@pytest.mark.parametrize("program", KNOWLEDGE.programs)
def test_faith_is_told_as_the_data_have_it(program: str) -> None:
    """3 is religious and says so; 2 tells the spiritual from the religious."""
    entry = KNOWLEDGE.program(program)
    part = TEXTS.handout(entry.id, "en").part("spirituality")
    said = part.text if part else ""
    assert ("religious group" in said) == (entry.spirituality == 3)
    if entry.spirituality == 2:
        assert "not a church" in said or entry.id == "pal"
    if entry.spirituality == 0:
        assert "higher power" not in said or "no talk" in said


@pytest.mark.parametrize("program", ["dv_groups", "aca_sia"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_group_for_survivors_is_named_nowhere_on_the_paper(
    program: str, language: str
) -> None:
    handout = TEXTS.handout(program, language)
    assert handout.discreet
    assert handout.title != KNOWLEDGE.program(program).name
    find = handout.part("find")
    assert find is not None
    assert "web" not in find.text


@pytest.mark.parametrize("program", KNOWLEDGE.programs)
def test_paper_that_may_name_nothing_is_the_same_for_every_programme(
    program: str,
) -> None:
    plain = TEXTS.handout(program, "es", named=False)
    other = TEXTS.handout("aa", "es", named=False)
    assert (plain.title, plain.text) == (other.title, other.text)
    assert plain.discreet
    assert not REVEALING.search(plain.text)
    assert readable(plain.text, "es")


@pytest.mark.parametrize(
    ("program", "foreign"),
    [
        pytest.param("mara", True, id="no-spanish-known"),
        pytest.param("ga", False, id="spanish"),
        pytest.param("dv_groups", False, id="any-language"),
    ],
)
def test_language_of_the_meetings_is_told_where_it_is_another(
    program: str, foreign: bool
) -> None:
    find = TEXTS.handout(program, "es").part("find")
    assert find is not None
    assert ("no se reúne en español" in find.text) is foreign


def test_language_without_texts_is_answered_in_english() -> None:
    assert TEXTS.handout("aa", "fr").language == "en"
    assert TEXTS.handout("aa", "es-MX").language == "es"


def test_programme_that_is_not_known_has_the_general_words() -> None:
    handout = TEXTS.handout("our_own_group", "en")
    assert handout.part("what") is not None
    assert handout.title == "Peer support"
    assert handout.safety == SAFETY["en"]


def test_web_page_is_spoken_of_only_where_there_is_one() -> None:
    for program in KNOWLEDGE.programs.values():
        find = TEXTS.handout(program.id, "en").part("find")
        assert find is not None
        assert program.url or "web page" not in find.text


@pytest.mark.parametrize(
    ("word", "formats"),
    [
        pytest.param("by phone", {"phone"}, id="phone"),
        pytest.param("online", {"online"}, id="online"),
    ],
)
def test_ways_to_attend_are_those_of_the_data(word: str, formats: set[str]) -> None:
    for program in KNOWLEDGE.programs.values():
        find = TEXTS.handout(program.id, "en").part("find")
        assert find is not None
        assert word not in find.text or formats <= set(program.formats)


def test_sponsor_is_spoken_of_only_where_there_are_sponsors() -> None:
    for program in KNOWLEDGE.programs.values():
        first = TEXTS.handout(program.id, "en").part("first_meeting")
        assert first is not None
        assert "sponsor" not in first.text or "sponsorship" in program.factors


def test_words_have_a_version_of_their_own() -> None:
    assert {data["version"] for data in read_texts().values()} == {TEXTS.version}
