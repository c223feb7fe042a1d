"""What recommending is asked for: the chart's facts with the patient's own wishes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from plugin.directory.meeting import Occurrence
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.programs import Program
from plugin.matching.facts import Facts
from plugin.matching.needs import NeedsFound
from plugin.matching.recommendation import Need, Preferences
from plugin.matching.safety import Safety
from plugin.matching.sentences import Sentence, spoken


@dataclass(frozen=True, slots=True)
class Situation:
    """All that eligibility, ranking and reasons look at."""

    facts: Facts
    safety: Safety
    preferences: Preferences
    language: str
    knowledge: Knowledge
    codes: Mapping[str, str]  # of each need: what speaks for it, as a reader wants it
    needs: Mapping[str, Need]  # those that count: what is only asked about does not
    charted: Mapping[str, Need]  # all of the chart, whatever was taken out of `needs`
    moud_matters: bool  # the stance on medication for opioid use disorder
    psychiatric_matters: bool  # the stance on psychiatric medication
    has_wishes: bool  # whether the patient said anything of what is preferred
    deferring: tuple[str, ...]  # warnings because of which joining would be unsafe

    def need(self, need_id: str) -> Need | None:
        return self.needs.get(need_id)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was said: by the patient, and by the clinician of needs."""

    preferences: Preferences
    language: str
    dropped_needs: Collection[str] = ()


def situation_of(
    facts: Facts,
    found: NeedsFound,
    safety: Safety,
    wishes: Wishes,
    knowledge: Knowledge,
) -> Situation:
    """Takes: `found`, all needs. Safety goes by them; matching by those kept."""
    stated = {need.id: need for need in found.stated()}
    dropped = wishes.dropped_needs
    active = {need.id for need in stated.values() if need.stage == "active"}
    taken = [medicine.ingredient for medicine in facts.medicines]
    # Naltrexone alone speaks for alcohol as much as for opioids: no stance is weighed.
    kinds = {ingredient.kind for ingredient in taken if ingredient.stance_matters}
    return Situation(
        facts=facts,
        safety=safety,
        preferences=wishes.preferences,
        language=wishes.language,
        knowledge=knowledge,
        codes={n: read_in(need) for n, need in stated.items()},
        needs={n: need for n, need in stated.items() if n not in dropped},
        charted=found.charted,
        moud_matters="opioid" in found.charted or "moud" in kinds,
        psychiatric_matters="psychiatric" in kinds
        or bool(active & {"bipolar", "psychosis"}),
        has_wishes=wishes.preferences != Preferences(),
        deferring=tuple(f.rule.title for f in safety.fired if f.defers),
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A programme that serves at least one need of the chart."""

    program: Program
    served: tuple[Need, ...]
    roles: Mapping[str, str]  # by need
    meetings: Sequence[Occurrence] = ()

    @property
    def adjunct_only(self) -> bool:
        return set(self.roles.values()) == {"adjunct"}


def whom(need: Need, knowledge: Knowledge) -> Sentence:
    """A need inside a sentence: the condition, or those whom a group is for."""
    entry = knowledge.needs.get(need.id)
    said = (entry.people or entry.in_a_sentence) if entry else ""
    return spoken(said or need.name)


def read_in(need: Need) -> str:
    """What speaks for a need, as a clinician reads it: ICD codes, else the words."""
    shown = dict.fromkeys(
        line.code if line.is_icd else line.words or line.code
        for line in need.sure_lines
    )
    return ", ".join(list(shown)[:3])


def codes_in(need: Need) -> str:
    """The codes that speak for a need, as a reader wants them: F10.20, F33.1."""
    codes = dict.fromkeys(line.code or line.display for line in need.sure_lines)
    return ", ".join(list(codes)[:3])
