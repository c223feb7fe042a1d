"""Earlier referrals of this patient, and what became of them."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from plugin.referral.cancelling import confirm_discontinued
from plugin.referral.outcomes import outcome_request
from plugin.screens.cancelling import take_back
from plugin.screens.drafts import draft_of_launch, visit_of
from plugin.screens.frames import frame_of
from plugin.screens.gate import ChangingLaunch, Launch, Passed, check_patient
from plugin.screens.outcomes import record, told_where
from plugin.screens.posted import Form, Posted
from plugin.screens.referral_lines import REASONS, ReferralWords
from plugin.screens.render import page

router = APIRouter(include_in_schema=False)


@router.get("/launches/{launch_id}/referrals")
def referrals(launch: Launch, request: Request) -> Response:
    said = {
        "saved": launch.words.say("Saved."),
        "declined": launch.words.say("Recorded: not now. Nothing was written."),
    }.get(request.query_params.get("said", ""), "")
    return _page(launch, said=said)


@router.post("/launches/{launch_id}/referrals/{referral_id}/outcome")
def outcome(launch: ChangingLaunch, referral_id: str, form: Form) -> Response:
    check_patient(launch, form.one("patient"))
    if not form.one("attended"):
        problem = launch.words.say("Choose how it went first.")
        return _page(launch, problem=problem, status=422)
    record(launch, referral_id, outcome_request(_told(form)))
    return RedirectResponse(f"{launch.base}/referrals?said=saved", status_code=303)


@router.post("/launches/{launch_id}/referrals/{referral_id}/cancel")
def cancelled(launch: ChangingLaunch, referral_id: str, form: Form) -> Response:
    """Cancel a referral: nothing more of it is sent, and what stands is taken back."""
    take_back(launch, referral_id, form.one("reason"), form.one("patient"))
    return RedirectResponse(f"{launch.base}/referrals/{referral_id}", status_code=303)


@router.post("/launches/{launch_id}/referrals/{referral_id}/discontinued")
def discontinued(launch: ChangingLaunch, referral_id: str, form: Form) -> Response:
    """Somebody has discontinued in the EHR what was cancelled here."""
    check_patient(launch, form.one("patient"))
    launch.house.signing.check_signer(launch.context)
    confirm_discontinued(launch.house.ledger, launch.context, referral_id)
    return RedirectResponse(f"{launch.base}/referrals/{referral_id}", status_code=303)


def _told(form: Posted) -> dict[str, object]:
    """The answers in the form in which the API takes them."""
    went = form.one("attended")
    attended = "yes" if went == "tried" else went
    reason = form.one("reason")
    told: dict[str, object] = {
        "attended": attended,
        "reason": reason if reason in REASONS and went != "yes" else None,
    }
    if went == "tried":
        told["would_return"] = False
    if went == "yes":
        times = form.one("times")
        told["times"] = int(times) if times in ("1", "3", "6", "9") else None
        told["would_return"] = {"yes": True, "no": False}.get(form.one("would_return"))
        told["involvement"] = list(form.every("involvement"))
    return told


def _page(
    launch: Passed, *, said: str = "", problem: str = "", status: int = 200
) -> Response:
    house, context = launch.house, launch.context
    visit = visit_of(launch, draft_of_launch(launch))
    filed = house.ledger.referrals(context.tenant, context.patient)
    words = ReferralWords(launch.words, visit.zone)
    return page(
        "referrals.html",
        launch.words,
        {
            "frame": frame_of(launch, visit, "referrals"),
            "said": said,
            "problem": problem,
            "told_where": told_where(launch, visit),
            **words.follow_up(filed, visit.chart.referrals),
        },
        status=status,
    )
