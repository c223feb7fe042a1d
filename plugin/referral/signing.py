"""From a decision to a signed referral: the gates, the frozen values, the payloads."""

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import orjson

from plugin.audit.trail import Event, Trail
from plugin.chart.chart import Chart, Encounter
from plugin.clock import Clock
from plugin.directory.directory import Directory
from plugin.directory.meeting import Occurrence
from plugin.fhir import checked
from plugin.matching.recommendation import Recommendation, Recommended
from plugin.referral.consents import part2_consent
from plugin.referral.decision import (
    DecisionRequest,
    SignRequest,
    Wanted,
    check_gates,
    checked_key,
    unresolved,
)
from plugin.referral.disclosure import Disclosure, disclosure
from plugin.referral.encounters import encounter_of
from plugin.referral.errors import (
    CannotBeWritten,
    MayNotSign,
    MeetingGone,
    NotAnswered,
    NotASigner,
    PatientDiffers,
)
from plugin.referral.ledger import Ledger, NewJob, SignOutcome, event_of
from plugin.referral.note import choice_of
from plugin.referral.plan import WritePlan
from plugin.referral.record import check_open
from plugin.referral.resources import (
    document_reference,
    is_practitioner,
    provenance,
    service_requests,
    task,
)
from plugin.referral.signed import Choice, SignedReferral, Site
from plugin.referral.standing import may_sign
from plugin.referral.unnamed import check_unnamed
from plugin.settings import Settings
from smart_launch.context import LaunchContext

VisitParts = tuple[Chart, Recommendation, WritePlan]

# As the active referral has it: the clinician's first review, after a month.
_REVIEW_AFTER = timedelta(days=28)
# A clinician west of Greenwich may name today when it is tomorrow in UTC.
_TODAY_SLACK = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Signing:
    ledger: Ledger
    trail: Trail
    directory: Directory
    settings: Settings
    clock: Clock
    random_uuid: Callable[[], uuid.UUID]

    def sign(
        self,
        context: LaunchContext,
        visit_parts: VisitParts,
        request: SignRequest,
        *,
        idempotency_key: str | None,
    ) -> SignOutcome:
        """Sign one decision. It is written to the record by the worker.

        Raises: KeyMissing, KeyReused, PatientDiffers, RecordClosed, MayNotSign,
                NotAnswered, MeetingGone, CannotBeWritten; InvalidResource;
                StoreUnavailable.
        """
        chart, recommendation, plan = visit_parts
        key = checked_key(idempotency_key)
        digest = request_digest(request)
        before = self.ledger.signed_before(context, key, digest)
        if before is not None:
            return before
        self._same_patient(context, chart, request)
        check_open(chart)
        if not is_practitioner(context.fhir_user):
            raise MayNotSign("fhirUser is no Practitioner and no PractitionerRole")
        self.check_signer(context)
        now = self.clock()
        check_gates(
            recommendation.warnings,
            request.acknowledged,
            today=(now - _TODAY_SLACK).date(),
        )
        if not plan.note:
            raise CannotBeWritten("the plan for this EHR writes nothing")
        encounter = encounter_of(context, chart, request.encounter)
        if plan.note_needs_encounter and encounter is None:
            raise CannotBeWritten("the note needs its visit, and none is named")
        chosen = [self._choice(recommendation, wanted) for wanted in request.choices]
        may = self.may_tell(context.tenant, chart, recommendation, chosen, request)
        check_unnamed(request.note, recommendation, chosen, may)
        signed = self._signed(context, request, chosen, now)
        visit = _visit(chart, encounter)
        signed = replace(
            signed,
            encounter=encounter,
            encounter_start=visit.start if visit else "",
            encounter_end=visit.end if visit else "",
            agreement=may.agreement,
            part2=may.part2,
            part2_consent=may.consent,
            restricted=may.restricted,
        )
        return self.ledger.sign(
            context,
            signed,
            self._jobs(signed, plan),
            key=key,
            digest=digest,
            events=[_agreed(context, signed, chart), *_answers(context, signed)],
        )

    def decide(
        self,
        context: LaunchContext,
        recommendation: Recommendation,
        request: DecisionRequest,
    ) -> str:
        """Record hand-out only, or declined: nothing is written. Gives its id.

        A red warning is answered before a hand-out is given; where the patient
        declined, it is recorded that it was not.

        Raises: NotAnswered.
        """
        if request.decision == "handout_only":
            check_gates(
                recommendation.warnings,
                request.acknowledged,
                today=(self.clock() - _TODAY_SLACK).date(),
            )
        return self.ledger.record_decision(
            context,
            request,
            red_unresolved=unresolved(recommendation, request.acknowledged),
        )

    def may_tell(
        self,
        tenant: str,
        chart: Chart,
        recommendation: Recommendation,
        chosen: Sequence[Choice],
        request: SignRequest,
    ) -> Disclosure:
        """What the record may name of these choices, whatever was ticked."""
        return disclosure(
            recommendation,
            chosen,
            request.agreement,
            part2=self.settings.ehr_of(tenant).part2,
            proxy=self.settings.ehr_of(tenant).proxy_reads_notes,
            consent=part2_consent(chart, self._today()),
        )

    def _today(self) -> date:
        return self.clock().date()

    def check_signer(self, context: LaunchContext) -> None:
        """Who may not sign may not take back either.

        Raises: NotASigner, after a note in the trail.
        """
        if may_sign(context, self.settings.ehr_of(context.tenant)):
            return
        self.trail.record(
            self.ledger.engine,
            event_of(
                context, "security.rejected", {"what": "not a signer"}, "rejected"
            ),
        )
        raise NotASigner("the site lets this user look and print only")

    def _same_patient(
        self, context: LaunchContext, chart: Chart, request: SignRequest
    ) -> None:
        if request.patient == context.patient == chart.patient.id:
            return
        self.trail.record(
            self.ledger.engine,
            event_of(
                context, "security.rejected", {"what": "another patient"}, "rejected"
            ),
        )
        raise PatientDiffers("the page's patient is not this launch's")

    def _choice(self, recommendation: Recommendation, wanted: Wanted) -> Choice:
        program = recommendation.program(wanted.program)
        if program is None:
            raise NotAnswered(_not_offered(recommendation, wanted.program))
        if wanted.meeting is None:
            return choice_of(program, None)
        return choice_of(program, self._meeting(program, wanted.meeting))

    def _meeting(self, program: Recommended, meeting_id: str) -> Occurrence:
        """The meeting as it stands in the directory now.

        Raises: MeetingGone, where that is not what the page showed.
        """
        shown = next((m for m in program.meetings if m.id == meeting_id), None)
        at = shown.starts if shown else self.clock()
        now = self.directory.occurrence(meeting_id, at)
        if now is None:
            raise MeetingGone("the meeting is not in the directory any more")
        if now.program != program.id:
            raise NotAnswered(f"The meeting is not one of {program.name}.")
        if shown and now.starts != shown.starts:
            raise MeetingGone("the meeting is at another time")
        return now

    def _signed(
        self,
        context: LaunchContext,
        request: SignRequest,
        chosen: Sequence[Choice],
        now: datetime,
    ) -> SignedReferral:
        return SignedReferral(
            id=str(self.random_uuid()),
            tenant=context.tenant,
            patient=context.patient,
            encounter=context.encounter,
            author=context.fhir_user,
            author_name=context.user_name,
            choices=tuple(chosen),
            note=request.note,
            agreement=request.agreement,
            acknowledged=request.acknowledged,
            signed_at=now,
            language=self.settings.ehr_of(context.tenant).language.split("-")[0],
        )

    def _jobs(self, signed: SignedReferral, plan: WritePlan) -> list[NewJob]:
        """What is written, in the order in which it is written."""
        site = self.site(signed.tenant)
        jobs = []
        if plan.service_request:
            for number, order in enumerate(service_requests(signed, site), start=1):
                name = f"{signed.id}.{number}"
                jobs.append(_job("ServiceRequest", checked(order), site, name))
        note = checked(document_reference(signed, site, []))
        jobs.append(_job("DocumentReference", note, site, signed.id))
        if plan.provenance:
            targets = ("DocumentReference",) if plan.note_only_provenance else ()
            signature = checked(provenance(signed, site, []))
            jobs.append(NewJob("Provenance", signature, targets=targets))
        if plan.task:
            # One for all choices: what is asked later is whether the patient went.
            review = (signed.signed_at + _REVIEW_AFTER).date()
            reminder = checked(task(signed, site, 1, "", review))
            jobs.append(_job("Task", reminder, site, f"{signed.id}.1.task"))
        return jobs

    def site(self, tenant: str) -> Site:
        ehr = self.settings.ehr_of(tenant)
        return Site(
            public_url=self.settings.public_url,
            note_type=ehr.note_type,
            note_status=ehr.note_status,
            note_form=ehr.note_form,
            part2=ehr.part2,
        )


