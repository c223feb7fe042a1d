"""What in a chart is odd enough that a reader must look again: said, not dropped."""

from collections.abc import Iterable, Sequence

from plugin.chart.chart import Chart, Condition
from plugin.knowledge.knowledge import Knowledge
from plugin.matching.facts import Facts, Finding
from plugin.matching.moments import is_ahead, latest_day
from plugin.matching.sentences import joined, sentence

MOST_NAMED = 3
MOST_SHOWN = 80  # characters of a problem's own words
_AHEAD = "Dated in the future, taken as recent: %(entries)s. Check the date."
_ODD = "The date cannot be read, taken as recent: %(entries)s."
_MISFILED = "A code has not the form of the system it names: %(entries)s. Ask."
_RESOLVED = "Resolved, so history and counted as no need: %(entries)s."
_REFUTED = "Refuted, so not counted: %(entries)s."
_IN_ERROR = "Entered in error, so not counted: %(entries)s."
_UNKNOWN = "Code system not known here, read by its words alone: %(entries)s."


def doubts_of(chart: Chart, facts: Facts, knowledge: Knowledge) -> Iterable[str]:
    """One line for each kind of oddity, naming the resources it was found in."""
    if facts.age is None:
        yield _about_age(chart)
    yield from facts.scores.notes
    standing = [f for f in facts.findings if f.state != "resolved"]
    ahead = [f for f in standing if is_ahead(f.recorded, facts.at)]
    odd = [f for f in standing if f.recorded and latest_day(f.recorded) is None]
    misfiled = [f for f in standing if f.misfiled]
    unknown = [f for f in standing if f.codes and not f.has_known_code]
    for found, said in (
        (ahead, _AHEAD),
        (odd, _ODD),
        (misfiled, _MISFILED),
        (unknown, _UNKNOWN),
    ):
        if found:
            yield sentence(said, entries=_named(found))
    yield from _not_counted(facts, knowledge)
    for finding in standing:
        yield from _contradictions(finding, knowledge)


def _not_counted(facts: Facts, knowledge: Knowledge) -> Iterable[str]:
    """What the chart has, and neither needs nor most rules go by; with the reason.

    A line that was entered in error may be about somebody else: its words stay away.
    """
    gone = [f for f in facts.findings if f.state == "resolved"]
    gone.sort(key=lambda f: (not _would_speak(f, knowledge), f.condition.reference))
    resolved = [finding.condition for finding in gone]
    refuted = [c for c in facts.set_aside if c.verification_status == "refuted"]
    wrong = [c for c in facts.set_aside if c.verification_status != "refuted"]
    for found, said, words in (
        (resolved, _RESOLVED, True),
        (refuted, _REFUTED, True),
        (wrong, _IN_ERROR, False),
    ):
        if found:
            yield sentence(said, entries=_listed([_shown(c, words) for c in found]))


def _would_speak(finding: Finding, knowledge: Knowledge) -> bool:
    return any(knowledge.index.meanings(r.system, r.code) for r in finding.codes)


def _shown(condition: Condition, words: bool) -> str:
    displays = (coding.display for coding in condition.codings)
    text = (condition.text or next((d for d in displays if d), ""))[:MOST_SHOWN]
    return f"{text} ({condition.reference})" if words and text else condition.reference


def _about_age(chart: Chart) -> str:
    if chart.patient.birth_date:
        return sentence(
            "The birth date cannot be right: age limits could not be checked."
        )
    return sentence("Age not known: age limits could not be checked.")


def _named(found: Sequence[Finding]) -> str:
    return _listed([f.condition.reference for f in found])


def _listed(entries: Sequence[str]) -> str:
    names = ", ".join(entries[:MOST_NAMED])
    more = len(entries) - MOST_NAMED
    if more <= 0:
        return names
    return sentence("%(names)s and %(number)s more", names=names, number=more)


def _contradictions(finding: Finding, knowledge: Knowledge) -> Iterable[str]:
    """Codings of one problem of which each says something else."""
    if len(finding.codes) < 2:
        return
    kinds: dict[str, set[str]] = {}
    by_system: dict[str, set[str]] = {}
    for read in finding.codes:
        for need, meaning in knowledge.index.meanings(read.system, read.code).items():
            kinds.setdefault(need, set()).add(meaning.kind)
            by_system.setdefault(read.system, set()).add(need)
    reference = finding.condition.reference
    if any(len(said) > 1 for said in kinds.values()):
        yield sentence(
            "%(resource)s: one code says remission, another does not. Ask.",
            resource=reference,
        )
    if len(by_system) > 1 and not set.intersection(*by_system.values()):
        names = [
            sentence(knowledge.need(n).name) for n in knowledge.needs if n in kinds
        ]
        yield sentence(
            "%(resource)s: its codes disagree (%(needs)s). Ask which holds.",
            resource=reference,
            needs=joined(names, ", "),
        )
