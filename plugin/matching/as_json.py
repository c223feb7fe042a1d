"""The recommendation in the shape that is fixed for others.

Source: the command `selfhelp recommend --json` and `GET recommendation`.
"""

from collections.abc import Iterable
from typing import Any

from plugin.directory.meeting import Occurrence
from plugin.matching.recommendation import (
    ActiveReferral,
    Because,
    Evidence,
    Recommendation,
    Recommended,
)

Json = dict[str, Any]


def recommendation_json(recommendation: Recommendation) -> Json:
    r = recommendation
    return {
        "knowledge_version": r.knowledge_version,
        "patient": {"age": r.age, "gender": r.gender},
        "needs": [
            {
                "id": n.id,
                "stage": n.stage,
                "confidence": n.confidence,
                "because": _because(n.because),
            }
            for n in r.needs
        ],
        "warnings": [
            {
                "id": w.id,
                "level": w.level,
                "text": w.text,
                "because": _because(w.because),
            }
            for w in r.warnings
        ],
        "programs": [_program(p) for p in r.programs],
        "offered": list(r.offered),
        "single_sessions": [
            {"id": s.id, "minutes": s.minutes, "reasons": list(s.reasons)}
            for s in r.single_sessions
        ],
        "removed": [{"id": m.id, "reason": m.reason} for m in r.removed],
        "unmapped": [
            {"resource": u.resource, "display": u.display} for u in r.unmapped
        ],
        "unreadable": [{"entry": u.entry, "reason": u.reason} for u in r.unreadable],
        "could_not_check": list(r.could_not_check),
        "plan": _plan(r.plan),
        "notes": list(r.notes),
    }


def _because(lines: Iterable[Because]) -> list[Json]:
    return [
        {
            "resource": b.resource,
            "system": b.system,
            "code": b.code,
            "display": b.display,
        }
        for b in lines
    ]


def _program(program: Recommended) -> Json:
    return {
        "id": program.id,
        "score": round(program.score, 2),
        "approach": list(program.approach),
        "evidence": _evidence(program.evidence),
        "needs": list(program.needs),
        "reasons": list(program.reasons),
        "cautions": list(program.cautions),
        "deferred": program.deferred,
        "meetings": [_meeting(m) for m in program.meetings],
    }


def _evidence(evidence: Evidence) -> Json:
    return {"grade": evidence.grade, "citations": list(evidence.references)}


def _plan(plan: ActiveReferral) -> Json:
    """Who does what by when; a step without a day waits until the patient is ready."""
    return {
        "steps": [
            {
                "id": step.id,
                "owner": step.owner,
                "due": step.due.isoformat() if step.due else None,
            }
            for step in plan.steps
        ],
        "contact": plan.contact,
        "waits_for": list(plan.waits_for),
        "citations": list(plan.citations),
    }


def _meeting(meeting: Occurrence) -> Json:
    return {
        "id": meeting.id,
        "name": meeting.name,
        "starts": meeting.starts.isoformat(),
        "attendance": meeting.attendance,
        "km": None if meeting.km is None else round(meeting.km, 1),
    }
