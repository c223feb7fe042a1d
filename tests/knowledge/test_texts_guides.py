"""Guides for the visit: whole, easy to say, and silent in the note."""

import re

import pytest
from textstat.textstat import textstatistics  # type: ignore[import-untyped]

from plugin.knowledge.guide import Guide
from plugin.knowledge.load import load_knowledge
from plugin.knowledge.texts import LANGUAGES, load_texts

KNOWLEDGE = load_knowledge()
TEXTS = load_texts(KNOWLEDGE)
GUIDES = [
    pytest.param(TEXTS.guide(g, language), id=f"{g}-{language}")
    for g in TEXTS.guide_ids
    for language in LANGUAGES
]
# What belongs on the patient's sheet, and never in the note.
PRIVATE = re.compile(
    r"\b(hope|feel|thought|story|childhood|problem|said|told|why|esperanza|siente|"
    r"pensamiento|historia|infancia|problema|dijo|por qué)",
    re.IGNORECASE,
)


def test_three_guides_are_there() -> None:
    assert TEXTS.guide_ids == ("ssc", "problem_solving", "sbirt")


def test_guide_that_is_not_known_is_refused() -> None:
    with pytest.raises(KeyError):
        TEXTS.guide("hypnosis", "en")


@pytest.mark.parametrize("guide", GUIDES)
def test_guide_is_whole(guide: Guide) -> None:
    assert sum(step.minutes for step in guide.steps) == guide.minutes
    assert all(step.say for step in guide.steps)
    assert guide.not_when
    assert guide.evidence
    assert set(guide.sources) <= set(KNOWLEDGE.citations)


@pytest.mark.parametrize("guide", GUIDES)
def test_guide_belongs_to_a_session_that_can_be_had_in_the_visit(guide: Guide) -> None:
    if guide.session:
        entry = KNOWLEDGE.single_sessions[guide.session]
        assert entry.in_visit
        assert set(guide.sources) <= set(entry.citations)
        assert entry.minutes is None or guide.minutes <= entry.minutes


@pytest.mark.parametrize("guide", GUIDES)
def test_words_of_the_guide_are_easy_to_say(guide: Guide) -> None:
    reader = textstatistics()
    reader.set_lang("en_US" if guide.language == "en" else "es")
    said = " ".join(sentence for step in guide.steps for sentence in step.say)
    if guide.language == "en":
        assert reader.flesch_kincaid_grade(said) <= 8
    else:
        assert reader.fernandez_huerta(said) >= 60


@pytest.mark.parametrize("guide", GUIDES)
def test_guide_fits_on_one_page(guide: Guide) -> None:
    words = [guide.title, guide.purpose, *guide.not_when, guide.evidence]
    for step in guide.steps:
        words += [step.title, *step.say, step.write, step.note]
    assert len(" ".join(words).split()) <= 520


@pytest.mark.parametrize("guide", GUIDES)
def test_summary_asks_for_nothing_that_was_talked_about(guide: Guide) -> None:
    lines = [field for field in guide.summary if field.kind == "line"]
    assert len(lines) <= 1
    assert all(field.longest <= 120 and field.hint for field in lines)
    assert not any(PRIVATE.search(field.label) for field in guide.summary)
    assert "review" in {field.id for field in guide.summary}


def test_a_private_label_would_be_noticed() -> None:
    assert PRIVATE.search("What the patient hopes for")


def test_a_red_warning_comes_before_every_guide() -> None:
    for guide in TEXTS.guide_ids:
        assert "red warning" in " ".join(TEXTS.guide(guide, "en").not_when)


def test_brief_intervention_asks_about_withdrawal_before_it_advises() -> None:
    guide = TEXTS.guide("sbirt", "en")
    asked = next(i for i, s in enumerate(guide.steps) if "shake" in " ".join(s.say))
    advised = next(i for i, s in enumerate(guide.steps) if "advice" in " ".join(s.say))
    assert asked < advised
    assert "Do not advise to stop" in guide.steps[asked].note
    assert "do not stop at once" in " ".join(guide.steps[advised].say)
    assert guide.substance_use


def test_note_takes_the_answers_in_their_order_and_leaves_out_the_open_ones() -> None:
    guide = TEXTS.guide("sbirt", "en")
    lines = guide.note_lines(
        {"review": "2026-12-01", "minutes": " 10 ", "goal": "less", "sure": ""}
    )
    assert lines == (
        "Brief alcohol intervention with feedback",
        "Minutes spent: 10",
        "Goal: drink less",
        "Review on: 2026-12-01",
    )


def test_line_is_taken_up_to_its_length_and_a_number_up_to_its_ends() -> None:
    guide = TEXTS.guide("ssc", "en")
    lines = guide.note_lines({"step": "x" * 120, "sure": "10", "minutes": "01"})
    assert lines[1:] == (
        "Minutes spent: 1",
        f"Step agreed: {'x' * 120}",
        "Confidence, 0 to 10: 10",
    )
    assert guide.note_lines({"sure": "0"})[1:] == ("Confidence, 0 to 10: 0",)


def test_note_without_answers_is_empty() -> None:
    assert TEXTS.guide("ssc", "es").note_lines({"step": "  "}) == ()


@pytest.mark.parametrize(
    ("guide", "field", "answer"),
    [
        pytest.param("ssc", "story", "it began when", id="no-such-field"),
        pytest.param("ssc", "minutes", "0", id="no-time"),
        pytest.param("ssc", "minutes", "1000", id="too-long"),
        pytest.param("ssc", "minutes", "²", id="no-ascii-digit"),
        pytest.param("ssc", "sure", "11", id="above-ten"),
        pytest.param("ssc", "done", "perhaps", id="no-such-choice"),
        pytest.param("ssc", "review", "next week", id="no-date"),
        pytest.param("ssc", "step", "x" * 121, id="a-long-line"),
        pytest.param("ssc", "step", "call\nHe said", id="a-second-line"),
    ],
)
def test_answer_that_a_field_does_not_take_is_refused(
    guide: str, field: str, answer: str
) -> None:
    with pytest.raises(ValueError, match=r"does not take|no field|isoformat"):
        TEXTS.guide(guide, "en").note_lines({field: answer})
