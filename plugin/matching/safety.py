"""Safety rules: run first, and independently of matching. They only add warnings."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.rules import (
    CodeTrigger,
    MedicineTrigger,
    Rule,
    ScoreTrigger,
    TogetherTrigger,
)
from plugin.matching.facts import Facts, Finding, ReadCode
from plugin.matching.moments import is_within, latest_day
from plugin.matching.needs import NeedsFound, is_explained
from plugin.matching.recommendation import Because, Level
from plugin.matching.recommendation import Warning as SafetyWarning
from plugin.matching.scores import says
from plugin.matching.sentences import joined, sentence

_RANK: dict[str, int] = {"red": 0, "amber": 1, "info": 2}
_IN_WORDS = sentence("It is written in words, without a code: ask.")


@dataclass(frozen=True, slots=True)
class Spark:
    """One line of the chart that fires a rule."""

    level: Level
    because: Because
    detail: str = ""
    history: bool = False


_Sparks = dict[str, list[Spark]]


@dataclass(frozen=True, slots=True)
class _Match:
    """A code of the chart that a trigger of a rule names."""

    rule: Rule
    trigger: CodeTrigger
    finding: Finding
    read: ReadCode


@dataclass(frozen=True, slots=True)
class Fired:
    rule: Rule
    warning: SafetyWarning

    @property
    def is_now(self) -> bool:
        return not self.warning.history

    @property
    def defers(self) -> bool:
        """Whether joining a group now would be unsafe."""
        return self.rule.defers and self.is_now


@dataclass(frozen=True, slots=True)
class Safety:
    fired: tuple[Fired, ...]
    coded: frozenset[str]  # references of the problems that fired a rule

    @property
    def warnings(self) -> tuple[SafetyWarning, ...]:
        return tuple(f.warning for f in self.fired)

    def level_of(self, rule_id: str) -> str:
        """red, amber, info, or "" where the rule did not fire."""
        return next((f.warning.level for f in self.fired if f.rule.id == rule_id), "")


def safety_of(facts: Facts, needs: NeedsFound, knowledge: Knowledge) -> Safety:
    """Every rule that fires, red first, the most lethal first."""
    fired = []
    all_sparks = _sparks(facts, needs, knowledge)
    for rule in knowledge.rules.values():
        sparks = all_sparks.get(rule.id, [])
        if sparks:
            warning = _warning(rule, sparks, facts, knowledge)
            fired.append(Fired(rule, warning))
    fired.sort(key=lambda f: (_RANK[f.warning.level], f.rule.order))
    fired = _with_overdose_lines(fired, needs.charted, knowledge)
    coded = {line.resource for f in fired for line in f.warning.because}
    return Safety(tuple(fired), frozenset(coded))


def _sparks(facts: Facts, needs: NeedsFound, knowledge: Knowledge) -> _Sparks:
    sparks: _Sparks = {}

    def add(rule_id: str, found: Iterable[Spark]) -> None:
        for spark in found:
            sparks.setdefault(rule_id, []).append(spark)

    for finding in facts.findings:
        for read in finding.codes:
            for rule_id, trigger in knowledge.triggers.fired_by(read.system, read.code):
                match = _Match(knowledge.rule(rule_id), trigger, finding, read)
                add(rule_id, _by_code(match, facts, knowledge))
        if not finding.has_known_code and finding.state == "current":
            for rule_id in knowledge.rule_words.find(finding.words):
                add(rule_id, [Spark("amber", finding.because(), _IN_WORDS)])
    for rule in knowledge.rules.values():
        for score in rule.scores:
            add(rule.id, _by_score(score, facts))
        for medicine in rule.medicines:
            add(rule.id, _by_medicine(medicine, facts, needs))
        for together in rule.together:
            add(rule.id, _by_company(together, facts, needs))
        add(rule.id, _by_age(rule, facts))
    return sparks


def _by_code(match: _Match, facts: Facts, knowledge: Knowledge) -> Iterable[Spark]:
    trigger, finding = match.trigger, match.finding
    if not _is_time(trigger, finding, facts):
        return
    if trigger.with_group and trigger.with_group not in facts.groups:
        return
    if trigger.not_icd10cm and _says_remission(finding, knowledge):
        return
    if _is_something_else(match, knowledge):
        return
    old = match.rule.acute and finding.old_encounter
    gone = finding.state != "current" and "current" not in trigger.when
    level: Level = "amber" if old and trigger.level == "red" else trigger.level
    detail = _history(finding, old=old, gone=gone)
    yield Spark(level, finding.because(match.read), detail, old or gone)
    for line in facts.groups.get(trigger.with_group, ()):
        yield Spark(level, line)


def _by_medicine(
    trigger: MedicineTrigger, facts: Facts, needs: NeedsFound
) -> Iterable[Spark]:
    for taken in facts.medicines:
        if taken.ingredient.id == trigger.ingredient:
            known = is_explained(taken, needs.charted)
            ask = "" if known else sentence(taken.ingredient.ask)
            yield Spark(trigger.level, taken.because, ask)


def _by_company(
    trigger: TogetherTrigger, facts: Facts, needs: NeedsFound
) -> Iterable[Spark]:
    if not needs.charted.keys() >= set(trigger.needs):
        return
    if not facts.groups.keys() >= set(trigger.groups):
        return
    lines = [line for name in trigger.needs for line in needs.charted[name].because]
    lines += [line for name in trigger.groups for line in facts.groups[name]]
    for line in lines:
        yield Spark(trigger.level, line)


def _is_time(trigger: CodeTrigger, finding: Finding, facts: Facts) -> bool:
    if finding.state not in trigger.when:
        return False
    recorded = finding.recorded
    if trigger.within_days is not None:
        return is_within(recorded, trigger.within_days, facts.at)
    if trigger.older_than_days is not None:
        return not is_within(recorded, trigger.older_than_days, facts.at)
    return True


def _says_remission(finding: Finding, knowledge: Knowledge) -> bool:
    """Whether another coding of the same problem puts it into remission.

    A trigger that leaves out remission codes leaves out such a problem as a whole.
    """
    return any(
        meaning.kind == "remission"
        for read in finding.codes
        for meaning in knowledge.index.meanings(read.system, read.code).values()
    )


def _is_something_else(match: _Match, knowledge: Knowledge) -> bool:
    """Whether the words say what the code leaves open: F15 can be caffeine."""
    meanings = knowledge.index.meanings(match.read.system, match.read.code)
    others = [knowledge.need(need).unless_text for need in meanings]
    return any(other and other in match.finding.words for other in others)


def _history(finding: Finding, *, old: bool, gone: bool) -> str:
    day = latest_day(finding.recorded)
    when = finding.recorded[:10]
    if gone and day:
        return sentence(
            "Recorded on %(day)s and no longer active: ask about it.", day=when
        )
    if gone:
        return sentence("Recorded and no longer active: ask about it.")
    if old and day:
        return sentence(
            "An earlier encounter recorded it on %(day)s: ask whether it still holds.",
            day=when,
        )
    if old:
        return sentence("An earlier encounter recorded it: ask whether it still holds.")
    return ""


def _by_score(trigger: ScoreTrigger, facts: Facts) -> Iterable[Spark]:
    if trigger.min_age is not None and (facts.age or 0) < trigger.min_age:
        return
    for score in facts.scores.of(trigger.loinc):
        if not is_within(score.recorded, trigger.days, facts.at):
            continue
        if trigger.answers:
            holds = says(score, trigger.answers)
        else:
            holds = score.value is not None and _in_range(trigger, score.value)
        if holds:
            yield Spark(trigger.level, score.because, joined((score.words, "."), ""))


def _in_range(trigger: ScoreTrigger, value: float) -> bool:
    above = trigger.at_least is None or value >= trigger.at_least
    return above and (trigger.below is None or value < trigger.below)


def _by_age(rule: Rule, facts: Facts) -> Iterable[Spark]:
    if rule.age_below is None or facts.age is None or facts.age >= rule.age_below:
        return
    yield Spark(
        rule.level,
        Because(facts.patient, display=sentence("%(age)s years", age=facts.age)),
    )


def _warning(
    rule: Rule, sparks: Sequence[Spark], facts: Facts, knowledge: Knowledge
) -> SafetyWarning:
    level: Level = min((s.level for s in sparks), key=lambda name: _RANK[name])
    details = sorted({s.detail for s in sparks if s.detail})
    lines = knowledge.lines_for(rule.line_topics, facts.country)
    red = level == "red"
    return SafetyWarning(
        id=rule.id,
        level=level,
        title=rule.title,
        text=joined([_opening(rule, level), *details]),
        because=tuple(
            sorted({s.because for s in sparks}, key=lambda b: (b.resource, b.code))
        ),
        must=rule.must,
        needs_answer=red,
        needs_follow_up=red and rule.follow_up,
        asks_withdrawal=rule.asks_withdrawal,
        crisis_lines=tuple(line.id for line in lines),
        history=all(s.history for s in sparks),
    )


def _opening(rule: Rule, level: Level) -> str:
    if rule.id == "S1" and level == "amber":
        return sentence(
            "Assess suicide risk in this visit. Groups stay below, as an addition."
        )
    return sentence(rule.text)


def _with_overdose_lines(
    fired: list[Fired], needs: Collection[str], knowledge: Knowledge
) -> list[Fired]:
    """Two depressant needs together: the first warning about either says so."""
    lines = [
        sentence(line.text)
        for line in knowledge.overdose_lines
        if {*line.needs} <= {*needs}
    ]
    if not lines:
        return fired
    carriers = [f for f in fired if f.rule.id in knowledge.overdose_on]
    if not carriers:
        return fired
    order = knowledge.overdose_on
    carrier = min(carriers, key=lambda f: order.index(f.rule.id))
    warning = replace(
        carrier.warning,
        text=joined([carrier.warning.text, *lines]),
        must=(*carrier.warning.must, *lines),
    )
    at = fired.index(carrier)
    return [*fired[:at], Fired(carrier.rule, warning), *fired[at + 1 :]]
