"""The first screen: what the chart says, what fits, what is chosen."""

from __future__ import annotations

import re
from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from plugin.screens.choosing import Asked, asked, draft_of
from plugin.screens.draft import MOST_CHOICES, Draft
from plugin.screens.drafts import draft_of_launch, keep, visit_of, with_key
from plugin.screens.frames import frame_of
from plugin.screens.gate import ChangingLaunch, Launch, Passed, check_patient
from plugin.screens.help_lines import HelpLines
from plugin.screens.posted import Form
from plugin.screens.recommend_view import RecommendView
from plugin.screens.render import page
from plugin.screens.texts.guide_view import guides_for
from plugin.screens.texts.site_texts import texts_under
from plugin.screens.warning_lines import unanswered

router = APIRouter(include_in_schema=False)
_AN_ID = re.compile(r"[a-z0-9_]{1,64}")


@router.get("/launches/{launch_id}/")
def recommend(launch: Launch) -> Response:
    return _page(launch, draft_of_launch(launch))


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
    visit = visit_of(launch, draft)
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
        visit.recommendation,
        draft,
        has_place=visit.has_place,
        every_need=visit.needs,
        waits=bool(lacking),
    )
    frame = frame_of(launch, visit, "recommend")
    return page(
        "recommend.html",
        words,
        {"frame": frame, "problem": problem, "said": "", **values},
        status=status,
    )
