"""In and out: the EHR opens the app, leads back to it, and a clinician ends it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from plugin.audit.trail import NO_TENANT, Event
from plugin.house import House
from plugin.screens.drafts import begin_from_card, go_on
from plugin.screens.errors import NoCookieAtSignIn
from plugin.screens.gate import ChangingLaunch, house_of, launch_cookies
from plugin.screens.render import page
from smart_launch.cookies import expired_cookie
from smart_launch.errors import SmartError, StateRejected, UnknownIssuer

router = APIRouter(include_in_schema=False)


@router.get("/launch")
def launch(request: Request) -> Response:
    """Straight on to the EHR's authorize address, with the pending launch's cookie."""
    house = house_of(request)
    try:
        onward = house.smart.begin(request.query_params.multi_items(), request.cookies)
    except SmartError as refusal:
        _note_rejected(house, refusal, "launch")
        raise
    return _onward(onward.url, onward.set_cookies)


@router.get("/callback")
def callback(request: Request) -> Response:
    """Back from the EHR: check everything, then on to the launch's own page."""
    house = house_of(request)
    try:
        finished = house.smart.finish(
            request.query_params.multi_items(), request.cookies
        )
    except SmartError as refusal:
        _note_rejected(house, refusal, "callback")
        if isinstance(refusal, StateRejected) and not launch_cookies(request):
            raise NoCookieAtSignIn("no launch cookie came back") from refusal
        raise
    context = finished.context
    house.trail.record(
        house.engine,
        Event(
            context.tenant,
            "launch.completed",
            actor=context.fhir_user,
            patient=context.patient,
            context=context.id,
            detail={
                "encounter": context.encounter or "",
                "scopes": sorted(context.scopes),
                "superseded": finished.superseded or "",
            },
        ),
    )
    for ended in finished.ended:
        house.visits.forget(ended)
        reason = "superseded" if ended == finished.superseded else "another user"
        house.trail.record(
            house.engine,
            Event(
                context.tenant,
                "context.ended",
                actor=context.fhir_user,
                context=ended,
                detail={"reason": reason, "by": context.id},
            ),
        )
    house.smart.style(context)  # read beside the chart, for the page that follows
    go_on(house, context)
    begin_from_card(house, context)
    house.worker.nudge()  # what waited for this clinician to come back goes on
    return _onward(f"/launches/{context.id}/", finished.set_cookies)


@router.post("/launches/{launch_id}/stay")
def stay(launch: ChangingLaunch) -> Response:
    """Somebody is still there: the session starts to run anew."""
    return Response(status_code=204)


@router.post("/launches/{launch_id}/end")
def end(launch: ChangingLaunch) -> Response:
    """Log out of this launch: its tokens are forgotten, here and at the EHR."""
    house, context = launch.house, launch.context
    house.smart.revoke(context.id)
    house.visits.forget(context.id)
    house.trail.record(
        house.engine,
        Event(
            context.tenant,
            "context.ended",
            actor=context.fhir_user,
            patient=context.patient,
            context=context.id,
            detail={"reason": "logout"},
        ),
    )
    say = launch.words.say
    answer = page(
        "message.html",
        launch.words,
        {
            "sign": "lock",
            "title": say("This session has ended"),
            "lines": [say("What you signed is filed, and what waits is still sent.")],
            "next_step": say("Open the app again from the patient's chart."),
            "link": None,
            "desk": "",
        },
    )
    answer.headers.append("set-cookie", expired_cookie(context.id))
    return answer


def _onward(url: str, cookies: tuple[str, ...]) -> Response:
    answer = RedirectResponse(url, status_code=303)
    for cookie in cookies:
        answer.headers.append("set-cookie", cookie)
    return answer


def _note_rejected(house: House, refusal: SmartError, step: str) -> None:
    """A launch that was not taken up leaves one line, without anything it brought."""
    tenant = getattr(refusal, "tenant", "") or NO_TENANT
    house.trail.record(
        house.engine,
        Event(
            NO_TENANT if isinstance(refusal, UnknownIssuer) else tenant,
            "launch.rejected",
            outcome="refused",
            detail={"step": step, "reason": type(refusal).__name__},
        ),
    )
