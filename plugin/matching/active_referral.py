"""The active referral: what is done, by whom and by when, so that a patient arrives.

A list of groups with encouragement moves few people; a hand-off in the visit, one
meeting that is agreed upon and a review move more (Timko 2006, 2007; modest effects,
mostly veterans). Nothing here writes to a record: these are steps to go through.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Literal

from plugin.matching.recommendation import ActiveReferral, PlanStep, Recommended
from plugin.matching.wishes import Situation

Owner = Literal["clinician", "patient", "clinic"]
REVIEWS: tuple[tuple[str, Owner, int], ...] = (
    ("review_week", "clinic", 7),
    ("review_month", "clinician", 28),
    ("review_quarter", "clinician", 91),
)
FIRST_MEETING = timedelta(days=7)  # where no meeting is known: within a week
SAMPLING = timedelta(days=28)
_SOURCES = ("timko2006", "timko2007")
_MOOD = frozenset({"depression", "bipolar"})


def active_referral(
    offered: Sequence[Recommended], situation: Situation
) -> ActiveReferral:
    """Takes: the programmes put forward. Gives: no step where there are none.

    Where joining now would be unsafe, the hand-off waits: its steps have no day.
    """
    if not offered:
        return ActiveReferral()
    return ActiveReferral(
        tuple(_steps(offered, situation)),
        _contact(situation),
        situation.deferring,
        _sources(situation),
    )


def _steps(offered: Sequence[Recommended], situation: Situation) -> Iterable[PlanStep]:
    today = situation.facts.at.date()
    waits = bool(situation.deferring)
    first = min((m.starts.date() for p in offered for m in p.meetings), default=None)
    arrival = first or today + FIRST_MEETING
    now = None if waits else today
    yield from (
        PlanStep("permission", "clinician", today),
        PlanStep("choice", "patient", now),
        PlanStep("hand_off", "clinician", now),
        PlanStep("preparation", "clinician", now),
        PlanStep("first_meeting", "patient", None if waits else arrival),
        PlanStep("journal", "patient", None if waits else arrival + SAMPLING),
    )
    if _has_sponsors(offered, situation):
        yield PlanStep("settling", "patient", None)
    for name, owner, days in REVIEWS:
        yield PlanStep(name, owner, today + timedelta(days=days))


def _has_sponsors(offered: Iterable[Recommended], situation: Situation) -> bool:
    known = situation.knowledge.programs
    return any("sponsorship" in known[program.id].factors for program in offered)


def _sources(situation: Situation) -> tuple[str, ...]:
    """What the plan rests on, for this patient's needs; ids of citations."""
    needs = situation.needs.keys()
    further = ["timko2011"] if "dual_diagnosis" in needs else []
    further += ["powell2000b"] if needs & _MOOD else []
    return (*_SOURCES, *further)


def _contact(situation: Situation) -> str:
    """How the patient may be reached: "safe" where violence is in question."""
    levels = {f.rule.id for f in situation.safety.fired}
    if "S11" in levels:
        return "safe"
    age = situation.facts.age
    return "minor" if age is not None and age < 18 else ""
