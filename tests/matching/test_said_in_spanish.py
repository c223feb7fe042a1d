"""Every sentence of a recommendation can be said in every language of the screens."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir

import plugin.matching
from plugin.knowledge.load import load_knowledge
from plugin.matching.recommendation import Preferences
from plugin.matching.sentences import (
    Sentence,
    joined,
    said,
    sentence,
    spoken,
    without_stop,
)
from plugin.screens.cards import EVIDENCE, NEXT_MEETING
from plugin.screens.reading_view import SAID_ABOVE
from plugin.screens.said import needs_said_in, said_in
from plugin.screens.words import Words, catalogue, languages

HERE = Path(__file__).parent
CHARTS = [
    v["chart"]
    for v in json.loads((HERE / "vignettes_own.json").read_text("utf-8"))["vignettes"]
]
OTHERS = [tag for tag in languages() if tag != "en"]
# Words: anything with three small letters in a row. Codes and figures have none.
WORDS = re.compile(r"[a-z]{3}")
# The same in both languages.
ALIKE = {"no", "provisional", "secular"}


def texts_of_the_rules() -> Iterator[str]:
    """What the knowledge base brings to a screen, beside names of groups and lines."""
    known = load_knowledge()
    for need in known.needs.values():
        yield from (need.name, need.in_a_sentence, need.people)
    for rule in known.rules.values():
        yield from (rule.title, rule.text, *rule.must)
    for program in known.programs.values():
        yield from (*program.cautions, *program.approach)
        yield from (program.psychiatric.text, program.moud.text)
        yield from (study.note for study in program.evidence.values())
        yield from (exclusion.reason for exclusion in program.exclusions)
        yield program.requires.text if program.requires else ""
    for session in known.single_sessions.values():
        yield from (session.name, session.note)
        yield from (exclusion.reason for exclusion in session.exclusions)
    yield from (medicine.ask for medicine in known.ingredients.values())
    yield from (line.how for line in known.help_lines.values())
    yield from known.always
    yield from (line.text for line in known.overdose_lines)


def patterns_of_matching() -> Iterator[str]:
    found = extract_from_dir(
        str(Path(plugin.matching.__file__).parent),
        method_map=[("**.py", "python")],
        keywords={"sentence": None},
    )
    for _, _, message, _, _ in found:
        yield str(message)


def is_known(text: str, language: str) -> bool:
    """Whether a catalogue has the text; figures and codes need none."""
    unknown = catalogue(language).gettext(text) == text
    return not unknown or not WORDS.search(text) or text in ALIKE


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_of_the_rules_is_translated(language: str) -> None:
    texts = {text for text in texts_of_the_rules() if text}
    assert [t for t in sorted(texts) if not is_known(t, language)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_pattern_of_matching_is_translated(language: str) -> None:
    patterns = set(patterns_of_matching())
    assert len(patterns) > 50
    holes = re.compile(r"%\(\w+\)s")
    bare = {p for p in patterns if WORDS.search(holes.sub("", p))}
    assert [p for p in sorted(bare) if not is_known(p, language)] == []


def sentences_in(value: Any) -> Iterator[Sentence]:
    if isinstance(value, Sentence):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from sentences_in(part)
    elif is_dataclass(value):
        for known in fields(value):
            yield from sentences_in(getattr(value, known.name))


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_of_the_vignettes_is_said_again_as_a_whole(
    answer: Any, language: str
) -> None:
    missing: set[str] = set()

    def say(text: str) -> str:
        if text and not is_known(text, language):
            missing.add(text)
        return catalogue(language).gettext(text) if text else ""

    number = 0
    for chart in CHARTS:
        found = answer(
            chart["conditions"],
            chart.get("scores", {}),
            chart.get("medicines", ()),
            age=chart["age"],
            gender=chart.get("gender", "male"),
            wishes=Preferences(**chart.get("wishes", {})),
        )
        for one in sentences_in(found.r):
            one.in_words(say)
            number += 1
    assert number > 1000
    holes = re.compile(r"%\(\w+\)s")
    assert sorted(m for m in missing if WORDS.search(holes.sub("", m))) == []


def test_said_in_english_is_the_recommendation_itself(answer: Any) -> None:
    found = answer(["F10.20"]).r
    assert said_in(Words.of("en", "US"), found) is found
    assert needs_said_in(Words.of("en", "US"), found.needs) == found.needs


def test_said_in_spanish_changes_words_and_no_fact(answer: Any) -> None:
    found = answer(["F10.20", "R45.851"], {"44261-6": 21}, age=46).r
    other = said_in(Words.of("es", "US"), found)
    assert next(w.title for w in other.warnings) == "Riesgo agudo de suicidio"
    assert other.program("aa").reasons[0] == (
        "Pensado para: trastorno por consumo de alcohol (F10.20)."
    )
    assert other.program("aa").reasons[1].startswith("Evidencia A en trastorno")
    assert [p.score for p in other.programs] == [p.score for p in found.programs]
    assert [p.name for p in other.programs] == [p.name for p in found.programs]
    assert other.offered == found.offered
    assert [r.id for r in other.removed] == [r.id for r in found.removed]
    codes = [[b.code for b in w.because] for w in found.warnings]
    assert [[b.code for b in w.because] for w in other.warnings] == codes


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("start", [EVIDENCE, NEXT_MEETING, *SAID_ABOVE])
def test_what_a_screen_tells_by_its_beginning_begins_alike(
    start: str, language: str
) -> None:
    say = catalogue(language).gettext
    texts = {*texts_of_the_rules(), *patterns_of_matching()} | {
        "Evidence %(grade)s for %(need)s"
    }
    begun = [text for text in texts if text.startswith(start)]
    assert begun
    assert [text for text in begun if not say(text).startswith(say(start))] == []


def test_sentences_are_their_english_text() -> None:
    inner = sentence("%(a)s and %(b)s", a=spoken("Alcohol"), b="F10")
    whole = joined([inner, without_stop("Ask."), "!"])
    assert whole == "alcohol and F10 Ask !"
    table = {"Alcohol": "Vino", "%(a)s and %(b)s": "%(b)s y %(a)s", "Ask.": "Pide."}
    assert said(whole, lambda text: table.get(text, text)) == "F10 y vino Pide !"
    assert said("plain", lambda _text: "llano") == "llano"
    assert spoken("PTSD") == "PTSD"