def request_digest(request: SignRequest) -> str:
    """The same decision has the same digest, however its JSON was written."""
    visit = {"encounter": request.encounter} if request.encounter else {}
    told = orjson.dumps(
        visit
        | {
            "choices": [[one.program, one.meeting] for one in request.choices],
            "note": request.note,
            "patient": request.patient,
            "agreement": request.agreement,
            "acknowledged": sorted(
                [one.warning, one.text, str(one.follow_up)]
                for one in request.acknowledged
            ),
        }
    )
    return hashlib.sha256(told).hexdigest()


def _job(kind: str, payload: bytes, site: Site, name: str) -> NewJob:
    return NewJob(kind, payload, site.identifier_system, name)


def _answers(context: LaunchContext, signed: SignedReferral) -> list[Event]:
    """One event for each warning that was answered; the words stay in the ledger."""
    return [
        event_of(
            context,
            "warning.acknowledged",
            {
                "warning": answer.warning,
                "referral": signed.id,
                "text": hashlib.sha256(answer.text.encode()).hexdigest(),
                "follow_up": str(answer.follow_up) if answer.follow_up else None,
            },
        )
        for answer in signed.acknowledged
    ]


def _agreed(context: LaunchContext, signed: SignedReferral, chart: Chart) -> Event:
    """What the patient agreed to, who asked, and in which language of the site.

    Beside it, what the chart says of the patient's language and of an interpreter:
    whether one was there, no chart tells.
    """
    needed = {True: "needed", False: "not needed", None: "not known"}
    detail = {
        "referral": signed.id,
        "agreement": signed.agreement,
        "restricted": signed.restricted,
        "part2": signed.part2,
        "part2_consent": signed.part2_consent,
        "language": signed.language,
        "patient_language": chart.patient.language,
        "interpreter": needed[chart.patient.interpreter_needed],
    }
    return event_of(context, "consent.recorded", detail)


def _not_offered(recommendation: Recommendation, program_id: str) -> str:
    for removed in recommendation.removed:
        if removed.id == program_id:
            return f"{removed.name} does not suit this patient: {removed.reason}"
    return "choices names a programme that does not suit this patient."


def _visit(chart: Chart, encounter: str | None) -> Encounter | None:
    if encounter is None:
        return None
    bare = encounter.removeprefix("Encounter/")
    return next((e for e in chart.encounters if e.id == bare), None)
