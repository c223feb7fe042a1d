"""The second screen: what the patient agreed to, the note, the signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from plugin.referral.consents import part2_consent
from plugin.referral.decision import decision_request, sign_request
from plugin.referral.errors import MeetingGone, NotAnswered
from plugin.referral.record import why_closed
from plugin.referral.text import clean_text
from plugin.referral.unnamed import named_in
from plugin.screens.choosing import asked, with_answers
from plugin.screens.draft import Draft
from plugin.screens.drafts import draft_of_launch, keep, visit_of, with_key
from plugin.screens.encounter_choice import (
    encounter_values,
    in_encounter,
    with_encounter,
)
from plugin.screens.errors import DraftChanged
from plugin.screens.frames import frame_of
from plugin.screens.gate import ChangingLaunch, Launch, Passed, check_patient
from plugin.screens.help_lines import HelpLines
from plugin.screens.posted import Form, Posted
from plugin.screens.referral_lines import ReferralWords
from plugin.screens.render import page
from plugin.screens.said import said_in
from plugin.screens.sign_view import (
    DECLINE_REASONS,
    Problem,
    SignView,
    choices_of,
    meeting_of,
)
from plugin.screens.texts.site_texts import texts_under
from plugin.screens.warning_lines import unanswered
from plugin.visit import Visit

router = APIRouter(include_in_schema=False)
AGREEMENTS = ("named", "unnamed", "handout_only", "declined")
# What writes to the chart, and what needs a group.
WRITES = ("named", "unnamed")
WITH_GROUPS = ("named", "unnamed", "handout_only")


@router.get("/launches/{launch_id}/sign")
def discuss(launch: Launch) -> Response:
    draft = draft_of_launch(launch)
    if not draft.picks and draft.agreement != "declined":
        return RedirectResponse(launch.base + "/", status_code=303)
    visit = in_encounter(launch, visit_of(launch, draft), draft.encounter)
    if not draft.key:
        draft = keep(launch, with_key(draft))
    return _page(launch, draft, visit)


@router.post("/launches/{launch_id}/sign")
def sign(launch: ChangingLaunch, form: Form) -> Response:
    """Keep what the page said; sign where its button asks for that."""
    check_patient(launch, form.one("patient"))
    before = draft_of_launch(launch)
    visit = in_encounter(launch, visit_of(launch, before), before.encounter)
    act = asked(form).act
    if form.one("key") != before.key:
        return _signed_already(launch, before)
    draft = _taken(launch, form, before, visit, reset=act == "reset")
    keep(launch, draft)
    if act != "sign" or draft.encounter != before.encounter:
        # With another visit something else may be written: that is looked at first.
        return RedirectResponse(launch.base + "/sign", status_code=303)
    missing = _missing(launch, draft, visit)
    problems = _problems(launch, draft, visit, missing)
    if problems:
        return _page(launch, draft, visit, missing, problems, status=422)
    try:
        return _done(launch, form, draft, visit)
    except NotAnswered as error:
        problem = Problem("", launch.words.say(error.public))
        return _page(launch, draft, visit, missing, [problem], status=422)
    except MeetingGone as error:
        launch.house.visits.forget(launch.context.id)
        fresh = keep(launch, replace(draft, meetings={}, note=None))
        problem = Problem("", launch.words.say(error.public))
        again = in_encounter(launch, visit_of(launch, fresh), fresh.encounter)
        return _page(launch, fresh, again, missing, [problem], status=409)


def _taken(
    launch: Passed, form: Posted, before: Draft, visit: Visit, *, reset: bool
) -> Draft:
    """The draft with what the page said. A note as it was drafted stays a draft."""
    agreement = form.one("agreement")
    draft = with_answers(form, before, visit.recommendation)
    draft = with_encounter(launch, form, draft, visit)
    draft = replace(
        draft, agreement=agreement if agreement in AGREEMENTS else before.agreement
    )
    if reset or not form.one("note").strip():
        return replace(draft, note=None)
    view = _view(launch, visit)
    shown = said_in(launch.words, visit.recommendation)
    note = clean_text(form.one("note"))
    drafts = {
        view.note(shown, d, visit.plan, a) for d in (before, draft) for a in WRITES
    }
    return replace(draft, note=None if note in drafts else note)


def _done(launch: Passed, form: Posted, draft: Draft, visit: Visit) -> Response:
    """Sign, or record the decision that writes nothing, and go on."""
    signing, context = launch.house.signing, launch.context
    answers = answers_of(visit, draft)
    if draft.agreement not in WRITES:
        reason = form.one("reason")
        signing.decide(
            context,
            visit.recommendation,
            decision_request(
                {
                    "decision": draft.agreement,
                    "reason": reason if reason in DECLINE_REASONS else None,
                    "acknowledged": answers,
                }
            ),
        )
        if draft.agreement == "handout_only":
            keep(launch, replace(draft, key=""))
            return RedirectResponse(launch.base + "/handout", status_code=303)
        keep(launch, draft.undecided())
        return RedirectResponse(launch.base + "/referrals?said=declined", 303)
    view = _view(launch, visit)
    shown = said_in(launch.words, visit.recommendation)
    note = draft.note or view.note(shown, draft, visit.plan, draft.agreement)
    signed = signing.sign(
        context,
        (visit.chart, visit.recommendation, visit.plan),
        sign_request(
            {
                "choices": [
                    {
                        "program": p,
                        "meeting": meeting_of(visit.recommendation, draft, p),
                    }
                    for p in draft.picks
                ],
                "note": note,
                "patient": form.one("patient"),
                "acknowledged": answers,
                "agreement": draft.agreement,
                "encounter": draft.encounter or None,
            }
        ),
        idempotency_key=form.one("key"),
    )
    launch.house.worker.nudge()
    keep(launch, draft.undecided())
    return RedirectResponse(f"{launch.base}/referrals/{signed.id}", status_code=303)


def _signed_already(launch: Passed, draft: Draft) -> Response:
    """A second press of Sign, or the back button: show what the first one did.

    Raises: DraftChanged, where other groups have been chosen since.
    """
    house, context = launch.house, launch.context
    mine = [
        filed
        for filed in house.ledger.referrals(context.tenant, context.patient)
        if filed.context == context.id
    ]
    if draft.picks or not mine:
        raise DraftChanged("the page is of another draft than the one that stands")
    return RedirectResponse(f"{launch.base}/referrals/{mine[0].id}", status_code=303)


def answers_of(visit: Visit, draft: Draft) -> list[dict[str, object]]:
    """The answers in the form in which a decision brings them."""
    given: list[dict[str, object]] = []
    for warning in visit.recommendation.warnings:
        answer = draft.answers.get(warning.id)
        if warning.asks_withdrawal:
            given.append({"id": warning.id, "text": draft.withdrawal})
        elif warning.needs_answer and answer and answer.text.strip():
            given.append(
                {
                    "id": warning.id,
                    "text": answer.text,
                    "follow_up": answer.follow_up or None,
                }
            )
    return given


def _missing(launch: Passed, draft: Draft, visit: Visit) -> Mapping[str, str]:
    if draft.agreement == "declined":  # recorded as "red unresolved", not held up
        return {}
    return unanswered(
        visit.recommendation.warnings,
        draft.answers,
        launch.words,
        visit.today(launch.house.clock()),
    )


def _problems(
    launch: Passed, draft: Draft, visit: Visit, missing: Mapping[str, str]
) -> list[Problem]:
    """Everything that is still needed before Sign, in the order of the page."""
    say = launch.words.say
    found = [Problem(f"answer-{warning}", text) for warning, text in missing.items()]
    closed = why_closed(visit.chart)
    if closed and draft.agreement in WRITES:
        found.insert(0, Problem("", say(closed)))
    if not draft.agreement:
        found.append(Problem("agreement", say("Choose what the patient agreed to.")))
    if draft.agreement in WITH_GROUPS and not draft.picks:
        found.append(Problem("", say("Choose one or two groups first.")))
    if draft.agreement == "unnamed" and draft.note:
        choices = choices_of(visit.recommendation, draft)
        told = (visit.recommendation, said_in(launch.words, visit.recommendation))
        named = tuple(
            dict.fromkeys(w for r in told for w in named_in(draft.note, r, choices))
        )
        if named:
            found.append(
                Problem(
                    "note",
                    say(
                        "The patient agreed to no names, and the note has: %(words)s. "
                        "Take them out, or go back to the draft.",
                        words="; ".join(named),
                    ),
                )
            )
    return found


def _view(launch: Passed, visit: Visit) -> SignView:
    return SignView(
        launch.words,
        HelpLines(launch.house.knowledge, launch.words).by_id,
        visit.local(launch.house.clock()),
        launch.house.settings.ehr_of(launch.context.tenant).part2,
        part2_consent(visit.chart, visit.today(launch.house.clock())),
        # Whether one was used in this visit, no chart tells.
        "needed" if visit.chart.patient.interpreter_needed else None,
        texts_under(launch.house.knowledge),
        launch.house.settings.ehr_of(launch.context.tenant).proxy_reads_notes,
    )


def _page(
    launch: Passed,
    draft: Draft,
    visit: Visit,
    missing: Mapping[str, str] | None = None,
    problems: Sequence[Problem] = (),
    *,
    status: int = 200,
) -> Response:
    values = _view(launch, visit).values(
        said_in(launch.words, visit.recommendation),
        draft,
        visit.plan,
        missing=missing or {},
        already=_already(launch, visit),
    )
    frame = frame_of(launch, visit, "recommend")
    return page(
        "sign.html",
        launch.words,
        {
            "frame": frame,
            "problems": problems,
            **values,
            **encounter_values(launch, draft, visit),
        },
        status=status,
    )


def _already(launch: Passed, visit: Visit) -> list[str]:
    """Referrals that stand: who looks twice does not refer twice by mistake."""
    context = launch.context
    filed = launch.house.ledger.referrals(context.tenant, context.patient)
    said = ReferralWords(launch.words, visit.zone)
    return said.standing(filed, visit.chart.referrals)
