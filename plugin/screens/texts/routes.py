"""A programme's evidence, and the single sessions that can be carried out at once."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from plugin.screens.drafts import draft_of_launch, keep, visit_of
from plugin.screens.errors import NothingHere
from plugin.screens.frames import frame_of
from plugin.screens.gate import ChangingLaunch, Launch, Passed, check_patient
from plugin.screens.posted import Form
from plugin.screens.render import page
from plugin.screens.texts.guide_view import answers_in, guide_values
from plugin.screens.texts.site_texts import texts_under

router = APIRouter(include_in_schema=False)


@router.get("/launches/{launch_id}/evidence/{program}")
def evidence(launch: Launch, program: str) -> Response:
    """Raises: NothingHere for a programme that this site does not know."""
    texts = texts_under(launch.house.knowledge)
    try:
        told = texts.evidence(program, launch.words.language)
    except KeyError:
        raise NothingHere("no such programme") from None
    visit = visit_of(launch, draft_of_launch(launch))
    known = launch.house.knowledge.programs[program]
    frame = frame_of(launch, visit, "recommend")
    values = {"frame": frame, "page": told, "address": _address(launch, program)}
    return page("evidence.html", launch.words, {**values, "kind": known.kind})


@router.get("/launches/{launch_id}/guides/{guide_id}")
def guide(launch: Launch, guide_id: str) -> Response:
    return _guide(launch, guide_id, {})


@router.post("/launches/{launch_id}/guides/{guide_id}")
def keep_guide(launch: ChangingLaunch, guide_id: str, form: Form) -> Response:
    """Keep the summary for the note; what a field does not take is said beside it."""
    check_patient(launch, form.one("patient"))
    texts = texts_under(launch.house.knowledge)
    if guide_id not in texts.guide_ids:
        raise NothingHere("no such guide")
    answers, wrong = answers_in(form, texts.guide(guide_id, launch.words.language))
    draft = draft_of_launch(launch)
    guides = {**draft.guides, guide_id: answers}
    keep(launch, replace(draft, guides={k: v for k, v in guides.items() if v}))
    if wrong:
        return _guide(launch, guide_id, wrong, status=422)
    return RedirectResponse(launch.base + "/", status_code=303)


def _guide(
    launch: Passed, guide_id: str, wrong: dict[str, str], *, status: int = 200
) -> Response:
    """Raises: NothingHere for a guide that is not known."""
    texts = texts_under(launch.house.knowledge)
    try:
        told = texts.guide(guide_id, launch.words.language)
    except KeyError:
        raise NothingHere("no such guide") from None
    draft = draft_of_launch(launch)
    visit = visit_of(launch, draft)
    today = visit.today(launch.house.clock())
    values = guide_values(told, draft.guides.get(guide_id, {}), wrong, today)
    frame = frame_of(launch, visit, "recommend")
    return page("guide.html", launch.words, {"frame": frame, **values}, status=status)


def _address(launch: Passed, program: str) -> str:
    found = launch.house.knowledge.programs[program].url_in(launch.country)
    return found if found.startswith("https://") else ""
