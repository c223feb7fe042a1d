"""What is written to take a referral back, where the EHR takes it.

Its orders get another status; a later note says what the first one does not; a
Provenance tells who did so and why. Pure: nothing is sent or stored here.

Source: FHIR R4, ServiceRequest.status ("revoked", "entered-in-error"),
DocumentReference.relatesTo ("replaces", "appends"); clinical-review R11.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from plugin.fhir import checked
from plugin.referral.changing import change_of
from plugin.referral.filed import Filed, Resource, carriers
from plugin.referral.ledger import NewJob
from plugin.referral.phrases import phrase
from plugin.referral.plan import WritePlan
from plugin.referral.resources import document_reference, is_practitioner, provenance
from plugin.referral.signed import SignedReferral, Site
from smart_launch.context import LaunchContext

SIGNED_IN_ERROR: Final = "signed_in_error"


@dataclass(frozen=True, slots=True)
class Cancelling:
    """Who takes a referral back, and why.

    Takes: `plan`, what this launch may write, None where nothing; `at`, the moment in
           the clinic's zone.
    """

    context: LaunchContext
    plan: WritePlan | None
    site: Site
    reason: str
    at: datetime

    @property
    def in_error(self) -> bool:
        return self.reason == SIGNED_IN_ERROR


def retraction(filed: Filed, act: Cancelling) -> list[NewJob]:
    """The write jobs, in their order; none where a person must do it in the EHR."""
    plan, context = act.plan, act.context
    if plan is None or not is_practitioner(context.fhir_user):
        return []
    written = [
        one
        for one in filed.resources
        if one.act == 1 and one.status == "written" and one.reference
    ]
    said = _said_now(filed.signed, act)
    jobs = [_changed(one, said, act) for one in written if one.type in plan.updatable]
    carrying = carriers([one.type for one in filed.resources if one.act == 1])
    for one in written:
        if one.type != "DocumentReference" or not plan.note:
            continue
        if act.in_error or "DocumentReference" in carrying:
            jobs.append(_later_note(one, said, act))
    if jobs and plan.provenance:
        jobs.append(_signature(said, act))
    return jobs


def later_note(signed: SignedReferral, act: Cancelling) -> str:
    """The whole text of the later note: it names no group, reason or diagnosis."""
    key = "correction.error" if act.in_error else "correction.cancelled"
    language = signed.language
    return phrase(key, language).format(
        signed=signed.signed_at.astimezone(act.at.tzinfo).date().isoformat(),
        date=act.at.date().isoformat(),
    )


def _said_now(signed: SignedReferral, act: Cancelling) -> SignedReferral:
    """The referral as the person who takes it back tells of it: now, and unnamed."""
    context = act.context
    return replace(
        signed,
        author=context.fhir_user,
        author_name=context.user_name,
        encounter=context.encounter or signed.encounter,
        encounter_start="",
        encounter_end="",
        signed_at=act.at,
        note=later_note(signed, act),
        agreement="unnamed",
    )


def _changed(one: Resource, said: SignedReferral, act: Cancelling) -> NewJob:
    system = act.site.identifier_system
    payload = change_of(
        one.reference,
        said.patient,
        {"system": system, "value": one.identifier},
        _end(one, said, act),
    )
    return NewJob(
        one.type,
        payload,
        system,
        one.identifier,
        action="update",
        takes_back=one.reference,
    )


def _end(one: Resource, said: SignedReferral, act: Cancelling) -> dict[str, Any]:
    if act.in_error:
        return {"status": "entered-in-error"}
    if one.type == "ServiceRequest":
        return {"status": "revoked"}
    why = phrase(f"correction.reason.{act.reason}", said.language)
    return {"status": "cancelled", "statusReason": {"text": why}}


def _later_note(one: Resource, said: SignedReferral, act: Cancelling) -> NewJob:
    site = act.site
    note = document_reference(said, site)
    name = f"{said.id}.later"
    note["identifier"] = [{"system": site.identifier_system, "value": name}]
    code = "replaces" if act.in_error else "appends"
    note["relatesTo"] = [{"code": code, "target": {"reference": one.reference}}]
    return NewJob(
        "DocumentReference",
        checked(note),
        site.identifier_system,
        name,
        takes_back=one.reference,
    )


def _signature(said: SignedReferral, act: Cancelling) -> NewJob:
    signature = provenance(said, act.site)
    code = "NULLIFY" if act.in_error else "UPDATE"
    coding: dict[str, Any] = signature["activity"]["coding"][0]
    coding |= {"code": code, "display": code.lower()}
    why = phrase(f"correction.reason.{act.reason}", said.language)
    signature["reason"] = [{"text": why}]
    plan = act.plan
    only_note = plan is not None and plan.note_only_provenance
    targets = ("DocumentReference",) if only_note else ()
    return NewJob("Provenance", checked(signature), targets=targets)
