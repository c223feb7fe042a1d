"""From the chart to needs: what speaks for each, how surely, and at what stage."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.needs import NeedEntry, Screen
from plugin.matching.derived import derived_from, lines_of
from plugin.matching.facts import Facts, Finding, Taken
from plugin.matching.moments import is_within
from plugin.matching.recommendation import Because, Need, Stage, Unmapped
from plugin.matching.scores import Score
from plugin.matching.sentences import sentence

SCORE_DAYS = 90
# Of a code that is only a kind of a listed one, words that leave open whether it holds.
_PAST = re.compile(r"remission|history|resolved|screening|suspected|risk of")
_AS_A_KIND = sentence("A terminology server takes it for a kind of this. Is it so now?")


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of the chart that speaks for a need."""

    because: Because
    confidence: float
    remission: bool = False
    severity: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class NeedsFound:
    """`charted` are all that the chart or the clinician speaks for, the general ones
    that a specific one replaces among them: safety goes by these."""

    needs: tuple[Need, ...]
    mapped: frozenset[str]  # references of problems that speak for a need
    notes: tuple[str, ...] = ()
    charted: Mapping[str, Need] = field(default_factory=dict)

    def stated(self) -> tuple[Need, ...]:
        """The needs that count without asking the clinician."""
        return tuple(n for n in self.needs if n.stage != "ask")


def needs_of(
    facts: Facts,
    knowledge: Knowledge,
    *,
    added: Collection[str] = (),
) -> NeedsFound:
    """All needs, in the order of the knowledge base.

    Takes: the needs that the clinician added or confirmed: they count fully.
    """
    hits: dict[str, list[Hit]] = {}
    for finding in facts.findings:
        if finding.state != "resolved":
            for need, hit in _hits_of(finding, facts, knowledge):
                hits.setdefault(need, []).append(hit)
    stated = {n for n, lines in hits.items() if any(h.confidence for h in lines)}
    asked = [
        *_asked_by_medicines(facts, stated),
        *_asked_by_scores(facts, knowledge),
    ]
    for need, hit in asked:
        hits.setdefault(need, []).append(hit)
    found = {
        entry.id: _need(entry, hits[entry.id])
        for entry in knowledge.needs.values()
        if entry.id in hits
    }
    found |= derived_from(found, facts, knowledge)
    charted = dict(found)
    found = {n: need for n, need in found.items() if _may_be(n, facts, knowledge)}
    mapped = frozenset(h.because.resource for need in found for h in hits.get(need, ()))
    notes = _let_specific_win(found, knowledge)
    for need_id in added:
        if need_id in knowledge.needs:
            held = _stated(knowledge.need(need_id), found.get(need_id))
            found[need_id] = charted[need_id] = held
    order = {name: place for place, name in enumerate(knowledge.needs)}
    needs = sorted(found.values(), key=lambda n: order[n.id])
    counted = {n: need for n, need in charted.items() if need.stage != "ask"}
    return NeedsFound(tuple(needs), mapped, tuple(notes), counted)


def _hits_of(
    finding: Finding, facts: Facts, knowledge: Knowledge
) -> Iterable[tuple[str, Hit]]:
    hits = dict(_hits_by_code(finding, facts, knowledge))
    if hits:
        return hits.items()
    if not finding.has_known_code or any(r.system == "snomed" for r in finding.codes):
        return _hits_by_words(finding, knowledge)
    return ()


def _hits_by_code(
    finding: Finding, facts: Facts, knowledge: Knowledge
) -> Iterable[tuple[str, Hit]]:
    """One hit for each need: of several codings, remission and then certainty win."""
    best: dict[str, Hit] = {}
    for read in finding.codes:
        for need, meaning in knowledge.index.meanings(read.system, read.code).items():
            entry = knowledge.need(need)
            if not _text_allows(entry, finding, meaning.confidence):
                continue
            past = read.by_kind and _PAST.search(finding.words) is not None
            unsure = finding.questioned or past
            hit = Hit(
                finding.because(read),
                0.0 if unsure else meaning.confidence,
                remission=meaning.kind == "remission" or finding.state == "inactive",
                severity=meaning.severity,
                question=_AS_A_KIND if past else _why_asked(finding),
            )
            held = best.get(need)
            if held is None or _stronger(hit, held):
                best[need] = hit
    return best.items()


def _stronger(hit: Hit, held: Hit) -> bool:
    return (hit.remission, hit.confidence, bool(hit.severity)) > (
        held.remission,
        held.confidence,
        bool(held.severity),
    )


def _text_allows(entry: NeedEntry, finding: Finding, confidence: float) -> bool:
    if entry.unless_text and entry.unless_text in finding.words:
        return False
    if entry.needs_text and confidence == 0:
        return re.search(entry.needs_text, finding.words) is not None
    return True


