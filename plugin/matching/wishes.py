"""What recommending is asked for: the chart's facts with the patient's own wishes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plugin.directory.meeting import Occurrence
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.programs import Program
from plugin.matching.facts import Facts
from plugin.matching.needs import NeedsFound
from plugin.matching.recommendation import Need, Preferences
from plugin.matching.safety import Safety


@dataclass(frozen=True, slots=True)
class Situation:
    """All that eligibility, ranking and reasons look at."""

    facts: Facts
    found: NeedsFound
    safety: Safety
    preferences: Preferences
    language: str
    knowledge: Knowledge

    def need(self, need_id: str) -> Need | None:
        """A need that counts: one that is only asked about does not."""
        return next((n for n in self.found.stated if n.id == need_id), None)

    @property
    def moud_matters(self) -> bool:
        """Whether the stance on medication for opioid use disorder matters."""
        return self.need("opioid") is not None or self.facts.takes("moud")

    @property
    def psychiatric_matters(self) -> bool:
        """Whether the stance on psychiatric medication matters."""
        if self.facts.takes("psychiatric"):
            return True
        return any(
            (need := self.need(name)) is not None and need.stage == "active"
            for name in ("bipolar", "psychosis")
        )

    @property
    def deferring(self) -> tuple[str, ...]:
        """Titles of the warnings because of which joining now would be unsafe."""
        return tuple(f.rule.title for f in self.safety.fired if f.defers)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A programme that serves at least one need of the chart."""

    program: Program
    served: tuple[Need, ...]
    meetings: Sequence[Occurrence] = ()

    @property
    def roles(self) -> Mapping[str, str]:
        return {need.id: self.program.needs[need.id] for need in self.served}

    @property
    def adjunct_only(self) -> bool:
        return set(self.roles.values()) == {"adjunct"}


@dataclass(frozen=True, slots=True)
class Meetings:
    """What the directory answered, by programme."""

    by_program: Mapping[str, Sequence[Occurrence]] = field(default_factory=dict)

    def of(self, program_id: str) -> Sequence[Occurrence]:
        return self.by_program.get(program_id, ())


def codes_in(need: Need) -> str:
    """The codes that speak for a need, as a reader wants them: F10.20, F33.1."""
    codes = dict.fromkeys(line.code or line.display for line in need.because)
    return ", ".join(list(codes)[:3])


def spoken(name: str) -> str:
    """A name inside a sentence: the first letter small, unless it is an acronym."""
    if len(name) > 1 and name[1].islower():
        return name[0].lower() + name[1:]
    return name
