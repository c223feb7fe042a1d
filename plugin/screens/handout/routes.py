"""The hand-out: one page for the patient, without a name, in the patient's language.

For a signed referral and for a choice that is not written to the chart; as a page to
print, as PDF, as a calendar file and as text to send.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from plugin.audit.trail import Event
from plugin.referral.note import RESTRICTED_WARNINGS
from plugin.referral.signed import Choice
from plugin.screens.drafts import draft_of_launch, visit_of
from plugin.screens.errors import NothingHere
from plugin.screens.gate import ChangingLaunch, Launch, Passed, check_patient
from plugin.screens.handout.files import calendar_of, paper_size, pdf_of, text_of
from plugin.screens.handout.options import Options, options_of
from plugin.screens.handout.promise import promise_from, promise_of
from plugin.screens.handout.type_size import type_size
from plugin.screens.handout.view import Paper, PaperMaker
from plugin.screens.help_lines import HelpLines
from plugin.screens.posted import Form
from plugin.screens.render import page, render
from plugin.screens.sign_view import choices_of
from plugin.screens.texts.site_texts import texts_under
from plugin.screens.words import Words, own_names
from plugin.visit import Visit

router = APIRouter(include_in_schema=False)
OF_REFERRAL = "/launches/{launch_id}/referrals/{referral_id}/handout"
OF_CHOICE = "/launches/{launch_id}/handout"
PROMISE = "handout"  # the name under which it is kept with the launch


@dataclass(frozen=True, slots=True)
class Given:
    """One hand-out of a launch, before it is a page or a file."""

    launch: Passed
    visit: Visit
    choices: Sequence[Choice]
    options: Options
    here: str
    back: str
    referral: str  # "" where nothing is written to the chart

    @property
    def words(self) -> Words:
        return Words.of(self.options.language, self.launch.country)

    def paper(self) -> Paper:
        house, words, visit = self.launch.house, self.words, self.visit
        now = visit.local(house.clock())
        lines = HelpLines(house.knowledge, words)
        kept = house.contexts.draft(self.launch.context, PROMISE)
        maker = PaperMaker(
            texts=texts_under(house.knowledge),
            words=words,
            home=visit.zone,
            now=now,
            listed=house.directory.occurrence,
            crisis=lines.for_paper(self.launch.country),
            crisis_checked=lines.checked_words(self.launch.country),
        )
        return maker.paper(
            self.choices,
            self.options,
            name=visit.chart.patient.name,
            promise=promise_from(kept, now.date()),
        )

    def note(self, form: str) -> None:
        """One line in the trail: who was given what, in which form."""
        house, context, options = self.launch.house, self.launch.context, self.options
        detail = {
            "referral": self.referral,
            "form": form,
            "language": options.language,
            "named": options.named,
            "reasons": options.why,
            "patient_named": options.patient,
            "safe_way": options.safe,
        }
        house.trail.record(
            house.engine,
            Event(
                context.tenant,
                "handout.given",
                actor=context.fhir_user,
                patient=context.patient,
                context=context.id,
                detail=detail,
            ),
        )


@router.get(OF_REFERRAL)
def page_of_referral(launch: Launch, referral_id: str, request: Request) -> Response:
    return _page(_of_referral(launch, referral_id, request))


@router.get(OF_REFERRAL + ".pdf")
def pdf_of_referral(launch: Launch, referral_id: str, request: Request) -> Response:
    return _pdf(_of_referral(launch, referral_id, request))


@router.get(OF_REFERRAL + ".ics")
def dates_of_referral(launch: Launch, referral_id: str, request: Request) -> Response:
    return _dates(_of_referral(launch, referral_id, request))


@router.post(OF_REFERRAL)
def promise_with_referral(
    launch: ChangingLaunch, referral_id: str, request: Request, form: Form
) -> Response:
    return _promised(_of_referral(launch, referral_id, request), form)


@router.get(OF_CHOICE)
def page_of_choice(launch: Launch, request: Request) -> Response:
    given = _of_choice(launch, request)
    if not given.choices:
        return RedirectResponse(launch.base + "/", status_code=303)
    return _page(given)


@router.get(OF_CHOICE + ".pdf")
def pdf_of_choice(launch: Launch, request: Request) -> Response:
    return _pdf(_of_choice(launch, request))


@router.get(OF_CHOICE + ".ics")
def dates_of_choice(launch: Launch, request: Request) -> Response:
    return _dates(_of_choice(launch, request))


@router.post(OF_CHOICE)
def promise_with_choice(
    launch: ChangingLaunch, request: Request, form: Form
) -> Response:
    return _promised(_of_choice(launch, request), form)


def _of_referral(launch: Passed, referral_id: str, request: Request) -> Given:
    filed = launch.house.ledger.referral_of(launch.context, referral_id)
    back = f"{launch.base}/referrals/{filed.id}"
    visit = visit_of(launch, draft_of_launch(launch))
    return Given(
        launch,
        visit,
        filed.signed.choices,
        _options(request, visit),
        f"{back}/handout",
        back,
        filed.id,
    )


def _of_choice(launch: Passed, request: Request) -> Given:
    """The hand-out where nothing is written to the chart."""
    draft = draft_of_launch(launch)
    visit = visit_of(launch, draft)
    choices = choices_of(visit.recommendation, draft)
    here, back = f"{launch.base}/handout", f"{launch.base}/sign"
    return Given(launch, visit, choices, _options(request, visit), here, back, "")


def _options(request: Request, visit: Visit) -> Options:
    warned = {warning.id for warning in visit.recommendation.warnings}
    return options_of(
        request.query_params,
        visit.chart.patient.language,
        restricted=bool(warned & RESTRICTED_WARNINGS),
    )


def _page(given: Given) -> Response:
    sheet = _sheet(given)
    paper = sheet["paper"]
    given.note("page")
    launch, options = given.launch, given.options
    return page(
        "handout.html",
        given.words,
        {
            **sheet,
            "bar": launch.words,
            "patient": launch.context.patient,
            "here": given.here,
            "back": given.back,
            "options": options,
            "query": options.query,
            "languages": own_names(),
            "has_dates": any(go.starts for go in paper.steps),
            "message": text_of(paper, given.words) if options.may_lead_back else "",
            "today": given.visit.today(launch.house.clock()).isoformat(),
        },
    )


def _sheet(given: Given) -> dict[str, Any]:
    paper = given.paper()
    return {"paper": paper, "size": type_size(paper)}


def _pdf(given: Given) -> Response:
    """Raises: NothingHere, where no group is chosen."""
    if not given.choices:
        raise NothingHere("no group is chosen")
    html = render("handout_pdf.html", given.words, _sheet(given))
    made = pdf_of(html, paper_size(given.launch.country))
    given.note("pdf")
    return _file(made, "application/pdf", "next-step.pdf")


def _dates(given: Given) -> Response:
    """Raises: NothingHere without a date, or where a calendar could do harm."""
    paper = given.paper() if given.choices else None
    dated = paper is not None and any(go.starts for go in paper.steps)
    if paper is None or not dated or not given.options.may_lead_back:
        raise NothingHere("no date may be given")
    now = given.launch.house.clock()
    given.note("calendar")
    made = calendar_of(paper, given.words, now)
    return _file(made, "text/calendar; charset=utf-8", "next-step.ics")


def _file(body: bytes, kind: str, name: str) -> Response:
    """A file whose name tells nothing."""
    disposition = f'attachment; filename="{name}"'
    return Response(
        body, headers={"content-type": kind, "content-disposition": disposition}
    )


def _promised(given: Given, form: Form) -> Response:
    """Keep who calls, or whom the patient sees, and when; or that nobody does."""
    launch = given.launch
    check_patient(launch, form.one("patient"))
    today = given.visit.today(launch.house.clock())
    promise = promise_of(form.one("kind"), form.one("on"), form.one("by"), today)
    kept = promise.to_bytes() if promise else b""
    launch.house.contexts.keep_draft(launch.context, PROMISE, kept)
    where = f"{given.here}?{given.options.query}"
    return RedirectResponse(where, status_code=303)
