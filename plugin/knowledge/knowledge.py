"""The whole knowledge base as one frozen value."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from plugin.knowledge.needs import CodeIndex, NeedEntry, WordIndex
from plugin.knowledge.programs import (
    Citation,
    HelpLine,
    Program,
    SingleSessionEntry,
)
from plugin.knowledge.rules import (
    CodeGroup,
    GroupIndex,
    Ingredient,
    OverdoseLine,
    Rule,
    TriggerIndex,
    Weights,
)


@dataclass(frozen=True, slots=True)
class Knowledge:
    version: str
    needs: Mapping[str, NeedEntry]
    programs: Mapping[str, Program]
    single_sessions: Mapping[str, SingleSessionEntry]
    help_lines: Mapping[str, HelpLine]
    emergency_numbers: Mapping[str, str]
    rules: Mapping[str, Rule]  # in their order
    citations: Mapping[str, Citation]
    code_groups: Mapping[str, CodeGroup]
    groups: GroupIndex
    ingredients: Mapping[str, Ingredient]
    weights: Weights
    index: CodeIndex
    triggers: TriggerIndex
    need_words: WordIndex
    rule_words: WordIndex
    always: tuple[str, ...]  # lines that always stand on the screen
    overdose_lines: tuple[OverdoseLine, ...]
    overdose_on: tuple[str, ...]
    encounter_diagnosis_days: int
    attributes: Mapping[str, str]
    demographics: Mapping[str, bool]
    sources: tuple[str, ...]
    released: str = ""
    site: str = ""  # version of the site's own file, "" without one

    @property
    def listed_snomed(self) -> tuple[str, ...]:
        """Every SNOMED CT code that rules, needs and groups list, rules first."""
        groups = (code for g in self.code_groups.values() for code in sorted(g.snomed))
        return tuple(
            dict.fromkeys((*self.triggers.by_snomed, *self.index.snomed, *groups))
        )

    def serving(self, needs: Collection[str]) -> list[Program]:
        """The programmes that serve one of these needs, in their order."""
        return [
            p for p in self.programs.values() if not p.needs.keys().isdisjoint(needs)
        ]

    def program(self, program_id: str) -> Program:
        return self.programs[program_id]

    def need(self, need_id: str) -> NeedEntry:
        return self.needs[need_id]

    def rule(self, rule_id: str) -> Rule:
        return self.rules[rule_id]

    def citation(self, citation_id: str) -> Citation:
        return self.citations[citation_id]

    def lines_for(self, topics: tuple[str, ...], country: str) -> tuple[HelpLine, ...]:
        """Help lines of these topics in a country; none where it is not known."""
        return tuple(
            line
            for line in self.help_lines.values()
            if line.topic in topics and country in line.countries
        )
