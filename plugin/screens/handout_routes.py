"""The hand-out: one page for the patient, without a name, in the patient's language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from plugin.audit.trail import Event
from plugin.directory.meeting import Occurrence
from plugin.referral.signed import Choice
from plugin.screens.cards import OLD_FEED
from plugin.screens.drafts import draft_of_launch, visit_of
from plugin.screens.gate import Launch, Passed
from plugin.screens.help_lines import HelpLines
from plugin.screens.render import page
from plugin.screens.sign_view import choices_of
from plugin.screens.words import Words, languages, nearest

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Go:
    """One place to go. Each text is "" where it is not known or not to be said."""

    when: str
    name: str
    where: str
    phone: str
    address: str
    demo: bool
    old: bool


@router.get("/launches/{launch_id}/referrals/{referral_id}/handout")
def of_referral(launch: Launch, referral_id: str, request: Request) -> Response:
    filed = launch.house.ledger.referral_of(launch.context, referral_id)
    back = f"{launch.base}/referrals/{filed.id}"
    return _page(launch, request, filed.signed.choices, back, referral=filed.id)


@router.get("/launches/{launch_id}/handout")
def of_choice(launch: Launch, request: Request) -> Response:
    """The hand-out where nothing is written to the chart."""
    draft = draft_of_launch(launch)
    choices = choices_of(visit_of(launch, draft).recommendation, draft)
    if not choices:
        return RedirectResponse(launch.base + "/", status_code=303)
    return _page(launch, request, choices, f"{launch.base}/sign", referral="")


def _page(
    launch: Passed,
    request: Request,
    choices: Sequence[Choice],
    back: str,
    *,
    referral: str,
) -> Response:
    visit = visit_of(launch, draft_of_launch(launch))
    asked = request.query_params.get("lang", "")
    language = asked if asked in languages() else nearest(visit.chart.patient.language)
    words = Words.of(language, launch.country)
    named = request.query_params.get("names") != "off"
    now = launch.house.clock()
    lines = HelpLines(launch.house.knowledge, words)
    _note(launch, language, named=named, referral=referral)
    return page(
        "handout.html",
        words,
        {
            "bar": launch.words,
            "back": back,
            "steps": [_go(launch, one, words, now, named=named) for one in choices],
            "crisis": lines.for_paper(launch.country),
            "crisis_checked": lines.checked_words(launch.country),
            "printed": words.full_date(visit.local(now)),
        },
    )


def _go(
    launch: Passed, choice: Choice, words: Words, now: datetime, *, named: bool
) -> Go:
    meeting = choice.meeting
    name = choice.name if named else ""
    if meeting is None:
        return Go("", name, "", "", "", demo=False, old=False)
    listed = launch.house.directory.occurrence(meeting.id, meeting.starts)
    when = f"{words.spelled_date(meeting.starts)}, {words.clock(meeting.starts)}"
    where = meeting.where
    if meeting.attendance == "online":
        when = f"{when} {words.zone(meeting.starts, listed.timezone if listed else '')}"
        where = words.say("Online")
    return Go(
        when=when,
        name=name,
        where=where,
        phone=listed.phone if listed else "",
        address=_address(listed, meeting.attendance) if named else "",
        demo=listed.demo if listed else False,
        old=bool(
            listed and listed.feed_fetched and now - listed.feed_fetched > OLD_FEED
        ),
    )


def _address(listed: Occurrence | None, attendance: str) -> str:
    """Where to join, as text to type: https only, or nothing."""
    if listed is None or attendance == "in-person":
        return ""
    address = listed.join_url or listed.url
    return address if address.startswith("https://") else ""


def _note(launch: Passed, language: str, *, named: bool, referral: str) -> None:
    launch.house.trail.record(
        launch.house.engine,
        Event(
            launch.context.tenant,
            "handout.given",
            actor=launch.context.fhir_user,
            patient=launch.context.patient,
            context=launch.context.id,
            detail={"referral": referral, "language": language, "named": named},
        ),
    )
