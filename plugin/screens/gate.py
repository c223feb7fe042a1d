"""Who may pass: one cookie for each launch, and changes only from our own pages.

A launch's id stands in the path and opens nothing by itself; the cookie that is named
after it does. Two tabs with two patients carry two cookies, so they cannot mix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.requests import Request

from plugin.audit.trail import NO_TENANT, Event
from plugin.house import House
from plugin.screens.errors import ForeignOrigin, NoCookieKept, PatientDiffers
from plugin.screens.words import Words
from smart_launch.context import LaunchContext
from smart_launch.cookies import context_secret, is_cookie_id
from smart_launch.errors import ContextUnknown, RelaunchNeeded

COOKIE_PREFIX = "__Host-launch-"


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that may see this launch."""

    house: House
    context: LaunchContext
    words: Words

    @property
    def base(self) -> str:
        return f"/launches/{self.context.id}"

    @property
    def country(self) -> str:
        return self.house.settings.ehr_of(self.context.tenant).country


def house_of(request: Request) -> House:
    house = request.app.state.house
    assert isinstance(house, House)
    return house


def passed(request: Request, launch_id: str) -> Passed:
    """Open the launch that the path names, by the cookie named after it.

    Raises: ContextUnknown (404) for a foreign or unknown one, ContextEnded (409),
            RelaunchNeeded (401) where it was not used for too long, NoCookieKept.
    """
    house = house_of(request)
    if not is_cookie_id(launch_id):
        raise ContextUnknown("the id is not of the form of an id")
    try:
        context = house.contexts.opened(
            launch_id, context_secret(request.cookies, launch_id)
        )
        ehr = house.settings.ehr_of(context.tenant)
    except ContextUnknown:
        _note_refusal(house, launch_id)
        if launch_cookies(request):
            raise
        raise NoCookieKept("no launch cookie came with the request") from None
    except KeyError:  # the tenant has been taken out of the settings since
        raise RelaunchNeeded("the tenant is no longer registered") from None
    request.state.tenant = context.tenant
    request.state.words = Words.of(ehr.language, ehr.country)
    return Passed(house, context, request.state.words)


def changing(request: Request, launch: Annotated[Passed, Depends(passed)]) -> Passed:
    """The same, for a request that changes something: only from our own pages.

    Raises: ForeignOrigin.
    """
    origin = launch.house.settings.public_url
    if not from_our_page(request, origin):
        launch.house.trail.record(
            launch.house.engine,
            Event(
                launch.context.tenant,
                "security.rejected",
                actor=launch.context.fhir_user,
                patient=launch.context.patient,
                context=launch.context.id,
                outcome="refused",
                detail={"reason": "origin"},
            ),
        )
        raise ForeignOrigin("the Origin header is not ours")
    return launch


Launch = Annotated[Passed, Depends(passed)]
ChangingLaunch = Annotated[Passed, Depends(changing)]


def from_our_page(request: Request, public_url: str) -> bool:
    """Whether the browser says that one of our own pages made the request.

    A form of a page with `Referrer-Policy: no-referrer` is sent with `Origin: null`;
    then only the browser's own word counts, which no page can set.
    Source: Fetch, "append a request `Origin` header"; Fetch Metadata, Sec-Fetch-Site.
    """
    site = request.headers.get("sec-fetch-site")
    if site not in (None, "same-origin"):
        return False
    origins = request.headers.getlist("origin")
    if origins == ["null"] and not request.url.path.startswith(_api_of(request)):
        return site == "same-origin"
    return origins == [browser_origin(public_url)]


def _api_of(request: Request) -> str:
    return f"/launches/{request.path_params.get('launch_id', '')}/api/"


def browser_origin(public_url: str) -> str:
    """An address's origin as browsers write it: lower case, no default port."""
    parts = urlsplit(public_url)
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    default = {"https": 443, "http": 80}.get(parts.scheme)
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def check_patient(launch: Passed, shown: str) -> None:
    """The patient that the page showed is the launch's, or nothing is done.

    Raises: PatientDiffers, after a note in the trail.
    """
    if shown == launch.context.patient:
        return
    launch.house.trail.record(
        launch.house.engine,
        Event(
            launch.context.tenant,
            "security.rejected",
            actor=launch.context.fhir_user,
            patient=launch.context.patient,
            context=launch.context.id,
            outcome="refused",
            detail={"reason": "patient differs"},
        ),
    )
    raise PatientDiffers("the form shows another patient than the context's")


def launch_cookies(request: Request) -> dict[str, str]:
    return {
        name: value
        for name, value in request.cookies.items()
        if name.startswith(COOKIE_PREFIX)
    }


def _note_refusal(house: House, launch_id: str) -> None:
    house.trail.record(
        house.engine,
        Event(
            NO_TENANT,
            "security.rejected",
            context=launch_id,
            outcome="refused",
            detail={"reason": "cookie"},
        ),
    )
