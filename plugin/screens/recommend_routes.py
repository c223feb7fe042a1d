"""The first screen: what the chart says, what fits, what is chosen."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from plugin.chart.chart import Chart
from plugin.matching.moments import age_in_years
from plugin.screens.as_it_comes import Parts, page_as_it_comes, shows_as_it_comes
from plugin.screens.choosing import Asked, asked, draft_of
from plugin.screens.draft import MOST_CHOICES, Draft
from plugin.screens.drafts import draft_of_launch, keep, visit_of, with_key
from plugin.screens.errors import said
from plugin.screens.frames import frame_before_chart, frame_of, with_chart
from plugin.screens.gate import ChangingLaunch, Launch, Passed, check_patient
from plugin.screens.help_lines import HelpLines
from plugin.screens.patient_line import Frame
from plugin.screens.posted import Form
from plugin.screens.recommend_view import RecommendView
from plugin.screens.render import render
from plugin.screens.said import needs_said_in, said_in
from plugin.screens.texts.guide_view import guides_for
from plugin.screens.texts.site_texts import texts_under
from plugin.screens.warning_lines import unanswered

router = APIRouter(include_in_schema=False)
_AN_ID = re.compile(r"[a-z0-9_]{1,64}")


@router.get("/launches/{launch_id}/")
def recommend(launch: Launch, request: Request) -> Response:
    draft = draft_of_launch(launch)
    if not shows_as_it_comes(request):
        return _page(launch, draft)
    frame = frame_before_chart(launch, "recommend")
    opening = {"frame": frame, "failed": None, "waits_for": ""}
    words = launch.words

    def read(tell: Callable[[str], None]) -> str:
        return _html(
            launch, draft, seen=lambda chart: tell(_line(launch, frame, chart))
        )

    def waiting() -> str:
        waits_for = words.say("Reading the chart …")
        return render("opening.html", words, {**opening, "waits_for": waits_for})

    def failed(error: BaseException) -> str:
        return render("opening.html", words, {**opening, "failed": said(error, words)})

    return page_as_it_comes(Parts(waiting, read, failed))


def _line(launch: Passed, frame: Frame, chart: Chart) -> str:
    """The patient's line, and the skeleton of what follows it."""
    words = launch.words
    age = age_in_years(chart.patient.birth_date, launch.house.clock())
    values = {
        "frame": with_chart(frame, launch, chart, age),
        "waits_for": words.say("Looking for groups and meetings …"),
    }
    pieces = (render(name, words, values) for name in ("patient.html", "skeleton.html"))
    return "".join(pieces)


@router.post("/launches/{launch_id}/choices")
def choose(launch: ChangingLaunch, form: Form) -> Response:
    """Keep everything that the page said, then do what its button asks for."""
    check_patient(launch, form.one("patient"))
    before = draft_of_launch(launch)
    visit = visit_of(launch, before)
    draft = draft_of(
        form,
        before,
        visit.recommendation,
        visit.needs,
        launch.house.knowledge.needs.keys(),
    )
    act = asked(form).act
    if act == "reread":
        launch.house.visits.forget(launch.context.id)
    if act == "decline":
        draft = replace(draft, agreement="declined")
    if act == "review":
        problem = _cannot_review(launch, draft)
        if problem:
            kept = keep(launch, replace(draft, picks=draft.picks[:MOST_CHOICES]))
            return _page(launch, kept, problem=problem, status=422)
        if draft.agreement == "declined":
            draft = replace(draft, agreement="")
    if draft.picks != before.picks or draft.meetings != before.meetings:
        # A note about other groups is no draft, and a key belongs to one choice.
        draft = replace(draft, note=None, key="")
    draft = replace(draft, picks=draft.picks[:MOST_CHOICES])
    keep(launch, with_key(draft))
    return RedirectResponse(launch.base + _onward(asked(form)), status_code=303)


def _onward(wanted: Asked) -> str:
    """Where the pressed button leads, once everything is kept."""
    if wanted.act in ("review", "decline"):
        return "/sign"
    if wanted.act in ("evidence", "guides") and _AN_ID.fullmatch(wanted.program):
        return f"/{wanted.act}/{wanted.program}"
    return "/"


def _cannot_review(launch: Passed, draft: Draft) -> str:
    if not draft.picks:
        return launch.words.say(
            "Choose a group first, or record that the patient declines."
        )
    if len(draft.picks) > MOST_CHOICES:
        return launch.words.say("Two at most. Untick one first.")
    return ""


def _page(
    launch: Passed, draft: Draft, *, problem: str = "", status: int = 200
) -> Response:
    return HTMLResponse(_html(launch, draft, problem=problem), status_code=status)


def _html(
    launch: Passed,
    draft: Draft,
    *,
    problem: str = "",
    seen: Callable[[Chart], None] = lambda _chart: None,
) -> str:
    visit = visit_of(launch, draft, seen)
    words, now = launch.words, visit.local(launch.house.clock())
    lacking = unanswered(
        visit.recommendation.warnings, draft.answers, words, now.date()
    )
    knowledge = launch.house.knowledge
    view = RecommendView(
        words,
        HelpLines(knowledge, words).by_id,
        now,
        {need.id: need.name for need in knowledge.needs.values()},
        guides_for(visit.recommendation, texts_under(knowledge), words.language),
    )
    values = view.values(
        visit.chart,
        said_in(words, visit.recommendation),
        draft,
        near=visit.near,
        has_place=visit.has_place,
        every_need=needs_said_in(words, visit.needs),
        waits=bool(lacking),
    )
    frame = frame_of(launch, visit, "recommend")
    restored = draft.restored and words.say(
        "Your session ran out. What you had chosen is here again; answer the safety "
        "questions anew."
    )
    return render(
        "recommend.html",
        words,
        {"frame": frame, "problem": problem, "said": restored, **values},
    )
