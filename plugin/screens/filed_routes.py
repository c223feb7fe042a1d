"""What was filed: the honest state of each part, as often as one looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter
from starlette.responses import Response

from plugin.matching.active_referral import agreed_referral
from plugin.referral.cancelling import (
    may_be_cancelled,
    may_be_confirmed,
    waits_for_word,
)
from plugin.referral.filed import Filed
from plugin.referral.retraction import SIGNED_IN_ERROR, later_note, retraction
from plugin.screens.cancelling import cancelling
from plugin.screens.drafts import draft_of_launch, visit_of
from plugin.screens.frames import frame_of
from plugin.screens.gate import Launch, Passed
from plugin.screens.meeting_times import own_start
from plugin.screens.plan_view import PlanLine, PlanView
from plugin.screens.referral_lines import ReferralWords
from plugin.screens.render import page
from plugin.screens.texts.site_texts import texts_under
from plugin.screens.words import nearest, own_names
from plugin.visit import Visit

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class CancelPlan:
    """`later_note` is for a cancelling, `error_note` for what was signed in error."""

    revokes: bool
    stands: bool
    later_note: bool
    error_note: bool
    text: str
    error_text: str


@router.get("/launches/{launch_id}/referrals/{referral_id}")
def filed(launch: Launch, referral_id: str) -> Response:
    found = launch.house.ledger.referral_of(launch.context, referral_id)
    visit = visit_of(launch, draft_of_launch(launch))
    return page(
        "filed.html",
        launch.words,
        {
            "frame": frame_of(launch, visit, "referrals"),
            **live_values(launch, found, visit),
            "referral_id": found.id,
            "handout_languages": own_names(),
            "handout_language": nearest(visit.chart.patient.language or "en"),
            "steps": _steps(launch, found, visit),
            "to_discontinue": may_be_confirmed(found),
            "waits_for_word": any(waits_for_word(r) for r in found.resources),
            "cancel_plan": _cancel_plan(launch, found, visit),
            "may_cancel": may_be_cancelled(found),
            "cancel_reasons": ReferralWords(launch.words, visit.zone).cancel_reasons(),
        },
    )


@router.get("/launches/{launch_id}/referrals/{referral_id}/state")
def state(launch: Launch, referral_id: str) -> Response:
    """The part of the page that changes, for the script that looks again."""
    found = launch.house.ledger.referral_of(launch.context, referral_id)
    visit = visit_of(launch, draft_of_launch(launch))
    return page("filed_live.html", launch.words, live_values(launch, found, visit))


def _cancel_plan(launch: Passed, found: Filed, visit: Visit) -> CancelPlan:
    """What cancelling would do, said before it is done."""
    usual, error = (
        retraction(found, cancelling(launch, visit, reason))
        for reason in ("other", SIGNED_IN_ERROR)
    )
    note = next((job for job in error if job.kind == "DocumentReference"), None)
    return CancelPlan(
        revokes=any(job.action == "update" for job in usual),
        stands=any(r.reference for r in found.resources),
        later_note=any(job.kind == "DocumentReference" for job in usual),
        error_note=note is not None,
        text=later_note(found.signed, cancelling(launch, visit, "other")),
        error_text=later_note(found.signed, cancelling(launch, visit, SIGNED_IN_ERROR)),
    )


def live_values(launch: Passed, found: Filed, visit: Visit) -> dict[str, object]:
    here = f"{launch.base}/referrals/{found.id}"
    said = ReferralWords(launch.words, visit.zone)
    return {"here": here, "live": f"{here}/state", **said.live(found)}


def _steps(launch: Passed, found: Filed, visit: Visit) -> list[PlanLine]:
    """What is ahead, each with its owner, the nearest day first."""
    say, words = launch.words.say, launch.words
    steps: list[tuple[date | None, PlanLine]] = []
    days = []
    for choice in found.signed.choices:
        if choice.meeting is None:
            line = PlanLine(say("Soon"), choice.name, say("patient"))
            steps.append((date.min, line))
        else:
            met = choice.meeting
            starts = own_start(met.starts, met.attendance, visit.zone)
            what = f"{choice.name}, {words.clock(starts)}"
            line = PlanLine(words.day(starts), what, say("patient"))
            steps.append((starts.date(), line))
            days.append(starts.date())
    for answer in found.signed.acknowledged:
        if answer.follow_up:
            day = words.day(answer.follow_up)
            line = PlanLine(day, say("Follow-up contact"), say("you"))
            steps.append((answer.follow_up, line))
    steps += _planned(launch, found, visit, min(days, default=None))
    steps.sort(key=lambda step: step[0] or date.max)
    last = PlanLine(
        say("Next visit"), say("Ask how it went, and record it"), say("you")
    )
    return [*(line for _, line in steps), last]


def _planned(
    launch: Passed, found: Filed, visit: Visit, first: date | None
) -> list[tuple[date | None, PlanLine]]:
    """The rest of the active referral, by the day on which it was signed."""
    knowledge = launch.house.knowledge
    chosen = [knowledge.programs.get(c.program) for c in found.signed.choices]
    agreed = agreed_referral(
        visit.recommendation.plan,
        visit.local(found.signed_at).date(),
        first,
        sponsors=any("sponsorship" in p.factors for p in chosen if p is not None),
    )
    texts = texts_under(knowledge).linkage(launch.words.language)
    return PlanView(launch.words, texts, knowledge).after_the_visit(agreed)