def _why_asked(finding: Finding) -> str:
    if finding.misfiled:
        return sentence(
            "The code has the form of another code system than it names. Is it so?"
        )
    if finding.questioned:
        status = finding.condition.verification_status
        return sentence(
            "The diagnosis is %(status)s. Is it so?", status=sentence(status)
        )
    return sentence("The code alone does not say so. Is it so?")


def _hits_by_words(finding: Finding, knowledge: Knowledge) -> Iterable[tuple[str, Hit]]:
    question = sentence(
        "It is written in words, without a code that is known. Is it so?"
    )
    for need in knowledge.need_words.find(finding.words):
        yield need, Hit(finding.because(), 0.0, question=question)


def is_explained(taken: Taken, stated: Collection[str]) -> bool:
    """Whether a need of the chart says what a medicine is for."""
    return any(need in stated for need in taken.ingredient.asks_needs)


def _asked_by_medicines(
    facts: Facts, stated: Collection[str]
) -> Iterable[tuple[str, Hit]]:
    for taken in facts.medicines:
        if is_explained(taken, stated):
            continue
        for need in taken.ingredient.asks_needs:
            yield need, Hit(taken.because, 0.0, question=taken.ingredient.ask)


def _asked_by_scores(facts: Facts, knowledge: Knowledge) -> Iterable[tuple[str, Hit]]:
    for entry in knowledge.needs.values():
        for screen in entry.screens:
            for score in facts.scores.of(screen.loinc):
                if _speaks(score, screen, facts):
                    asked = sentence("%(score)s. Is it a need?", score=score.words)
                    yield entry.id, Hit(score.because, 0.0, question=asked)


def _speaks(score: Score, screen: Screen, facts: Facts) -> bool:
    least = screen.at_least
    if facts.gender == "female" and screen.at_least_female is not None:
        least = screen.at_least_female
    high = score.value is not None and score.value >= least
    return high and is_within(score.recorded, SCORE_DAYS, facts.at)


def _need(entry: NeedEntry, hits: list[Hit]) -> Need:
    sure = [hit for hit in hits if hit.confidence > 0]
    used = sure or hits
    active = any(not hit.remission for hit in sure)
    stage: Stage = ("active" if active else "remission") if sure else "ask"
    return Need(
        id=entry.id,
        name=entry.name,
        stage=stage,
        confidence=max(hit.confidence for hit in used),
        because=lines_of(_lines(hits, sure)),
        severity=next((hit.severity for hit in used if hit.severity), ""),
        question="" if sure else min(hit.question for hit in hits),
    )


def _lines(hits: list[Hit], sure: list[Hit]) -> Iterable[Because]:
    """What is sure, and beside it what the chart has with a question mark."""
    for hit in hits:
        if not sure or hit.confidence > 0 or hit.because.questioned:
            yield hit.because


def _may_be(need: str, facts: Facts, knowledge: Knowledge) -> bool:
    entry = knowledge.need(need)
    if entry.unless_group and entry.unless_group in facts.groups:
        return False
    too_young = entry.min_age is not None and facts.age is not None
    return not (too_young and (facts.age or 0) < (entry.min_age or 0))


def _let_specific_win(found: dict[str, Need], knowledge: Knowledge) -> list[str]:
    """Take out the general needs that a specific one replaces; say so."""
    notes: list[str] = []
    for need in list(found.values()):
        if need.stage == "ask":
            continue
        for general in knowledge.need(need.id).beats:
            if general in found:
                gone = found.pop(general)
                notes.append(
                    sentence(
                        "%(general)s is taken as part of: %(need)s.",
                        general=sentence(gone.name),
                        need=sentence(need.name),
                    )
                )
    return notes


def _stated(entry: NeedEntry, held: Need | None) -> Need:
    """A need that the clinician added or confirmed."""
    if held is not None and held.stage != "ask":
        return held
    lines = held.because if held else ()
    base = held or Need(entry.id, entry.name, "active", 1.0, lines)
    return replace(base, stage="active", confidence=1.0, question="")


def unmapped_of(
    facts: Facts, mapped: Collection[str], coded: Collection[str]
) -> tuple[Unmapped, ...]:
    """Problems that stand and speak for nothing here: shown, never dropped.

    Takes: the references that speak for a need (`mapped`) or fire a rule (`coded`).
    """
    rows = []
    for finding in facts.findings:
        reference = finding.condition.reference
        if finding.state == "resolved" or reference in mapped or reference in coded:
            continue
        read = finding.codes[0].coding if finding.codes else None
        shown = finding.condition.text or (read.display or read.code if read else "")
        rows.append(
            Unmapped(
                reference,
                shown,
                read.system if read else "",
                read.code if read else "",
            )
        )
    return tuple(rows)
