"""In and out: to the identity provider, back from it, and the end of a session."""

from __future__ import annotations

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from plugin.audit.errors import NotYours, SignInRefused
from plugin.audit.reviewer import Reviewer
from plugin.audit.sign_in import SIGN_IN_SECONDS, SignIn
from plugin.audit.trail import NO_TENANT, Event
from plugin.house import House
from plugin.screens.auditor.gate import (
    SESSION_COOKIE,
    SIGN_IN_COOKIE,
    Reading,
    check_origin,
    cookie,
    reviewer_of,
    reviewers_router,
)
from plugin.screens.gate import house_of
from plugin.screens.render import page

router = reviewers_router()


@router.get("/audit")
def begin_here(
    request: Request,
    reviewer: Reviewer = Depends(reviewer_of),  # noqa: B008
) -> Response:
    """On to the first tenant that this reviewer may read."""
    anywhere = Reading(house_of(request), reviewer, "", request.state.words)
    for tenant in anywhere.tenants:
        return RedirectResponse(f"/audit/at/{tenant}/records", status_code=303)
    raise NotYours("no tenant of this installation")


@router.get("/audit/sign-in")
def sign_in(request: Request) -> Response:
    """Straight on to the identity provider."""
    house = house_of(request)
    url, pending = _login(house).begin()
    answer = RedirectResponse(url, status_code=303)
    kept = cookie(SIGN_IN_COOKIE, pending, seconds=SIGN_IN_SECONDS)
    answer.headers.append("set-cookie", kept)
    return answer


@router.get("/audit/callback")
def callback(request: Request) -> Response:
    """Back from the identity provider: check everything, then open a session."""
    house = house_of(request)
    pending = request.cookies.get(SIGN_IN_COOKIE, "")
    try:
        reviewer = _login(house).finish(request.query_params.multi_items(), pending)
    except SignInRefused as refusal:
        _note(house, "audit.sign_in_refused", "", "refused", {"reason": str(refusal)})
        raise
    detail = {"roles": sorted(reviewer.roles), "tenants": sorted(reviewer.tenants)}
    _note(house, "audit.signed_in", reviewer.actor, "done", detail)
    before = request.cookies.get(SESSION_COOKIE, "")
    if before:  # an id that somebody may have planted here is not used further
        house.reviewers.end(before)
    secret = house.reviewers.begin(reviewer)
    answer = RedirectResponse("/audit", status_code=303)
    seconds = house.settings.sessions.absolute_hours * 3600
    for kept in (
        cookie(SESSION_COOKIE, secret, seconds=seconds),
        cookie(SIGN_IN_COOKIE, "", seconds=0),
    ):
        answer.headers.append("set-cookie", kept)
    return answer


@router.post("/audit/sign-out")
def sign_out(
    request: Request,
    reviewer: Reviewer = Depends(reviewer_of),  # noqa: B008
) -> Response:
    check_origin(request, reviewer)
    house = house_of(request)
    house.reviewers.end(request.cookies.get(SESSION_COOKIE, ""))
    _note(house, "audit.signed_out", reviewer.actor, "done", {})
    say = request.state.words.say
    values = {
        "sign": "lock",
        "title": say("You are signed out"),
        "lines": [say("Close the browser on a machine that others use.")],
        "next_step": "",
        "link": {"href": "/audit/sign-in", "text": say("Sign in again")},
        "desk": "",
    }
    answer = page("message.html", request.state.words, values)
    answer.headers.append("set-cookie", cookie(SESSION_COOKIE, "", seconds=0))
    return answer


def _login(house: House) -> SignIn:
    if house.sign_in is None:
        raise NotYours("[audit_login] is not set")
    return house.sign_in


def _note(
    house: House, kind: str, actor: str, outcome: str, detail: dict[str, object]
) -> None:
    event = Event(NO_TENANT, kind, actor, outcome=outcome, detail=detail)
    house.trail.record(house.engine, event)
