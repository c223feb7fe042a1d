"""A referral as it stands: what was signed, and what has become of each part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from plugin.referral.results import LOOKS
from plugin.referral.signed import JobStatus, ReferralStatus, SignedReferral
from plugin.referral.taken_back import STANDING

# A referral is where its least settled part is; among settled parts, a refusal counts.
_ORDER: tuple[ReferralStatus, ...] = ("held", "unknown", "waiting", "refused")
# What counts of that which only goes beside the referral. A reminder that is held
# stands in the record after a cancelling, until a person says that it does not.
_BESIDE: Mapping[str, tuple[ReferralStatus, ...]] = {
    "Provenance": ("waiting", "written"),
    "Task": ("waiting", "unknown", "held", "written"),
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource that is written for a referral, under its write job's id.

    `reference` is where the EHR keeps it, "" until it is known; `reason` is a sentence
    for the clinician, the EHR's own words in it where it refused. `act` is 1 for what
    was signed and 2 for what takes it back: `takes_back` is the reference of that.
    """

    job: str
    type: str
    identifier: str
    status: ReferralStatus
    reference: str
    reason: str
    attempts: int
    due: datetime | None  # the next attempt, where one is to come
    changed_at: datetime
    act: int = 1
    action: str = "create"
    takes_back: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the patient said at a later visit about going there."""

    attended: Literal["yes", "no", "unknown"]
    times: int | None = None
    would_return: bool | None = None
    involvement: tuple[str, ...] = ()
    reason: str | None = None
    recorded_at: datetime | None = None
    author: str = ""


@dataclass(frozen=True, slots=True)
class Filed:
    """One referral. `context` is the launch in which it was signed."""

    id: str
    tenant: str
    patient: str
    context: str
    status: ReferralStatus
    signed: SignedReferral
    resources: tuple[Resource, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def taken_back(self) -> bool:
        """Whether it was cancelled here, whatever still stands in the record."""
        return self.status == "cancelled" or any(
            one.takes_back or one.reason in STANDING for one in self.resources
        )

    @property
    def signed_at(self) -> datetime:
        return self.signed.signed_at


def shown_status(status: JobStatus, looks_owed: int) -> ReferralStatus:
    """How a job's state is shown: one that is being worked on is what it was before."""
    if status == "leased":
        return "unknown" if looks_owed >= LOOKS else "waiting"
    return status


def carriers(kinds: Sequence[str]) -> frozenset[str]:
    """Which of a referral's resources are the referral itself: its orders, or the note
    that carries it where there are none.
    """
    order = "ServiceRequest"
    return frozenset({order if order in kinds else "DocumentReference"})


def overall(resources: Sequence[Resource]) -> ReferralStatus:
    """The referral's status from its parts'.

    A Provenance or a reminder that came to nothing is told, but does not unsettle a
    referral whose order and note are in the record. What takes a part back counts while
    it is open: once it is settled, the part itself says what came of it.
    """
    signed = [one for one in resources if one.act == 1]
    counted = [*signed, *(one for one in resources if is_taking_back(one))]
    states = {one.status for one in counted if _counts(one)}
    for state in _ORDER:
        if state in states:
            return state
    carrying = carriers([resource.type for resource in signed])
    if all(r.status == "cancelled" for r in signed if r.type in carrying):
        return "cancelled"
    return "written" if "written" in states else "cancelled"


def _counts(resource: Resource) -> bool:
    return resource.status in _BESIDE.get(resource.type, (resource.status,))


def is_taking_back(resource: Resource) -> bool:
    """Whether it still has to take something back; a Provenance only tells of it."""
    return bool(resource.takes_back) and resource.status in _ORDER[:3]


def referral_json(filed: Filed) -> dict[str, Any]:
    """One element of `GET referrals`. Source: contract, "HTTP"."""
    return {
        "id": filed.id,
        "status": filed.status,
        "signed_at": filed.signed_at.isoformat(),
        "choices": [
            {
                "program": choice.program,
                "name": choice.name,
                "meeting": choice.meeting.id if choice.meeting else None,
                "starts": choice.meeting.starts.isoformat() if choice.meeting else None,
            }
            for choice in filed.signed.choices
        ],
        "resources": [_resource_json(resource) for resource in filed.resources],
        "outcomes": [outcome_json(outcome) for outcome in filed.outcomes],
    }


def _resource_json(resource: Resource) -> dict[str, Any]:
    told = {
        "type": resource.type,
        "status": resource.status,
        "reference": resource.reference or None,
        "reason": resource.reason or None,
    }
    # Only what takes something back says so: others read the four that are fixed.
    taken = resource.takes_back
    return told | {"takes_back": taken} if taken else told


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    at = outcome.recorded_at
    return {
        "attended": outcome.attended,
        "times": outcome.times,
        "would_return": outcome.would_return,
        "involvement": list(outcome.involvement),
        "reason": outcome.reason,
        "recorded_at": at.isoformat() if at else None,
    }
