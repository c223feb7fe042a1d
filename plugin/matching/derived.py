"""Needs that follow from others: two conditions at once, voices from psychosis."""

import re
from collections.abc import Iterable, Mapping, Sequence

from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.needs import NeedEntry
from plugin.matching.facts import Facts
from plugin.matching.recommendation import Because, Need


def derived_from(
    found: Mapping[str, Need], facts: Facts, knowledge: Knowledge
) -> dict[str, Need]:
    """Needs that follow from others, with the lines they rest on."""
    derived: dict[str, Need] = {}
    for entry in knowledge.needs.values():
        if entry.derived is None or entry.id in found:
            continue
        groups = [
            [found[n] for n in group if n in found and found[n].stage != "ask"]
            for group in entry.derived.all_of
        ]
        sources = [need for group in groups for need in group]
        lines = [line for need in sources for line in need.sure_lines]
        if not all(groups) or _is_one_problem(groups):
            lines = _induced(entry, facts, found)
            sources = [n for n in sources if set(n.because) & set(lines)]
        if not lines or not sources:
            continue
        sure = min(max(n.confidence for n in group) for group in groups if group)
        active = any(n.stage == "active" for n in sources)
        derived[entry.id] = Need(
            entry.id,
            entry.name,
            "active" if active else "remission",
            min(sure, entry.derived.confidence),
            lines_of(lines),
            derived=True,
        )
    return derived


def _is_one_problem(groups: Sequence[Sequence[Need]]) -> bool:
    """Whether two conditions are only two codings of one problem that disagree."""
    named = {line.resource for group in groups for n in group for line in n.sure_lines}
    return len(groups) > 1 and len(named) == 1


def _induced(
    entry: NeedEntry, facts: Facts, found: Mapping[str, Need]
) -> list[Because]:
    """Codes that name both conditions at once, as F10.14 does."""
    assert entry.derived is not None
    if not entry.derived.icd10cm_pattern:
        return []
    stated = {line for n in found.values() if n.stage != "ask" for line in n.sure_lines}
    pattern = re.compile(entry.derived.icd10cm_pattern)
    return [
        finding.because(read)
        for finding in facts.findings
        for read in finding.codes
        if read.system == "icd-10-cm"
        and pattern.match(read.code)
        and finding.because(read) in stated
    ]


def lines_of(lines: Iterable[Because]) -> tuple[Because, ...]:
    """Each once, in a fixed order."""
    return tuple(
        sorted(set(lines), key=lambda b: (b.resource, b.system, b.code, b.display))
    )
