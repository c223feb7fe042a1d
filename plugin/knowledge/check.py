"""Checks the knowledge base: its shape, its references, its codes, its evidence."""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from plugin.knowledge.errors import KnowledgeBroken
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.load import FILES, knowledge_from
from plugin.knowledge.needs import Code
from plugin.knowledge.programs import Exclusion
from plugin.knowledge.schemas import problems

Json = dict[str, Any]
CITED = {"A", "B", "C"}


def findings(
    data: Mapping[str, Json], icd10cm: Collection[str] | None = None
) -> list[str]:
    """Everything that is wrong, one line each; empty where all is well.

    Takes: the data of the files; all ICD-10-CM codes, categories among them, without
           dots, where the codes are to be looked up.
    """
    found = [f"{n}.json: {p}" for n in FILES for p in problems(n, data[n])]
    try:
        knowledge = knowledge_from(data)
    except KnowledgeBroken as error:
        return [*found, str(error)]
    found += reference_findings(knowledge)
    found += _snomed_codes(data)
    if icd10cm is not None:
        found += _codes(data, sorted(icd10cm))
    return found


def reference_findings(knowledge: Knowledge) -> list[str]:
    """What one part of the knowledge base says of another, and does not hold."""
    return [
        *_needs(knowledge),
        *_programs(knowledge),
        *_sessions(knowledge),
        *_rules(knowledge),
        *_help_lines(knowledge),
        *_weights(knowledge),
    ]


def _missing(where: str, names: Iterable[str], known: Collection[str]) -> list[str]:
    return [f"{where}: {name} is not known" for name in names if name not in known]


def _needs(knowledge: Knowledge) -> Iterable[str]:
    for need in knowledge.needs.values():
        where = f"need {need.id}"
        yield from _missing(where, need.beats, knowledge.needs)
        if need.unless_group:
            yield from _missing(where, [need.unless_group], knowledge.code_groups)
        if need.derived:
            named = [n for group in need.derived.all_of for n in group]
            yield from _missing(where, named, knowledge.needs)
            yield from _pattern(where, need.derived.icd10cm_pattern)
        yield from _pattern(where, need.needs_text)
        yield from _twice(where, need.icd10cm)
        yield from _twice(where, need.snomed)
        if not (need.icd10cm or need.snomed or need.derived):
            yield f"{where}: nothing can speak for it"


def _twice(where: str, codes: Iterable[Code]) -> Iterable[str]:
    seen: set[str] = set()
    for code in codes:
        if code.code in seen:
            yield f"{where}: the code {code.code} twice"
        seen.add(code.code)


def _pattern(where: str, pattern: str) -> Iterable[str]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield f"{where}: {pattern} is no pattern: {error}"


def _programs(knowledge: Knowledge) -> Iterable[str]:
    for program in knowledge.programs.values():
        where = f"programme {program.id}"
        yield from _missing(where, program.needs, knowledge.needs)
        for need, study in program.evidence.items():
            if need not in program.needs:
                yield f"{where}: evidence for {need}, which it does not serve"
            if study.grade in CITED and not study.citations:
                yield f"{where}: grade {study.grade} for {need} without a citation"
            yield from _missing(where, study.citations, knowledge.citations)
        yield from _exclusions(where, program.exclusions, knowledge)
        if program.requires:
            yield from _pattern(where, program.requires.pattern)
        if not (program.worldwide or program.countries or program.online_anywhere):
            yield f"{where}: no country"
        if not (program.languages or program.any_language):
            yield f"{where}: no language"
        low, high = program.age.min, program.age.max
        if low is not None and high is not None and low > high:
            yield f"{where}: the ages {low} to {high} hold nobody"


def _exclusions(
    where: str, exclusions: Iterable[Exclusion], knowledge: Knowledge
) -> Iterable[str]:
    for exclusion in exclusions:
        for name, known in (
            (exclusion.need, knowledge.needs),
            (exclusion.group, knowledge.code_groups),
            (exclusion.rule, knowledge.rules),
        ):
            if name:
                yield from _missing(where, [name], known)
        if not (exclusion.need or exclusion.group or exclusion.rule or exclusion.score):
            yield f"{where}: an exclusion that can never hold"


