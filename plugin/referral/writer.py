"""One write job, from its row to what came of it.

Nothing here changes a row: the caller does, under the job's lease.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

import orjson

from plugin.audit.keys import AuditKeys
from plugin.referral import answers
from plugin.referral.changing import change
from plugin.referral.jobs import Job
from plugin.referral.lookup import Fhir, can_look, look
from plugin.referral.own_access import WRITTEN_BY_BACKEND, NoOwnAccess, OwnAccess
from plugin.referral.resources import with_references
from plugin.referral.results import Result
from plugin.store.contexts import Contexts
from smart_launch.errors import (
    EhrUnavailable,
    FhirError,
    FhirRefused,
    FhirUnavailable,
    NotFound,
    NotPermitted,
    RelaunchNeeded,
    SealBroken,
    UnknownIssuer,
)
from smart_launch.fhir_client import Created
from smart_launch.scopes import Scopes

# Written later than this, the patient's record is looked at first: it may have been
# merged meanwhile.
_LATE = timedelta(minutes=15)
# Older than this, a person says again that it is still right (clinical-review R12).
TOO_OLD = timedelta(hours=24)
# Between noting that we send and sending. Longer, and the process was stopped in
# between: the lease may be another's by now.
_LONGEST_PAUSE = 3.0  # seconds


@dataclass(frozen=True, slots=True)
class Writer:
    """Takes: `fhir_for`, which gives a launch's FHIR client, bound to its grant; `own`,
    the app's own access, for what no launch can finish any more.
    """

    fhir_for: Callable[[str], Fhir]
    contexts: Contexts
    keys: AuditKeys
    own: OwnAccess = field(default_factory=NoOwnAccess)
    monotonic: Callable[[], float] = time.monotonic

    def run(self, job: Job, sending: Callable[[], bool]) -> Result | None:
        """Do what the job needs next, with its signer's grant, else with the app's own.

        Takes: `sending`, which notes that it is about to be sent; where it gives
               False, it must not be.
        Gives: None where the lease was lost before anything was sent.
        """
        stopped = self._guard(job)
        if stopped is not None:
            return stopped
        newest = self.contexts.newest_launch(job.tenant, job.patient, job.subject)
        for context_id in self.contexts.usable(job.tenant, job.patient, job.subject):
            try:
                result = self._with(job, context_id, sending)
            except RelaunchNeeded:
                continue  # an earlier launch of the same user may still be good
            if result is None:
                return None
            return replace(result, context=context_id, tried_launch=newest)
        try:
            result = self._with_own(job, sending)
        except RelaunchNeeded:
            return Result(
                job.open_status,
                "needs_launch",
                "It goes on when the clinician who signed it opens this patient again.",
                needs_launch=True,
                tried_launch=newest,
            )
        return None if result is None else replace(result, tried_launch=newest)

    def _guard(self, job: Job) -> Result | None:
        """Stop what must not be sent, whatever the EHR would say to it."""
        if not self.keys.has_digest(job.payload, job.payload_digest):
            return answers.alarm(
                "changed", "What was signed was changed in the database."
            )
        if not _is_about(orjson.loads(job.payload), job.patient):
            return answers.alarm("another_patient", "It is about another patient.")
        if job.age > TOO_OLD:
            return Result(
                "held",
                "too_old",
                "It was signed more than a day ago and is not written yet. "
                "Is it still right?",
            )
        return None

    def _with(
        self, job: Job, context_id: str, sending: Callable[[], bool]
    ) -> Result | None:
        try:
            context, grant = self.contexts.load(context_id)
            fhir = self.fhir_for(context_id)
        except SealBroken:
            return answers.alarm("seal_broken", "The stored sign-in cannot be opened.")
        except UnknownIssuer:
            return Result(
                "held", "ehr_gone", "This app is not set up for this EHR any more."
            )
        patients = {job.patient, context.patient, grant.patient, fhir.patient}
        if len(patients) > 1 or context.tenant != job.tenant:
            return answers.alarm("another_patient", "The sign-in is another patient's.")
        try:
            run = _Run(job, context.scopes, fhir, sending, self.monotonic)
            return run.result()
        except FhirError as error:  # of a read: what the create says is an answer
            return answers.waiting(job, error)

    def _with_own(self, job: Job, sending: Callable[[], bool]) -> Result | None:
        """Raises: RelaunchNeeded, where the app has no access of its own, or must not
        use it: a launch that the EHR moved to another patient stops all its work.
        """
        fhir = self.own.fhir(job.tenant, job.patient)
        if self.contexts.changed_by_ehr(job.tenant, job.patient, job.subject):
            raise RelaunchNeeded("the EHR changed a launch of this work")
        if fhir.patient != job.patient:
            return answers.alarm("another_patient", "The access is another patient's.")
        try:
            scopes = self.own.granted(job.tenant)
            run = _Run(job, scopes, fhir, sending, self.monotonic, backend=True)
            result = run.result()
        except FhirError as error:
            result = answers.waiting(job, error)
        except EhrUnavailable as error:
            result = answers.waiting(job, FhirUnavailable(str(error)))
        if result is None:
            return None
        if result.status == "written":
            result = replace(result, reason=WRITTEN_BY_BACKEND)
        return replace(result, backend=True)


@dataclass(frozen=True, slots=True)
class _Run:
    job: Job
    scopes: Scopes
    fhir: Fhir
    sending: Callable[[], bool] = field(repr=False)
    monotonic: Callable[[], float] = field(repr=False)
    backend: bool = False

    def result(self) -> Result | None:
        if self.job.action == "update":
            return change(self.job, self.scopes, self.fhir, self._may_send)
        body = self._body()
        if body is None:
            return Result("cancelled", "no_target", "There is nothing to point at.")
        if self.job.looks_owed or self.job.answered:
            looked = self._looked(body)
            if looked is not None:
                return looked
        if self.backend or self.job.age > _LATE:
            gone = self._patient_gone()
            if gone is not None:
                return gone
        return self._created(body)

    def _body(self) -> bytes | None:
        """What is sent: as it was signed, with what is known only now."""
        kind, payload = self.job.kind, self.job.payload
        if kind == "Provenance":
            targets = self._targets()
            return with_references(kind, payload, targets) if targets else None
        if kind == "Task":
            orders = [r for r in self.job.earlier if r.startswith("ServiceRequest/")]
            return with_references(kind, payload, orders) if orders else None
        if kind == "DocumentReference" and self.job.earlier:
            return with_references(kind, payload, self.job.earlier)
        return payload

    def _targets(self) -> list[str]:
        wanted = self.job.targets
        return [
            reference
            for reference in self.job.earlier
            if not wanted or reference.split("/")[0] in wanted
        ]

    def _looked(self, body: bytes) -> Result | None:
        """Gives: None where it is certain that nothing is there: it may be sent."""
        job = self.job
        if not can_look(self.fhir.capabilities(), self.scopes, job.kind):
            return answers.cannot_look(job)
        try:
            found = look(
                self.fhir, job.kind, job.identifier_system, job.identifier, body
            )
        except (NotPermitted, NotFound, FhirRefused):
            return answers.cannot_look(job)
        if found.another_patient:
            return answers.alarm(
                "another_patient", "It was filed in another patient's record."
            )
        if len(found.references) > 1:
            return answers.alarm("several", "It is in the record more than once.")
        if found.references:
            return answers.written(found.references[0], "found")
        if found.sure and job.looks_owed == 1 and not job.answered:
            return None
        return answers.not_there(job, sure=found.sure)

    def _patient_gone(self) -> Result | None:
        try:
            entry = self.fhir.read("Patient", self.job.patient)
        except NotFound as error:
            return answers.patient_gone(error.http_status)
        except NotPermitted:
            return None  # it is not ours to see; the EHR says the rest at the create
        return answers.patient_gone() if _replaced(entry.resource) else None

    def _created(self, body: bytes) -> Result | None:
        condition = self._condition()
        stopped = self._may_send()
        if stopped is not True:
            return stopped
        try:
            created = self.fhir.create(self.job.kind, body, if_none_exist=condition)
        except FhirError as error:
            return self._gone_after(error) or answers.of_error(self.job, error)
        return self._filed(created, body)

    def _may_send(self) -> Result | Literal[True] | None:
        """Note that it is about to be sent.

        Gives: True where it may be; None where the lease was lost, or why it must not.
        """
        began = self.monotonic()
        if not self.sending():
            return None
        if self.monotonic() - began > _LONGEST_PAUSE:
            return Result(
                self.job.open_status,
                "paused",
                "It was not sent in time. It is tried again by itself.",
            )
        return True

    def _gone_after(self, refusal: FhirError) -> Result | None:
        """Whether a refusal is about the patient's record, and not about ours."""
        if not answers.may_be_about_patient(refusal):
            return None
        try:
            return self._patient_gone()
        except FhirError:
            return None  # the refusal itself is known; this was only its reason

    def _condition(self) -> str | None:
        """The search that makes the create conditional, where the EHR honours it."""
        if not self.job.identifier:
            return None
        try:
            honoured = self.fhir.capabilities().conditional_create(self.job.kind)
        except FhirError:
            return None
        name = f"{self.job.identifier_system}|{self.job.identifier}"
        return f"identifier={name}" if honoured else None

    def _filed(self, created: Created, body: bytes) -> Result:
        kind = self.job.kind
        if answers.is_accepted(created):
            return answers.accepted()
        reference = f"{kind}/{created.location_id}" if created.location_id else ""
        resource = created.resource
        names_patient = resource is not None and kind != "Provenance"
        if names_patient and not self.fhir.concerns_patient(resource or {}):
            return answers.alarm(
                "another_patient",
                "The record system filed it under another patient.",
                reference,
            )
        if reference:
            return answers.written(reference)
        return self._place_of(body)

    def _place_of(self, body: bytes) -> Result:
        """It is filed, and the EHR did not say where."""
        answered = replace(self.job, answered=True)
        try:
            found = replace(self, job=answered)._looked(body)
        except (FhirError, RelaunchNeeded):
            found = None
        return found or answers.not_there(answered, sure=False)


def _is_about(resource: Any, patient: str) -> bool:
    """Whether what was signed is about this patient; a Provenance points, and is."""
    if not isinstance(resource, dict):
        return False
    if resource.get("resourceType") == "Provenance":
        return True
    subject = resource.get("for" if resource["resourceType"] == "Task" else "subject")
    return (
        isinstance(subject, dict) and subject.get("reference") == f"Patient/{patient}"
    )


def _replaced(patient: dict[str, Any]) -> bool:
    """Whether the record was merged into another one, or is not used any more."""
    links = patient.get("link")
    merged = isinstance(links, list) and any(
        isinstance(one, dict) and one.get("type") == "replaced-by" for one in links
    )
    return merged or patient.get("active") is False
