"""What is worth saying, decided from the recommendation and what was shown before.

Pure: no words, no clock, no database. `cards` says it.

Source: clinical-review R2: a card never takes the decision; it names no violence.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from plugin.chart.chart import Chart
from plugin.matching.recommendation import (
    Need,
    Recommendation,
    Recommended,
)
from plugin.matching.recommendation import Warning as SafetyWarning
from plugin.referral.filed import Filed
from plugin.referral.note import RESTRICTED_WARNINGS

Kind = Literal["warning", "groups", "adjunct", "refer", "complete"]

MOST_NAMED = 3
# Needs beside whose medicines a group can stand.
SUBSTANCE_NEEDS = frozenset({"alcohol", "opioid"})
_GOOD = frozenset({"strong", "good"})


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to say. `topics` are what it is about, by which it can be muted.

    `hidden`: a finding that no card may name stands in the chart.
    """

    kind: Kind
    topics: tuple[str, ...]
    warnings: tuple[SafetyWarning, ...] = ()
    programs: tuple[Recommended, ...] = ()
    needs: tuple[Need, ...] = ()
    could_not_check: tuple[str, ...] = ()
    knowledge_version: str = ""
    hidden: bool = False
    filed: Filed | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """What was said and decided before about this patient.

    `muted` are topics that were turned down; `quiet`, where the clinician or the EHR
    has had enough cards for now; `referred`, where a decision is recent.
    """

    muted: frozenset[str] = frozenset()
    referred: bool = False
    quiet: bool = False


def warning_of(found: Recommendation, before: Before) -> Advice | None:
    """The red findings that stand now."""
    red = tuple(w for w in found.warnings if w.level == "red" and not w.history)
    topics = tuple(w.id for w in red)
    if not red or before.muted.issuperset(topics):
        return None
    shown = tuple(w for w in red if w.id not in RESTRICTED_WARNINGS)
    return Advice(
        "warning",
        topics,
        warnings=shown,
        could_not_check=found.could_not_check,
        knowledge_version=found.knowledge_version,
        hidden=len(shown) < len(red),
    )


def groups_of(chart: Chart, found: Recommendation, before: Before) -> Advice | None:
    """A need with a good match, which nobody has acted upon or turned down."""
    if before.quiet or before.referred or not _is_open(chart):
        return None
    needs = [n for n in found.needs if n.stage != "ask" and n.id not in before.muted]
    return _matched("groups", found, needs)


def adjunct_of(chart: Chart, found: Recommendation, before: Before) -> Advice | None:
    """A group beside a medicine that is about to be ordered."""
    if before.quiet or before.referred or not _is_open(chart):
        return None
    theirs = [n for n in found.needs if n.id in SUBSTANCE_NEEDS]
    needs = [n for n in theirs if n.id not in before.muted]
    sure = [n for n in needs if n.stage != "ask"]
    matched = _matched("adjunct", found, sure)
    if matched is not None or sure or not needs:
        return matched
    # The chart does not say what the medicine is for: the card asks.
    return Advice(
        "adjunct",
        tuple(n.id for n in needs),
        needs=tuple(needs),
        could_not_check=found.could_not_check,
        knowledge_version=found.knowledge_version,
        hidden=_hides(found),
    )


def referral_of(
    filed: Sequence[Filed], names: Collection[str], before: Before
) -> Advice | None:
    """For an order to a support group: complete it, or choose in the app.

    Takes: the patient's referrals, the newest first; the names of this clinician.
    """
    for one in filed:
        if not one.taken_back and one.signed.author in names:
            topic = f"complete:{one.id}"
            muted = topic in before.muted
            return None if muted else Advice("complete", (topic,), filed=one)
    return None if "refer" in before.muted else Advice("refer", ("refer",))


def _matched(kind: Kind, found: Recommendation, needs: Sequence[Need]) -> Advice | None:
    wanted = {n.id for n in needs}
    programs = [
        program
        for name in found.offered
        if (program := found.program(name)) is not None
        and program.fit in _GOOD
        and not program.deferred
        and wanted.intersection(program.needs)
    ]
    if not programs:
        return None
    served = {need for program in programs for need in program.needs}
    met = tuple(n for n in needs if n.id in served)
    hidden = _hides(found)
    return Advice(
        kind,
        tuple(n.id for n in met),
        programs=tuple(programs[:MOST_NAMED]),
        needs=met,
        could_not_check=found.could_not_check,
        knowledge_version=found.knowledge_version,
        hidden=hidden,
    )


def _hides(found: Recommendation) -> bool:
    return any(w.id in RESTRICTED_WARNINGS for w in found.warnings)


def _is_open(chart: Chart) -> bool:
    """Whether a card can be about this record at all."""
    patient = chart.patient
    return patient.active and not patient.deceased and not patient.replaced_by
