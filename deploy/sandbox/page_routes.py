"""The EHR's own pages: the day's patients, and a chart with its tabs.

Server-rendered, without script. The app opens in the chart's last tab, in a frame, by
a SMART launch that is minted when the tab is drawn.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from deploy.sandbox import chart_views as views
from deploy.sandbox.card_views import CardView, card_view
from deploy.sandbox.grants import Launch
from deploy.sandbox.order_entry import ORDERABLES, draft_of, signed
from deploy.sandbox.sandbox import Sandbox
from deploy.sandbox.site import Site
from deploy.sandbox.wire import Json

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
            Route(
                f"{prefix}/patients/{{id}}/cards/{{card}}",
                pages.turn_down,
                methods=["POST"],
            ),
            Route(
                f"{prefix}/patients/{{id}}/cards/{{card}}/use",
                pages.use,
                methods=["POST"],
            ),
            Route(f"{prefix}/patients/{{id}}/order", pages.order, methods=["POST"]),
            Route(
                f"{prefix}/patients/{{id}}/discharge", pages.discharge, methods=["POST"]
            ),
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
        opened_from = request.query_params.get("card", "")
        shown = self._tab(site, tab, str(patient["id"]), opened_from)
        cards = await run_in_threadpool(self._opening, site, tab, str(patient["id"]))
        return self._drawn(f"{tab}.html", site, patient, tab, cards, **shown)

    async def order(self, request: Request) -> Response:
        """An order is about to be signed: decision support may have a word before."""
        site, patient, form = await self._posted(request)
        name = form.get("order", "")
        if site is None or patient is None or name not in ORDERABLES:
            return self._missing()
        launch = site.launch_for(str(patient["id"]))
        draft = draft_of(name, launch, self._sandbox.clock())
        cards: Sequence[CardView] = []
        if form.get("anyway") != "yes":
            drafts = {"resourceType": "Bundle", "entry": [{"resource": draft}]}
            cards = await run_in_threadpool(
                self._cards, site, launch, "order-sign", draftOrders=drafts
            )
        if cards:
            label = ORDERABLES[name].label
            return self._drawn(
                "order.html", site, patient, "orders", cards, order=name, label=label
            )
        site.records.keep(signed(draft))
        return self._back(site, str(patient["id"]), "orders")

    async def discharge(self, request: Request) -> Response:
        """The visit is about to end: what decision support says to that."""
        site, patient, _ = await self._posted(request)
        if site is None or patient is None:
            return self._missing()
        launch = site.launch_for(str(patient["id"]))
        cards = await run_in_threadpool(
            self._cards, site, launch, "encounter-discharge"
        )
        return self._drawn("discharge.html", site, patient, "orders", cards)

    async def use(self, request: Request) -> Response:
        """A suggestion is taken in place of the draft: filed, and the service told."""
        site, patient, form = await self._posted(request)
        client = self._sandbox.clients.first()
        shown = self._sandbox.cds.shown(request.path_params["card"])
        if site is None or patient is None or client is None or shown is None:
            return self._missing()
        chosen = [
            one
            for one in shown.card.get("suggestions", [])
            if one.get("uuid") == form.get("suggestion")
        ]
        if shown.patient != patient["id"] or not chosen:
            return self._missing()
        for action in chosen[0].get("actions", []):
            if action.get("type") == "create" and not _stands(site, action["resource"]):
                site.records.keep(action["resource"])
        await run_in_threadpool(
            self._sandbox.cds.take_up,
            client.cds_url,
            site,
            shown,
            str(chosen[0]["uuid"]),
        )
        return self._back(site, str(patient["id"]), "orders")

    async def _posted(
        self, request: Request
    ) -> tuple[Site | None, Json | None, dict[str, str]]:
        """The site, the patient of a chart in it, and what the form says."""
        site, identity = self._site(request), request.path_params["id"]
        has_chart = site is not None and site.chart_of(identity) is not None
        patient = site.records.read("Patient", identity) if site and has_chart else None
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        return site, patient, form

    def _back(self, site: Site, patient: str, tab: str) -> Response:
        home = f"/{site.name}/" if site.name else "/"
        return RedirectResponse(f"{home}patients/{patient}/{tab}", 303)

    def _drawn(
        self,
        template: str,
        site: Site,
        patient: Json,
        tab: str,
        cards: Sequence[CardView],
        **shown: Any,
    ) -> Response:
        """A page of a chart, with the cards that stand in it."""
        return self._page(
            template,
            site,
            frame=shown.get("app_origin", ""),
            forms=bool(cards) or tab == "orders",
            patient=views.patient_view(site, patient, self._sandbox.clock().date()),
            tab=tab,
            tabs=TABS,
            cards=cards,
            **shown,
        )

    async def turn_down(self, request: Request) -> Response:
        """A card is dismissed: the service is told, and the chart is shown again."""
        site = self._site(request)
        client = self._sandbox.clients.first()
        shown = self._sandbox.cds.shown(request.path_params["card"])
        patient = request.path_params["id"]
        if site is None or client is None or shown is None or shown.patient != patient:
            return self._missing()
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        await run_in_threadpool(
            self._sandbox.cds.turn_down,
            client.cds_url,
            site,
            shown,
            form.get("reason", ""),
            form.get("comment", ""),
        )
        home = f"/{site.name}/" if site.name else "/"
        return RedirectResponse(f"{home}patients/{patient}", 303)

    def _opening(self, site: Site, tab: str, patient: str) -> Sequence[CardView]:
        """The cards of a chart that is opened: its first tab is where it opens."""
        if tab != "problems" or site.chart_of(patient) is None:
            return []
        return self._cards(site, site.launch_for(patient), "patient-view")

    def _cards(
        self, site: Site, launch: Launch, hook: str, **context: Json
    ) -> Sequence[CardView]:
        client = self._sandbox.clients.first()
        if client is None or not client.cds_url:
            return []
        shown = self._sandbox.cds.asked(client.cds_url, site, launch, hook, **context)
        return [card_view(one) for one in shown]

    async def launch(self, request: Request) -> Response:
        """Open the app outside the chart: a launch of its own."""
        site = self._site(request)
        client = self._sandbox.clients.first()
        patient = request.path_params["id"]
        if site is None or client is None or site.chart_of(patient) is None:
            return self._missing()
        address = self._launch_address(site, patient, client.launch_url, banner=True)
        return RedirectResponse(address, 303, {"Cache-Control": "no-store"})

    def _tab(self, site: Site, tab: str, patient: str, card: str) -> dict[str, Any]:
        records = site.records
        match tab:
            case "notes":
                return {"notes": views.note_views(records, patient)}
            case "orders":
                orders = views.order_views(records, patient)
                return {"orders": orders, "orderables": ORDERABLES}
            case "self-help":
                return self._app(site, patient, card)
        return {
            "problems": views.problem_views(records, patient),
            "results": views.result_views(records, patient),
            "medications": views.medication_views(records, patient),
        }

    def _app(self, site: Site, patient: str, card: str) -> dict[str, Any]:
        client = self._sandbox.clients.first()
        if client is None or site.chart_of(patient) is None:
            return {"address": "", "app_origin": "", "app_title": ""}
        parts = urlsplit(client.launch_url)
        return {
            "address": self._launch_address(
                site,
                patient,
                client.launch_url,
                banner=False,
                app_context=self._app_context(patient, card),
            ),
            "app_origin": f"{parts.scheme}://{parts.netloc}",
            "app_title": client.title,
        }

    def _app_context(self, patient: str, card: str) -> str:
        """What the link of the card says that the app is to be told."""
        shown = self._sandbox.cds.shown(card) if card else None
        if shown is None or shown.patient != patient:
            return ""
        links = shown.card.get("links", [])
        smart = [link for link in links if link.get("type") == "smart"]
        return str(smart[0].get("appContext", "")) if smart else ""

    def _launch_address(
        self,
        site: Site,
        patient: str,
        launch_url: str,
        *,
        banner: bool,
        app_context: str = "",
    ) -> str:
        # The chart shows who the patient is above the frame; a page alone does not.
        launch = site.launch_for(
            patient, need_patient_banner=banner, app_context=app_context
        )
        token = site.grants.mint_launch(launch)
        return f"{launch_url}?{urlencode({'iss': site.fhir, 'launch': token})}"

    def _site(self, request: Request) -> Site | None:
        return self._sandbox.sites.get(request.path_params.get("site", ""))

    def _page(
        self,
        template: str,
        site: Site,
        *,
        frame: str = "",
        forms: bool = False,
        **shown: Any,
    ) -> Response:
        text = self._templates.get_template(template).render(
            site=site,
            sites=list(self._sandbox.sites.values()),
            home=f"/{site.name}/" if site.name else "/",
            **shown,
        )
        return HTMLResponse(text, headers=_headers(frame, forms=forms))

    def _missing(self) -> Response:
        site = self._sandbox.main
        page = self._page("missing.html", site)
        page.status_code = 404
        return page


def _stands(site: Site, resource: Json) -> bool:
    """Whether the record has it already, by its identifier."""
    named = resource.get("identifier")
    kept = site.records.all(str(resource.get("resourceType", "")))
    return bool(named) and any(one.get("identifier") == named for one in kept)


def _headers(frame: str, *, forms: bool) -> dict[str, str]:
    policy = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        # The frame passes through the sandbox's own authorize address on its way.
        f"frame-src 'self' {frame}" if frame else "frame-src 'none'",
        "form-action 'self'" if forms else "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
