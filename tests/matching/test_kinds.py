"""Codes that no rule lists, by what a terminology server takes them for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from plugin.matching.recommend import recommend
from plugin.matching.recommendation import Preferences, Recommendation

UNLISTED = "10000001"


@pytest.fixture
def taken_for(chart: Callable[..., Any], knowledge: Any, at: datetime) -> Any:
    """Recommend for one problem, whose code is a kind of these."""

    def go(*listed: str, text: str = "") -> Recommendation:
        problem = {"codes": [f"sct:{UNLISTED}"], "text": text}
        read = replace(chart([problem]), kinds={UNLISTED: listed})
        return recommend(
            read, knowledge, Preferences(), at=at, find_meetings=lambda _wanted: {}
        )

    return go


def test_kind_of_a_listed_code_speaks_for_its_need_under_its_own_code(
    taken_for: Any,
) -> None:
    found = taken_for("66590003", text="Severe alcohol dependence")
    (need,) = found.needs
    assert (need.id, need.stage, need.severity) == ("alcohol", "active", "dependence")
    assert [line.code for line in need.because] == [UNLISTED]
    assert {w.id for w in found.warnings} == {"S6b", "S16"}
    assert found.unmapped == ()


def test_kind_of_a_listed_code_fires_its_rule(taken_for: Any) -> None:
    (warning,) = taken_for("6471006").warnings
    assert (warning.id, warning.level) == ("S1", "red")
    assert warning.because[0].code == UNLISTED


@pytest.mark.parametrize("words", ["History of alcohol dependence", "In remission"])
def test_words_of_the_past_make_it_a_question(taken_for: Any, words: str) -> None:
    (need,) = taken_for("66590003", text=words).needs
    assert need.stage == "ask"
    assert "terminology server" in need.question


def test_without_an_answer_the_code_is_shown_as_unmapped(taken_for: Any) -> None:
    found = taken_for()
    assert found.needs == ()
    assert [u.code for u in found.unmapped] == [UNLISTED]
