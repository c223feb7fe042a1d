"""What the patient told is kept, and told to the reminder where the EHR takes it."""

from __future__ import annotations

from plugin.referral.filed import Filed, Outcome
from plugin.referral.reminder import told_to_reminder
from plugin.screens.drafts import draft_of_launch, visit_of
from plugin.screens.gate import Passed
from plugin.visit import Visit
from smart_launch.errors import SmartError


def record(launch: Passed, referral_id: str, outcome: Outcome) -> Filed:
    """Keep it. An EHR that cannot be reached now is not told later either.

    Raises: ReferralUnknown.
    """
    house, context = launch.house, launch.context
    found = house.ledger.referral_of(context, referral_id)
    try:
        visit = visit_of(launch, draft_of_launch(launch))
    except SmartError:
        visit = None
    site = house.signing.site(context.tenant)
    jobs = told_to_reminder(found, outcome, visit.plan if visit else None, site)
    done = house.ledger.record_outcome(context, referral_id, outcome, jobs)
    if jobs:
        house.worker.nudge()
    return done


def told_where(launch: Passed, visit: Visit) -> str:
    """Where what is recorded goes, said before it is recorded."""
    say = launch.words.say
    if "Task" in visit.plan.updatable:
        return say("It is kept in our record, and told to the reminder in the EHR.")
    return say("It is kept in our record; the EHR is not told.")
