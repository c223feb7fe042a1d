"""The active referral: what is done, by whom and by when, so that a patient arrives.

A list of groups with encouragement moves few people; a hand-off in the visit, one
meeting that is agreed upon and a review move more (Timko 2006, 2007; modest effects,
mostly veterans). Nothing here writes to a record: these are steps to go through.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from plugin.matching.recommendation import (
    ActiveReferral,
    Owner,
    PlanStep,
    Recommended,
)
from plugin.matching.wishes import Situation

FIRST_REVIEW = timedelta(days=7)
LATER_REVIEWS: tuple[tuple[str, Owner, int], ...] = (
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
    waits = situation.deferring
    first = min((m.starts.date() for p in offered for m in p.meetings), default=None)
    steps = _steps(
        situation.facts.at.date(),
        first,
        sponsors=has_sponsors(offered),
        waits=bool(waits),
    )
    return ActiveReferral(tuple(steps), _contact(situation), waits, _sources(situation))


def agreed_referral(
    plan: ActiveReferral, on: date, first: date | None, *, sponsors: bool
) -> ActiveReferral:
    """The plan once the patient has chosen: by the day and the groups agreed upon.

    Takes: `on`, the day of the visit; `first`, the day of the meeting that was chosen,
           None where none was; `sponsors`, whether a chosen group has them.
    """
    steps = _steps(on, first, sponsors=sponsors, waits=bool(plan.waits_for))
    return replace(plan, steps=tuple(steps))


def has_sponsors(programs: Iterable[Recommended]) -> bool:
    return any(program.has_sponsors for program in programs)


def _steps(
    today: date, first: date | None, *, sponsors: bool, waits: bool
) -> Iterable[PlanStep]:
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
    if sponsors:
        yield PlanStep("settling", "patient", None)
    # Whoever calls asks how it was: never before the meeting that was agreed upon.
    call = today + FIRST_REVIEW
    if first is not None and not waits:
        call = max(call, first + timedelta(days=1))
    yield PlanStep("review_week", "clinic", call)
    for name, owner, days in LATER_REVIEWS:
        yield PlanStep(name, owner, today + timedelta(days=days))


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
