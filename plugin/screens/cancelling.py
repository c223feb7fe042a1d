"""A referral is taken back by the user of a launch, with what that launch may write."""

from __future__ import annotations

from typing import Any

from plugin.referral.cancelling import cancel
from plugin.referral.errors import NotAnswered
from plugin.referral.filed import Filed
from plugin.referral.retraction import Cancelling
from plugin.screens.drafts import draft_of_launch, visit_of
from plugin.screens.gate import Passed, check_patient
from plugin.visit import Visit
from smart_launch.errors import SmartError

_KEYS = {"reason", "patient"}


def take_back(launch: Passed, referral_id: str, reason: str, shown: str) -> Filed:
    """Cancel it, and write what the EHR takes of that.

    An EHR that cannot be reached now does not keep a referral from being cancelled:
    what stands in it is then for a person.

    Takes:  `shown`, the patient that the page showed.
    Raises: PatientDiffers, NotASigner, and what `cancel` raises.
    """
    check_patient(launch, shown)
    launch.house.signing.check_signer(launch.context)
    try:
        visit = visit_of(launch, draft_of_launch(launch))
    except SmartError:
        visit = None
    done = cancel(launch.house.ledger, cancelling(launch, visit, reason), referral_id)
    launch.house.worker.nudge()
    return done


def cancelling(launch: Passed, visit: Visit | None, reason: str) -> Cancelling:
    now = launch.house.clock()
    return Cancelling(
        context=launch.context,
        plan=visit.plan if visit else None,
        site=launch.house.signing.site(launch.context.tenant),
        reason=reason,
        at=visit.local(now) if visit else now,
    )


def cancel_request(body: dict[str, Any]) -> tuple[str, str]:
    """Read the JSON body strictly. Gives the reason and the patient.

    Raises: NotAnswered.
    """
    if body.keys() != _KEYS or not all(isinstance(v, str) for v in body.values()):
        raise NotAnswered("A cancelling has reason and patient, both texts.")
    return body["reason"], body["patient"]


def confirm_request(body: dict[str, Any]) -> str:
    """The patient of whom it is said. Raises: NotAnswered."""
    patient = body.get("patient")
    if body.keys() != {"patient"} or not isinstance(patient, str):
        raise NotAnswered("A confirmation has patient, a text.")
    return patient
