"""The first screen, rendered from a recommendation."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from plugin.chart.chart import Chart
from plugin.directory.meeting import Place
from plugin.matching.recommendation import Recommendation
from plugin.matching.recommendation import Warning as SafetyWarning
from plugin.screens.draft import Draft
from plugin.screens.patient_line import Frame
from plugin.screens.recommend_view import RecommendView
from plugin.screens.render import coded, render
from plugin.screens.warning_lines import CrisisLine
from plugin.screens.words import Words

Page = Callable[..., str]


def _lines(ids: Sequence[str]) -> Sequence[CrisisLine]:
    return [CrisisLine("988", "call or text", "not checked") for _ in ids]


HOME = Place(40.6940, -73.9900)


@pytest.fixture
def shown(chart: Chart, frame: Frame, words: Words, now: datetime) -> Page:
    def page(
        recommendation: Recommendation,
        draft: Draft | None = None,
        *,
        waits: bool = False,
    ) -> str:
        values = RecommendView(words, _lines, now, {"gambling": "Gambling"}).values(
            chart,
            recommendation,
            draft or Draft(),
            near=HOME,
            has_place=True,
            every_need=recommendation.needs,
            waits=waits,
        )
        return render(
            "recommend.html",
            words,
            {"frame": frame, "problem": "", "said": "", **values},
        )

    return page


def test_page_names_groups_with_times_and_reasons(
    shown: Page, recommendation: Recommendation
) -> None:
    page = shown(recommendation)
    assert "4 groups to discuss" in page
    assert "Tue, Mar 3, 6:30\u00a0PM" in page
    assert "0.9 mi" in page
    assert "Strong fit" in page


def test_code_of_an_unconfirmed_problem_bears_a_question_mark(
    shown: Page, recommendation: Recommendation
) -> None:
    sure, *_ = recommendation.needs
    unsure = replace(sure.because[0], code="F10.10", questioned=True)
    need = replace(sure, because=(*sure.because, unsure))
    page = shown(replace(recommendation, needs=(need,)))
    assert '<span class="code">F10.20</span>' in page
    assert '<span class="code">F10.10</span>?' in page


def test_page_shows_no_score(shown: Page, recommendation: Recommendation) -> None:
    page = shown(recommendation)
    assert "0.9<" not in page
    assert "0.45" not in page
    assert not re.search(r"Fit[^<]*\d", page)


def test_page_always_says_that_no_codes_is_no_assessment(
    shown: Page, empty: Recommendation
) -> None:
    page = shown(empty)
    assert "No risk codes found is not a risk assessment." in page
    assert "No suitable group found" in page


def test_red_warning_stands_above_everything(shown: Page, red: Recommendation) -> None:
    page = shown(red)
    assert page.index("Suicide risk: assess now") < page.index("Could not check")
    assert page.index("Suicide risk: assess now") < page.index("groups to discuss")
    assert 'name="did-S1"' in page
    assert 'name="follow-S1"' in page
    assert "988" in page


def test_what_could_not_be_read_is_said(shown: Page, red: Recommendation) -> None:
    page = shown(red)
    assert "Could not check: screening scores" in page
    assert "Entry 4: Condition without a code" in page


def test_filing_is_said_to_wait(shown: Page, red: Recommendation) -> None:
    assert "Filing waits" in shown(red, waits=True)
    assert "Filing waits" not in shown(red)


HOSTILE = [
    pytest.param("<script>alert(1)</script>", id="X01-script"),
    pytest.param('"><svg onload=alert(1)>', id="X01-attribute"),
    pytest.param("{{7*7}}${7*7}", id="X01-template"),
    pytest.param("]]><img src=x onerror=alert(1)>", id="X01-cdata"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_only_text(
    shown: Page, recommendation: Recommendation, chart: Chart, text: str
) -> None:
    first = recommendation.programs[0]
    meeting = replace(first.meetings[0], name=text, venue=text, address=text)
    meeting = replace(meeting, attendance="in-person")
    hostile = replace(
        recommendation,
        programs=(
            replace(
                first,
                name=text,
                reasons=(text,),
                cautions=(text,),
                meetings=(meeting,),
            ),
            *recommendation.programs[1:],
        ),
        warnings=(SafetyWarning("S1", "red", text, text, must=(text,)),),
        unmapped=(replace(recommendation.unmapped[0], display=text, code=text),),
    )
    page = shown(hostile)
    assert "<script>alert" not in page
    assert "<svg onload" not in page
    assert "<img src=x" not in page
    assert "${49}" not in page
    assert "49$" not in page


def test_codes_are_set_apart_and_escaped() -> None:
    assert str(coded("For <b> (F10.20), T40.2X1A")) == (
        'For &lt;b&gt; (<span class="code">F10.20</span>), '
        '<span class="code">T40.2X1A</span>'
    )
