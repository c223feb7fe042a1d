"""The active referral on the screen: who does what by when, as it was agreed upon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.linkage import LinkageText
from plugin.matching.recommendation import ActiveReferral, PlanStep
from plugin.screens.words import Words

# What is still to come once the visit is over and the meeting stands by itself.
AFTER_THE_VISIT = frozenset(
    {"journal", "settling", "review_week", "review_month", "review_quarter"}
)


@dataclass(frozen=True, slots=True)
class PlanLine:
    when: str
    what: str
    who: str


@dataclass(frozen=True, slots=True)
class PlanView:
    words: Words
    texts: LinkageText
    knowledge: Knowledge

    def values(self, plan: ActiveReferral) -> dict[str, object]:
        return {
            "plan_lines": [self._line(step) for step in plan.steps],
            "plan_contact": self.texts.contact.get(plan.contact, ""),
            "plan_waits": ", ".join(self.words.say(t) for t in plan.waits_for),
            "plan_sources": self._sources(plan.citations),
        }

    def after_the_visit(
        self, plan: ActiveReferral
    ) -> list[tuple[date | None, PlanLine]]:
        """What is still ahead, each with its day; None: when the patient is settled."""
        ahead = (s for s in plan.steps if s.id in AFTER_THE_VISIT)
        return [(step.due, self._line(step)) for step in ahead]

    def _line(self, step: PlanStep) -> PlanLine:
        when = self.words.day(step.due) if step.due else self.texts.when_settled
        return PlanLine(
            when=when[:1].upper() + when[1:],
            what=" ".join(self.texts.steps[step.id]),
            who=self.texts.owners[step.owner],
        )

    def _sources(self, citations: Iterable[str]) -> str:
        known: Sequence[str] = [self.knowledge.citation(c).short for c in citations]
        return ", ".join(dict.fromkeys(known))
