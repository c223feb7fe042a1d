"""Hard filters: what does not suit, each with its reason, so that all can be opened."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plugin.knowledge.programs import Exclusion, Program
from plugin.matching.recommendation import Removed
from plugin.matching.sentences import sentence, spoken
from plugin.matching.wishes import Candidate, Situation, codes_in

# Gives (kind, reason) where a programme does not suit, else None.
Verdict = tuple[str, str] | None
Filter = Callable[[Candidate, Situation], Verdict]


@dataclass(frozen=True, slots=True)
class Eligible:
    candidates: tuple[Candidate, ...]
    removed: tuple[Removed, ...]


def eligible(situation: Situation) -> Eligible:
    """The programmes that suit, and those left out with the reason."""
    kept: list[Candidate] = []
    removed: list[Removed] = []
    for candidate in _candidates(situation):
        verdict = _verdict(candidate, situation)
        if verdict is None:
            kept.append(candidate)
        else:
            removed.append(_removed(candidate.program, verdict))
    stands = [c for c in kept if _stands(c, kept, situation)]
    standing = {c.program.id for c in stands}
    for candidate in kept:
        if candidate.program.id not in standing:
            removed.append(_removed(candidate.program, _ALONE))
    return Eligible(tuple(stands), tuple(sorted(removed, key=lambda r: r.id)))


_ALONE = (
    "adjunct",
    sentence("only stands beside a group built for the need; none is here"),
)


def _candidates(situation: Situation) -> list[Candidate]:
    rows = []
    stated = tuple(situation.needs.values())
    for program in situation.knowledge.serving(situation.needs.keys()):
        served = tuple(n for n in stated if n.id in program.needs)
        roles = {need.id: program.needs[need.id] for need in served}
        rows.append(Candidate(program, served, roles))
    return rows


def _removed(program: Program, verdict: tuple[str, str]) -> Removed:
    return Removed(program.id, program.name, verdict[1], verdict[0])


def _verdict(candidate: Candidate, situation: Situation) -> Verdict:
    for check in FILTERS:
        verdict = check(candidate, situation)
        if verdict is not None:
            return verdict
    return None


def _by_rule(candidate: Candidate, situation: Situation) -> Verdict:
    program = candidate.program
    for fired in situation.safety.fired:
        rule = fired.rule
        if program.id in rule.removes.programs:
            reason = sentence(
                "%(warning)s: rule %(rule)s", warning=spoken(rule.title), rule=rule.id
            )
            return f"rule {rule.id}", reason
        audience = rule.removes.audience
        if audience and program.audience == audience and fired.warning.level == "red":
            reason = sentence("no couple or family group: rule %(rule)s", rule=rule.id)
            return f"rule {rule.id}", reason
    return None


def _by_exclusion(candidate: Candidate, situation: Situation) -> Verdict:
    for exclusion in candidate.program.exclusions:
        shown = excluded_by(exclusion, situation)
        if shown is not None:
            why = sentence(exclusion.reason)
            if shown:
                why = sentence("%(reason)s (%(shown)s)", reason=why, shown=shown)
            return "exclusion", why
    return None


def excluded_by(exclusion: Exclusion, situation: Situation) -> str | None:
    """The codes because of which an exclusion holds, or None where it does not."""
    if exclusion.rule:
        level = situation.safety.level_of(exclusion.rule)
        holds = bool(level) and exclusion.level in {"", level}
        return sentence("rule %(rule)s", rule=exclusion.rule) if holds else None
    if exclusion.group:
        lines = situation.facts.groups.get(exclusion.group, ())
        return ", ".join(sorted({b.code for b in lines})) if lines else None
    if exclusion.score:
        return _score_excludes(exclusion, situation)
    need = situation.charted.get(exclusion.need)
    if need is None:
        return None
    severe = exclusion.severity in {"", need.severity}
    staged = exclusion.stage in {"", need.stage}
    return codes_in(need) if severe and staged else None


def _score_excludes(exclusion: Exclusion, situation: Situation) -> str | None:
    if exclusion.min_age is not None and (situation.facts.age or 0) < exclusion.min_age:
        return None
    for score in situation.facts.scores.of(exclusion.score):
        if score.value is not None and _holds(exclusion, score.value):
            return score.words
    return None


def _holds(exclusion: Exclusion, value: float) -> bool:
    above = exclusion.at_least is None or value >= exclusion.at_least
    return above and (exclusion.below is None or value < exclusion.below)


def _by_age(candidate: Candidate, situation: Situation) -> Verdict:
    age, band = situation.facts.age, candidate.program.age
    if band.hold(age):
        return None
    if band.min is not None and age is not None and age < band.min:
        return "age", sentence(
            "from %(limit)s years; the patient is %(age)s", limit=band.min, age=age
        )
    return "age", sentence(
        "up to %(limit)s years; the patient is %(age)s", limit=band.max, age=age
    )


def _by_gender(candidate: Candidate, situation: Situation) -> Verdict:
    gender, preferences = candidate.program.gender, situation.preferences
    if gender == "any" or candidate.program.id in preferences.picks:
        return None
    recorded = situation.facts.gender
    if gender == "women" and (recorded == "female" or preferences.women):
        return None
    if gender == "men" and (recorded == "male" or preferences.men):
        return None
    return "gender", sentence(
        "for %(gender)s; the record says %(recorded)s",
        gender=sentence(gender),
        recorded=sentence(recorded),
    )


def _by_language(candidate: Candidate, situation: Situation) -> Verdict:
    program = candidate.program
    wanted = (situation.preferences.language or situation.language).lower()
    if program.any_language or wanted.split("-")[0] in program.languages:
        return None
    return "language", sentence(
        "not known in this language (%(wanted)s)", wanted=wanted
    )


def _by_country(candidate: Candidate, situation: Situation) -> Verdict:
    program, country = candidate.program, situation.facts.country
    if not country or program.worldwide or country in program.countries:
        return None
    if program.online_anywhere and "online" in program.formats:
        return None
    return "country", sentence(
        "not known in this country (%(country)s)", country=country
    )


def _by_modality(candidate: Candidate, situation: Situation) -> Verdict:
    formats = candidate.program.formats
    wanted = situation.preferences.modality
    if wanted == "online" and not {"online", "phone"} & set(formats):
        return "modality", sentence("in person only; the patient wants online")
    if wanted == "in-person" and "in-person" not in formats:
        return "modality", sentence("online only; the patient wants in person")
    return None


def _by_spirituality(candidate: Candidate, situation: Situation) -> Verdict:
    if situation.preferences.spiritual != "secular_only":
        return None
    if candidate.program.spirituality < 2:
        return None
    return "spiritual", sentence("spiritual; the patient wants secular groups only")


def _by_requirement(candidate: Candidate, situation: Situation) -> Verdict:
    required = candidate.program.requires
    preferences = situation.preferences
    if required is None or candidate.program.id in preferences.picks:
        return None
    if required.kind == "faith" and preferences.spiritual == "faith":
        return None
    if required.kind == "text" and _spoken_of(required.pattern, situation):
        return None
    return "on request", required.text


def _spoken_of(pattern: str, situation: Situation) -> bool:
    """Whether the words of a problem, or what its code means, speak of something."""
    meanings = situation.knowledge.index.meanings
    return any(
        re.search(pattern, words.lower())
        for finding in situation.facts.findings
        if finding.state != "resolved"
        for words in (
            finding.words,
            *(
                meaning.display
                for read in finding.codes
                for meaning in meanings(read.system, read.code).values()
            ),
        )
    )


def _stands(
    candidate: Candidate, kept: Sequence[Candidate], situation: Situation
) -> bool:
    """A programme that is adjunct only needs another one built for that need.

    Where the knowledge base has none built for it, as in anorexia, it stands beside
    specialist treatment.
    """
    if not candidate.adjunct_only:
        return True
    for need in candidate.served:
        if any(_is_built_for(c.program, need.id) for c in kept):
            return True
        known = situation.knowledge.programs.values()
        if not any(_is_built_for(program, need.id) for program in known):
            return True
    return False


def _is_built_for(program: Program, need: str) -> bool:
    return program.needs.get(need) in {"primary", "secondary"}


FILTERS: tuple[Filter, ...] = (
    _by_exclusion,
    _by_rule,
    _by_age,
    _by_gender,
    _by_language,
    _by_country,
    _by_modality,
    _by_spirituality,
    _by_requirement,
)