def _sessions(knowledge: Knowledge) -> Iterable[str]:
    for session in knowledge.single_sessions.values():
        where = f"single session {session.id}"
        yield from _missing(where, session.targets, knowledge.needs)
        yield from _missing(where, session.citations, knowledge.citations)
        yield from _exclusions(where, session.exclusions, knowledge)
        if session.grade in CITED and not session.citations:
            yield f"{where}: grade {session.grade} without a citation"


def _rules(knowledge: Knowledge) -> Iterable[str]:
    topics = {line.topic for line in knowledge.help_lines.values()}
    for rule in knowledge.rules.values():
        where = f"rule {rule.id}"
        for names, known in (
            (rule.removes.programs, knowledge.programs),
            (rule.removes.needs, knowledge.needs),
            (rule.removes.sessions, knowledge.single_sessions),
            (rule.adds_sessions, knowledge.single_sessions),
            ([m.ingredient for m in rule.medicines], knowledge.ingredients),
            ([n for t in rule.together for n in t.needs], knowledge.needs),
            ([g for t in rule.together for g in t.groups], knowledge.code_groups),
            ([t.with_group for t in rule.codes if t.with_group], knowledge.code_groups),
            (rule.line_topics, topics),
        ):
            yield from _missing(where, names, known)
        for trigger in rule.codes:
            yield from _pattern(where, trigger.pattern)
        parts = (rule.codes, rule.scores, rule.medicines, rule.together)
        if not any(parts) and rule.age_below is None:
            yield f"{where}: nothing fires it"
    orders = [rule.order for rule in knowledge.rules.values()]
    if len(set(orders)) != len(orders):
        yield "rules: two have the same place in the order"


def _help_lines(knowledge: Knowledge) -> Iterable[str]:
    countries = {c for line in knowledge.help_lines.values() for c in line.countries}
    for country in sorted(countries):
        if country not in knowledge.emergency_numbers:
            yield f"help lines: no emergency number for {country}"
        if not knowledge.lines_for(("crisis",), country):
            yield f"help lines: no crisis line for {country}"


def _weights(knowledge: Knowledge) -> Iterable[str]:
    total = sum(knowledge.weights.features.values())
    if abs(total - 1) > 1e-9:
        yield f"weights: the features add up to {total:g}, not to 1"


def _codes(data: Mapping[str, Json], icd10cm: Sequence[str]) -> Iterable[str]:
    """ICD-10-CM codes and prefixes that stand in no list."""
    for name in ("needs", "rules", "code_groups"):
        for code in sorted(_codes_under(data[name], "icd10cm")):
            prefix = code.replace(".", "")
            place = bisect_left(icd10cm, prefix)
            if not icd10cm[place : place + 1] or not icd10cm[place].startswith(prefix):
                yield f"{name}.json: {code} is no ICD-10-CM code"


def _snomed_codes(data: Mapping[str, Json]) -> Iterable[str]:
    """SNOMED CT identifiers whose check digit does not fit: a slip of a digit."""
    for name in ("needs", "rules", "code_groups", "medicines"):
        for code in sorted(_codes_under(data[name], "snomed")):
            if not has_check_digit(code):
                yield f"{name}.json: {code} is no SNOMED CT identifier"


def has_check_digit(identifier: str) -> bool:
    """Whether the last digit is the Verhoeff check digit of the others.

    Source: SNOMED CT Release File Specification, "Check-digit".
    """
    check = 0
    for place, digit in enumerate(reversed(identifier)):
        check = _DIHEDRAL[check][_permuted(place, int(digit))]
    return check == 0


def _permuted(place: int, digit: int) -> int:
    for _ in range(place % 8):
        digit = _PERMUTATION[digit]
    return digit


_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
# Multiplication in the dihedral group of ten elements.
_DIHEDRAL = tuple(
    tuple(
        (i + j) % 5
        if i < 5 and j < 5
        else (i + j - 5) % 5 + 5
        if i < 5
        else (i - 5 - j) % 5 + 5
        if j < 5
        else (i - j) % 5
        for j in range(10)
    )
    for i in range(10)
)


def _codes_under(node: Any, system: str, key: str = "") -> set[str]:
    """Every code that stands under a key naming the code system."""
    if isinstance(node, dict):
        if "code" in node and key.endswith(system):
            return {node["code"]}
        return {c for k, value in node.items() for c in _codes_under(value, system, k)}
    if isinstance(node, list):
        return {c for value in node for c in _codes_under(value, system, key)}
    return {node} if isinstance(node, str) and key.endswith(system) else set()
