"""What the patient told, written to the reminder in the record: the Task's outputs.

Whether the patient went, and how often: no group, no reason and no diagnosis.

Source: Gravity's SDOH Clinical Care guide (Task states and outputs), the BSeR guide
(business states).
"""

from typing import Any, Final

from fhir_profiles.canonical import BASE
from plugin.referral.changing import change_of
from plugin.referral.filed import Filed, Outcome
from plugin.referral.ledger import NewJob
from plugin.referral.plan import WritePlan
from plugin.referral.signed import Site

_WENT: Final = {
    "yes": ("yes", "Went", "completed", "Completed"),
    "no": ("no", "Not yet", "unattended", "Not attended"),
}


def told_to_reminder(
    filed: Filed, outcome: Outcome, plan: WritePlan | None, site: Site
) -> list[NewJob]:
    """The write jobs; none where the EHR takes none, or nobody knows how it went."""
    if plan is None or "Task" not in plan.updatable or outcome.attended not in _WENT:
        return []
    system = site.identifier_system
    return [
        NewJob(
            "Task",
            change_of(
                one.reference,
                filed.patient,
                {"system": system, "value": one.identifier},
                outcome_changes(outcome),
            ),
            system,
            one.identifier,
            action="update",
        )
        for one in filed.resources
        if (one.act, one.type, one.status) == (1, "Task", "written") and one.reference
    ]


def outcome_changes(outcome: Outcome) -> dict[str, Any]:
    """The elements of the Task that say it. Somebody who has gone ends the reminder."""
    code, display, status, said = _WENT[outcome.attended]
    output: list[dict[str, Any]] = [
        {
            "type": {"text": "Attended"},
            "valueCodeableConcept": _coded("selfhelp-attendance", code, display),
        }
    ]
    if outcome.times is not None:
        times = {"type": {"text": "Times attended"}, "valueInteger": outcome.times}
        output.append(times)
    changes: dict[str, Any] = {
        "businessStatus": _coded("selfhelp-business-status", status, said),
        "output": output,
    }
    return {"status": "completed"} | changes if code == "yes" else changes


def _coded(system: str, code: str, display: str) -> dict[str, Any]:
    coding = {
        "system": f"{BASE}/CodeSystem/{system}",
        "code": code,
        "display": display,
    }
    return {"coding": [coding]}
