"""Who may pass: a reviewer's session, a role, a tenant; changes from our pages only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from plugin.audit.errors import NotSignedIn, NotYours
from plugin.audit.reviewer import Reviewer
from plugin.audit.trail import NO_TENANT, Event
from plugin.house import House
from plugin.screens.auditor.frame import Frame
from plugin.screens.errors import ForeignOrigin, words_of
from plugin.screens.gate import from_our_page, house_of
from plugin.screens.render import page
from plugin.screens.words import Words

# Top-level pages: never sent along from another site, but for the way back from the
# identity provider, which is a plain navigation.
SESSION_COOKIE = "__Host-audit"
SIGN_IN_COOKIE = "__Host-audit-sign-in"
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"

# No EHR has this id: `Guarded` then lets nobody frame the page.
_UNFRAMED = "-"


def cookie(name: str, value: str, *, seconds: int) -> str:
    return f"{name}={value}; {_ATTRIBUTES}; Max-Age={seconds}"


def unframed(request: Request) -> None:
    request.state.tenant = _UNFRAMED
    request.state.words = _words(request)


def reviewers_router() -> APIRouter:
    """A router whose pages no other page may frame, not even to say what is wrong."""
    return APIRouter(include_in_schema=False, dependencies=[Depends(unframed)])


def _words(request: Request) -> Words:
    """The browser's language; dates and distances in the first EHR's country."""
    spoken = words_of(request).language
    ehrs = house_of(request).settings.ehrs
    return Words.of(spoken, ehrs[0].country)


@dataclass(frozen=True, slots=True)
class Reading:
    """A request that may read this tenant's trail."""

    house: House
    reviewer: Reviewer
    tenant: str
    words: Words

    @property
    def base(self) -> str:
        return f"/audit/at/{self.tenant}"

    @property
    def tenants(self) -> list[str]:
        """All that this reviewer may read, in the order of the settings."""
        known = [*(ehr.id for ehr in self.house.settings.ehrs), NO_TENANT]
        return [one for one in known if self.reviewer.may_see(one)]

    def note(self, kind: str, detail: Mapping[str, Any], patient: str = "") -> int:
        """Record what is about to be shown. Gives the record's number.

        Raises: StoreUnavailable; then it is not shown.
        """
        return self.house.trail.record(
            self.house.engine,
            Event(self.tenant, kind, self.reviewer.actor, patient, detail=detail),
        )

    def draw(
        self,
        template: str,
        active: str,
        values: Mapping[str, object],
        status: int = 200,
    ) -> Response:
        shell = Frame.of(self.reviewer, self.tenant, self.tenants, active, self.words)
        return page(
            f"auditor/{template}", self.words, {"shell": shell, **values}, status=status
        )


def reviewer_of(request: Request) -> Reviewer:
    """Raises: NotSignedIn."""
    secret = request.cookies.get(SESSION_COOKIE, "")
    reviewer = house_of(request).reviewers.reviewer(secret)
    if reviewer is None:
        raise NotSignedIn("no session is open")
    return reviewer


def reading(request: Request, tenant: str) -> Reading:
    """Raises: NotSignedIn; NotYours, also for a tenant that there is not."""
    house, reviewer = house_of(request), reviewer_of(request)
    words = request.state.words
    passed = Reading(house, reviewer, tenant, words)
    if tenant not in passed.tenants:
        refuse(house, reviewer, "tenant")
        raise NotYours("another tenant's trail")
    return passed


def changing(
    request: Request, reading: Annotated[Reading, Depends(reading)]
) -> Reading:
    """The same, for a request that is more than reading.

    Raises: ForeignOrigin.
    """
    check_origin(request, reading.reviewer)
    return reading


def check_origin(request: Request, reviewer: Reviewer) -> None:
    house = house_of(request)
    if not from_our_page(request, house.settings.public_url):
        refuse(house, reviewer, "origin")
        raise ForeignOrigin("the Origin header is not ours")


def refuse(house: House, reviewer: Reviewer, reason: str) -> None:
    house.trail.record(
        house.engine,
        Event(
            NO_TENANT,
            "security.rejected",
            reviewer.actor,
            outcome="refused",
            detail={"reason": reason, "where": "audit"},
        ),
    )


Read = Annotated[Reading, Depends(reading)]
Change = Annotated[Reading, Depends(changing)]
