"""An event in words: what happened, and the facts that it was recorded with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from plugin.audit.entries import Entry
from plugin.screens.words import Words

_LONGEST_FACT = 160
_SHOWN = 8  # characters of a pseudonym or a digest: enough to tell two apart


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Line:
    """One event as a row of a table or a step of a story."""

    sequence: str
    number: int
    day: str
    clock: str
    what: str
    kind: str
    who: str
    patient: str
    patient_name: str  # the whole pseudonym, to ask for
    outcome: str
    tone: str
    referral: str
    digest: str
    facts: Sequence[Fact]


def line(entry: Entry, words: Words) -> Line:
    return Line(
        sequence=words.number(entry.sequence),
        number=entry.sequence,
        day=words.full_date(entry.at),
        clock=entry.at.strftime("%H:%M:%S"),
        what=kinds(words).get(entry.kind, entry.kind),
        kind=entry.kind,
        who=entry.actor,
        patient=shown(entry.patient),
        patient_name=entry.patient,
        outcome=outcomes(words).get(entry.outcome, entry.outcome),
        tone=_TONES.get(entry.outcome, "not"),
        referral=entry.referral,
        digest=f"{entry.digest[:4]}…{entry.digest[-4:]}",
        facts=facts(entry.detail),
    )


def shown(pseudonym: str) -> str:
    return f"P-{pseudonym[:_SHOWN].upper()}" if pseudonym else ""


def facts(detail: Mapping[str, Any]) -> list[Fact]:
    """The detail, line by line, under the very names that it is recorded with."""
    return [Fact(name, _value(value)) for name, value in detail.items() if value]


def _value(value: object) -> str:
    if isinstance(value, str | int):
        text = str(value)
    elif isinstance(value, list) and all(isinstance(one, str) for one in value):
        text = ", ".join(value)
    else:
        text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST_FACT else f"{text[:_LONGEST_FACT]}…"


_TONES = {
    "done": "written",
    "written": "written",
    "whole": "written",
    "accepted": "written",
    "sent": "waiting",
    "waiting": "waiting",
    "partial": "waiting",
    "held": "held",
    "unknown": "unknown",
    "refused": "refused",
    "rejected": "refused",
    "broken": "refused",
    "failed": "refused",
    "cancelled": "cancelled",
}


def outcomes(words: Words) -> dict[str, str]:
    """The outcomes that a reviewer may ask for, in words."""
    say = words.say
    return {
        "done": say("Done"),
        "partial": say("In part"),
        "refused": say("Refused"),
        "written": say("Written"),
        "unknown": say("Unknown"),
        "waiting": say("Waiting"),
        "held": say("Held"),
        "sent": say("Sent"),
        "cancelled": say("Cancelled"),
        "accepted": say("Taken up"),
        "overridden": say("Turned down"),
        "cards": say("Cards shown"),
        "none": say("No card"),
        "rejected": say("Turned away"),
        "whole": say("Whole"),
        "broken": say("Broken"),
    }


def kinds(words: Words) -> dict[str, str]:
    """Every kind of event that this version writes, in words."""
    say = words.say
    return {
        "launch.completed": say("App opened from the chart"),
        "launch.rejected": say("Launch turned away"),
        "context.ended": say("Session ended"),
        "chart.read": say("Chart read"),
        "recommendation.shown": say("Recommendation shown"),
        "preferences.changed": say("Needs or preferences changed"),
        "warning.acknowledged": say("Red warning answered"),
        "consent.recorded": say("What the patient agreed to"),
        "referral.signed": say("Referral signed"),
        "referral.discussed": say("Groups discussed"),
        "referral.handout": say("Hand-out only"),
        "referral.declined": say("Patient declined"),
        "referral.cancelled": say("Referral cancelled"),
        "referral.discontinued": say("Discontinued in the EHR"),
        "handout.given": say("Hand-out given"),
        "literature.given": say("Literature given"),
        "outcome.recorded": say("Outcome recorded"),
        "write.attempted": say("Write attempted"),
        "write.written": say("Written to the chart"),
        "write.refused": say("Write refused by the EHR"),
        "write.unknown": say("Write without an answer"),
        "write.waiting": say("Write put off"),
        "write.held": say("Write held"),
        "write.cancelled": say("Write cancelled"),
        "write.late": say("Answer came too late to count"),
        "write.resolved": say("Write settled by a person"),
        "security.rejected": say("Request turned away"),
        "cds.called": say("Decision support asked"),
        "cds.opened": say("App opened from a decision support card"),
        "cds.feedback": say("Decision support feedback"),
        "directory.imported": say("Meetings imported"),
        "config.changed": say("Configuration changed"),
        "audit.signed_in": say("Reviewer signed in"),
        "audit.signed_out": say("Reviewer signed out"),
        "audit.sign_in_refused": say("Sign-in of a reviewer refused"),
        "audit.viewed": say("Records read by a reviewer"),
        "audit.patient_asked": say("Records of a patient asked for"),
        "audit.identity_shown": say("Identity of a patient shown"),
        "audit.exported": say("Records exported"),
        "audit.checkpoint": say("Checkpoint made"),
        "audit.verified": say("Chain checked"),
        "audit.held": say("Legal hold placed"),
        "audit.released": say("Legal hold ended"),
        "audit.erased": say("Patient erased"),
        "audit.purged": say("Old records removed"),
    }
