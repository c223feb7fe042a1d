"""What is known of safety: rules, what fires them, and what the app must then do."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from plugin.knowledge.needs import MOST_MET

Level = Literal["red", "amber", "info"]
When = Literal["current", "inactive", "resolved"]


@dataclass(frozen=True, slots=True)
class CodeTrigger:
    """Fires on the code of a Condition. Prefixes and patterns are without dots.

    `when` says which problems count: current ones, inactive ones (remission among
    them), resolved ones. `within_days` and `older_than_days` compare with the day it
    was recorded; a problem without a date counts as recent.
    """

    level: Level
    icd10cm: tuple[str, ...] = ()
    not_icd10cm: tuple[str, ...] = ()
    pattern: str = ""
    snomed: frozenset[str] = frozenset()
    when: tuple[When, ...] = ("current",)
    within_days: int | None = None
    older_than_days: int | None = None
    with_group: str = ""  # only beside a code of this group


@dataclass(frozen=True, slots=True)
class ScoreTrigger:
    """Fires on the latest result of a LOINC code within `days`."""

    level: Level
    loinc: str
    at_least: float | None = None
    below: float | None = None
    answers: tuple[str, ...] = ()
    days: int = 90
    min_age: int | None = None


@dataclass(frozen=True, slots=True)
class MedicineTrigger:
    level: Level
    ingredient: str


@dataclass(frozen=True, slots=True)
class TogetherTrigger:
    """Fires where all these needs and code groups stand together."""

    level: Level
    needs: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Removes:
    programs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    audience: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    level: Level
    order: int  # the most lethal first
    title: str
    text: str
    must: tuple[str, ...]
    codes: tuple[CodeTrigger, ...] = ()
    scores: tuple[ScoreTrigger, ...] = ()
    medicines: tuple[MedicineTrigger, ...] = ()
    together: tuple[TogetherTrigger, ...] = ()
    words: tuple[str, ...] = ()  # for problems written without a code: amber
    age_below: int | None = None
    acute: bool = False  # an old encounter diagnosis is history
    defers: bool = False
    removes: Removes = field(default_factory=Removes)
    adds_sessions: tuple[str, ...] = ()
    line_topics: tuple[str, ...] = ()
    follow_up: bool = False
    asks_withdrawal: bool = False
    sources: tuple[str, ...] = ()
    limits: str = ""


@dataclass(frozen=True, slots=True)
class OverdoseLine:
    """A line that two needs together add to a warning."""

    needs: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class CodeGroup:
    """Codes that exclusions and rules refer to by a name."""

    id: str
    name: str
    icd10cm: tuple[str, ...]
    snomed: frozenset[str]
    days: int | None = None  # older ones do not count


@dataclass(frozen=True, slots=True)
class GroupIndex:
    """From a code to the groups it belongs to; what was met once is remembered."""

    groups: tuple[CodeGroup, ...]
    _met: dict[tuple[str, str], tuple[CodeGroup, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def of(self, system: str, code: str) -> tuple[CodeGroup, ...]:
        met = self._met.get((system, code))
        if met is None:
            if len(self._met) >= MOST_MET:
                self._met.clear()
            met = tuple(g for g in self.groups if _is_in(system, code, g))
            self._met[system, code] = met
        return met


def _is_in(system: str, code: str, group: CodeGroup) -> bool:
    if system == "snomed":
        return code in group.snomed
    return system == "icd-10-cm" and code.startswith(group.icd10cm)


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A medicine by ingredient, product codes and names."""

    id: str
    kind: Literal["moud", "psychiatric"]
    name: str
    rxnorm: frozenset[str]
    snomed: frozenset[str]
    names: tuple[str, ...]
    asks_needs: tuple[str, ...]
    ask: str
    stance_matters: bool = True  # whether a group's stance on it is weighed


@dataclass(frozen=True, slots=True)
class Weights:
    """The published weights of the score. Source: data/weights.json."""

    version: str
    note: str
    features: Mapping[str, float]
    friendly: float
    unsupportive: float
    role: Mapping[str, float]
    further_need: float
    further_need_cap: float
    grade: Mapping[str, float]
    unknown: float
    full_hours: float
    zero_hours: float
    full_km: float
    zero_km: float
    strong: float
    good: float
    offer_least: int
    offer_most: int
    offer_floor: float


@dataclass(frozen=True, slots=True)
class TriggerIndex:
    """From a code to the triggers it may fire, without going through every rule."""

    by_prefix: Mapping[str, Sequence[tuple[str, CodeTrigger]]]
    by_snomed: Mapping[str, Sequence[tuple[str, CodeTrigger]]]
    by_pattern: Sequence[tuple[re.Pattern[str], str, CodeTrigger]]

    def fired_by(self, system: str, code: str) -> list[tuple[str, CodeTrigger]]:
        """Rule ids and triggers that a code fires, its date and status aside."""
        if system == "snomed":
            return list(self.by_snomed.get(code, ()))
        if system != "icd-10-cm":
            return []
        found = [
            (rule, trigger)
            for end in range(3, len(code) + 1)
            for rule, trigger in self.by_prefix.get(code[:end], ())
            if not code.startswith(trigger.not_icd10cm or ("-",))
        ]
        found += [
            (rule, trigger)
            for pattern, rule, trigger in self.by_pattern
            if pattern.match(code)
        ]
        return found


def trigger_index_of(rules: Iterable[Rule]) -> TriggerIndex:
    prefixes: dict[str, list[tuple[str, CodeTrigger]]] = {}
    snomed: dict[str, list[tuple[str, CodeTrigger]]] = {}
    patterns: list[tuple[re.Pattern[str], str, CodeTrigger]] = []
    for rule in rules:
        for trigger in rule.codes:
            for prefix in trigger.icd10cm:
                prefixes.setdefault(prefix, []).append((rule.id, trigger))
            for code in trigger.snomed:
                snomed.setdefault(code, []).append((rule.id, trigger))
            if trigger.pattern:
                patterns.append((re.compile(trigger.pattern), rule.id, trigger))
    return TriggerIndex(prefixes, snomed, patterns)
