"""A programme's evidence, and the single sessions that can be carried out at once."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from plugin.knowledge.evidence_page import EvidencePage
from plugin.referral.ledger import event_of
from plugin.screens.drafts import draft_of_launch, keep, visit_of
from plugin.screens.errors import NothingHere
from plugin.screens.frames import frame_of
from plugin.screens.gate import ChangingLaunch, Launch, Passed, check_patient
from plugin.screens.posted import Form
from plugin.screens.render import page
from plugin.screens.said import evidence_said_in
from plugin.screens.texts.guide_view import answers_in, guide_values
from plugin.screens.texts.site_texts import texts_under

router = APIRouter(include_in_schema=False)


# What a clinician may say was done with the patient, and how the trail calls it.
_DONE = {"discussed": "referral.discussed", "literature": "literature.given"}


@router.get("/launches/{launch_id}/evidence/{program}")
def evidence(launch: Launch, program: str, request: Request) -> Response:
    """Raises: NothingHere for a programme that this site does not know."""
    told = _evidence_of(launch, program)
    say = launch.words.say
    said = {
        "discussed": say("Recorded: discussed with the patient."),
        "literature": say("Recorded: literature given to the patient."),
    }.get(request.query_params.get("said", ""), "")
    visit = visit_of(launch, draft_of_launch(launch))
    known = launch.house.knowledge.programs[program]
    frame = frame_of(launch, visit, "recommend")
    shown = evidence_said_in(launch.words, told)
    values = {"frame": frame, "page": shown, "address": _address(launch, program)}
    more = {"kind": known.kind, "said": said}
    return page("evidence.html", launch.words, {**values, **more})


@router.post("/launches/{launch_id}/evidence/{program}")
def done_with_patient(launch: ChangingLaunch, program: str, form: Form) -> Response:
    """Record what was done with the patient: the clinician's word, not a guess.

    Raises: NothingHere for a programme or an act that is not known.
    """
    check_patient(launch, form.one("patient"))
    told = _evidence_of(launch, program)
    act = form.one("act")
    if act not in _DONE:
        raise NothingHere("no such act")
    house = launch.house
    detail = {
        "program": program,
        "sources": [source.citation for source in told.sources],
        "knowledge_version": house.knowledge.version,
    }
    house.trail.record(house.engine, event_of(launch.context, _DONE[act], detail))
    where = f"{launch.base}/evidence/{program}?said={act}"
    return RedirectResponse(where, status_code=303)


def _evidence_of(launch: Passed, program: str) -> EvidencePage:
    """Raises: NothingHere for a programme that this site does not know."""
    texts = texts_under(launch.house.knowledge)
    try:
        return texts.evidence(program, launch.words.language)
    except KeyError:
        raise NothingHere("no such programme") from None


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
