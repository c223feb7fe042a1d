"""What is known of needs: the codes, words and scores that speak for each."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Code:
    """A code that speaks for a need. ICD-10-CM codes are prefixes unless `exact`."""

    code: str
    display: str
    confidence: float = 1.0  # 1 high, 0.7 medium, 0 ask the clinician
    severity: str = ""  # "dependence" where the code says so
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    """A score from which on a need is asked about."""

    loinc: str
    at_least: float
    at_least_female: float | None = None


@dataclass(frozen=True, slots=True)
class Derivation:
    """A need that follows from others: one of each group, or a code of the pattern."""

    all_of: tuple[tuple[str, ...], ...]
    icd10cm_pattern: str
    confidence: float


@dataclass(frozen=True, slots=True)
class NeedEntry:
    id: str
    name: str
    group: str
    in_a_sentence: str = ""  # where the name is no part of one
    people: str = ""  # whom a group is for, where the name says who the patient is
    icd10cm: tuple[Code, ...] = ()
    snomed: tuple[Code, ...] = ()
    remission_icd10cm: tuple[Code, ...] = ()
    remission_snomed: tuple[Code, ...] = ()
    exclude_icd10cm: tuple[str, ...] = ()
    beats: tuple[str, ...] = ()  # the more general needs that it replaces
    words: tuple[str, ...] = ()  # for problems written without a code
    screens: tuple[Screen, ...] = ()
    unless_text: str = ""  # a problem that mentions this is not the need
    needs_text: str = ""  # codes of confidence 0 ask only where the text matches
    unless_group: str = ""  # not derived while a code of this group stands
    min_age: int | None = None
    derived: Derivation | None = None
    limits: str = ""

    @property
    def is_family(self) -> bool:
        """Whether the patient is the relative."""
        return self.group == "family"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code says of one need."""

    need: str
    kind: str  # "speaks", "remission" or "excludes"
    confidence: float = 1.0
    severity: str = ""
    exact: bool = False
    length: int = 0  # of the prefix: the longest wins
    display: str = ""  # of the code, where a chart brings none


MOST_MET = 4_000  # codes whose meaning is remembered


@dataclass(frozen=True, slots=True)
class CodeIndex:
    """From a code to what it means, without going through every need."""

    icd10cm: Mapping[str, Sequence[Meaning]] = field(default_factory=dict)
    snomed: Mapping[str, Sequence[Meaning]] = field(default_factory=dict)
    _met: dict[tuple[str, str], dict[str, Meaning]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def meanings(self, system: str, code: str) -> dict[str, Meaning]:
        """By need: exclusion before remission, remission before the longest prefix."""
        met = self._met.get((system, code))
        if met is None:
            if len(self._met) >= MOST_MET:
                self._met.clear()
            met = self._met[system, code] = self._looked_up(system, code)
        return met

    def _looked_up(self, system: str, code: str) -> dict[str, Meaning]:
        if system == "snomed":
            found = list(self.snomed.get(code, ()))
        elif system == "icd-10-cm":
            found = [
                meaning
                for end in range(3, len(code) + 1)
                for meaning in self.icd10cm.get(code[:end], ())
                if not meaning.exact or end == len(code)
            ]
        else:
            return {}
        best: dict[str, Meaning] = {}
        for meaning in found:
            held = best.get(meaning.need)
            if held is None or _rank(meaning) > _rank(held):
                best[meaning.need] = meaning
        return {n: m for n, m in best.items() if m.kind != "excludes"}


def _rank(meaning: Meaning) -> tuple[int, int]:
    order = {"excludes": 2, "remission": 1, "speaks": 0}
    return order[meaning.kind], meaning.length


def index_of(needs: Sequence[NeedEntry]) -> CodeIndex:
    icd: dict[str, list[Meaning]] = {}
    snomed: dict[str, list[Meaning]] = {}
    for need in needs:
        for kind, codes in (
            ("speaks", need.icd10cm),
            ("remission", need.remission_icd10cm),
        ):
            for code in codes:
                prefix = code.code.replace(".", "")
                icd.setdefault(prefix, []).append(
                    Meaning(
                        need.id,
                        kind,
                        code.confidence,
                        code.severity,
                        code.exact,
                        len(prefix),
                        code.display,
                    )
                )
        for excluded in need.exclude_icd10cm:
            prefix = excluded.replace(".", "")
            icd.setdefault(prefix, []).append(
                Meaning(need.id, "excludes", length=len(prefix))
            )
        for kind, codes in (
            ("speaks", need.snomed),
            ("remission", need.remission_snomed),
        ):
            for code in codes:
                snomed.setdefault(code.code, []).append(
                    Meaning(
                        need.id,
                        kind,
                        code.confidence,
                        code.severity,
                        display=code.display,
                    )
                )
    return CodeIndex(icd, snomed)


_NEGATED = re.compile(
    r"\b(no|not|denie[sd]|without|negative|never|non|ex|former|family|"
    r"ruled? out|r/o|screen(ing)?|prevention|education)\b",
    re.IGNORECASE,
)
SHORT = 4  # a word this short must stand alone


@dataclass(frozen=True, slots=True)
class WordIndex:
    """From words to what they stand for; the longest wording wins."""

    meaning: Mapping[str, tuple[str, ...]]
    pattern: re.Pattern[str]

    def find(self, text: str) -> tuple[str, ...]:
        """What a text speaks of; nothing where it is negated or about the family."""
        found: dict[str, None] = {}
        for match in self.pattern.finditer(text.lower()):
            names = self.meaning[match.group(0)]
            about_family = any(name.startswith("family_") for name in names)
            if about_family or not _NEGATED.search(text):
                found.update(dict.fromkeys(names))
        return tuple(found)


def words_of(named: Iterable[tuple[str, Sequence[str]]]) -> WordIndex:
    """Takes: pairs of what is meant and the words for it, in lower case."""
    meaning: dict[str, tuple[str, ...]] = {}
    for name, words in named:
        for word in words:
            meaning[word] = (*meaning.get(word, ()), name)
    longest = sorted(meaning, key=lambda w: (-len(w), w))
    parts = [re.escape(w) + (r"\b" if len(w) <= SHORT else "") for w in longest]
    return WordIndex(meaning, re.compile(r"\b(?:" + "|".join(parts) + ")"))
