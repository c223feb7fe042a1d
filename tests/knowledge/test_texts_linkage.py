"""The words of the active referral are easy to read in both languages."""

import pytest
from textstat.textstat import textstatistics  # type: ignore[import-untyped]

from plugin.knowledge.load import load_knowledge
from plugin.knowledge.texts import load_texts

TEXTS = load_texts(load_knowledge())


@pytest.mark.parametrize("step", TEXTS.linkage("en").steps)
def test_step_in_english_is_at_most_of_grade_8(step: str) -> None:
    reader = textstatistics()
    reader.set_lang("en_US")
    said = " ".join(TEXTS.linkage("en").steps[step])
    assert reader.flesch_kincaid_grade(said) <= 8


@pytest.mark.parametrize("step", TEXTS.linkage("es").steps)
def test_step_in_spanish_is_easy(step: str) -> None:
    reader = textstatistics()
    reader.set_lang("es")
    said = " ".join(TEXTS.linkage("es").steps[step])
    assert reader.fernandez_huerta(said) >= 60


def test_other_language_is_answered_in_english() -> None:
    assert TEXTS.linkage("fr") == TEXTS.linkage("en")
    assert TEXTS.linkage("es-MX") == TEXTS.linkage("es")
