"""The EHR's own pages: the day's patients, and a chart with its tabs.

Server-rendered, without script. The app opens in the chart's last tab, in a frame, by
a SMART launch that is minted when the tab is drawn.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from deploy.sandbox import chart_views as views
from deploy.sandbox.sandbox import Sandbox
from deploy.sandbox.site import Site

_FOLDER = Path(str(files("deploy.sandbox")))
TABS = {
    "problems": "Problems",
    "notes": "Notes",
    "orders": "Orders",
    "self-help": "Self-help groups",
}


def page_routes(sandbox: Sandbox) -> Sequence[BaseRoute]:
    """Make the routes of the pages, for the main site and for those beside it."""
    pages = Pages(sandbox)
    static = StaticFiles(directory=_FOLDER / "static")
    routes: list[BaseRoute] = [Mount("/static", static)]
    for prefix in ("", "/{site}"):
        routes += [
            Route(f"{prefix}/", pages.patients),
            Route(f"{prefix}/patients/{{id}}", pages.chart),
            Route(f"{prefix}/patients/{{id}}/launch", pages.launch),
            Route(f"{prefix}/patients/{{id}}/{{tab}}", pages.chart),
        ]
    return routes


class Pages:
    """Draws the pages of every site."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def patients(self, request: Request) -> Response:
        site = self._site(request)
        if site is None:
            return self._missing()
        today = self._sandbox.clock().date()
        drawn = [
            views.patient_view(site, patient, today)
            for patient in site.records.all("Patient")
        ]
        listed = sorted(drawn, key=lambda patient: patient.name.split()[-1])
        return self._page("patients.html", site, patients=listed)

    async def chart(self, request: Request) -> Response:
        site = self._site(request)
        tab = request.path_params.get("tab", "problems")
        patient = (
            site.records.read("Patient", request.path_params["id"]) if site else None
        )
        if site is None or patient is None or tab not in TABS:
            return self._missing()
        view = views.patient_view(site, patient, self._sandbox.clock().date())
        shown = self._tab(site, tab, view.id)
        return self._page(
            f"{tab}.html",
            site,
            frame=shown.get("app_origin", ""),
            patient=view,
            tab=tab,
            tabs=TABS,
            **shown,
        )

    async def launch(self, request: Request) -> Response:
        """Open the app outside the chart: a launch of its own."""
        site = self._site(request)
        client = self._sandbox.clients.first()
        patient = request.path_params["id"]
        if site is None or client is None or site.chart_of(patient) is None:
            return self._missing()
        address = self._launch_address(site, patient, client.launch_url, banner=True)
        return RedirectResponse(address, 303, {"Cache-Control": "no-store"})

    def _tab(self, site: Site, tab: str, patient: str) -> dict[str, Any]:
        records = site.records
        match tab:
            case "notes":
                return {"notes": views.note_views(records, patient)}
            case "orders":
                return {"orders": views.order_views(records, patient)}
            case "self-help":
                return self._app(site, patient)
        return {
            "problems": views.problem_views(records, patient),
            "results": views.result_views(records, patient),
            "medications": views.medication_views(records, patient),
        }

    def _app(self, site: Site, patient: str) -> dict[str, Any]:
        client = self._sandbox.clients.first()
        if client is None or site.chart_of(patient) is None:
            return {"address": "", "app_origin": "", "app_title": ""}
        parts = urlsplit(client.launch_url)
        return {
            "address": self._launch_address(
                site, patient, client.launch_url, banner=False
            ),
            "app_origin": f"{parts.scheme}://{parts.netloc}",
            "app_title": client.title,
        }

    def _launch_address(
        self, site: Site, patient: str, launch_url: str, *, banner: bool
    ) -> str:
        # The chart shows who the patient is above the frame; a page alone does not.
        launch = site.launch_for(patient, need_patient_banner=banner)
        token = site.grants.mint_launch(launch)
        return f"{launch_url}?{urlencode({'iss': site.fhir, 'launch': token})}"

    def _site(self, request: Request) -> Site | None:
        return self._sandbox.sites.get(request.path_params.get("site", ""))

    def _page(
        self, template: str, site: Site, *, frame: str = "", **shown: Any
    ) -> Response:
        text = self._templates.get_template(template).render(
            site=site,
            sites=list(self._sandbox.sites.values()),
            home=f"/{site.name}/" if site.name else "/",
            **shown,
        )
        return HTMLResponse(text, headers=_headers(frame))

    def _missing(self) -> Response:
        site = self._sandbox.main
        page = self._page("missing.html", site)
        page.status_code = 404
        return page


def _headers(frame: str) -> dict[str, str]:
    policy = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        # The frame passes through the sandbox's own authorize address on its way.
        f"frame-src 'self' {frame}" if frame else "frame-src 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
