"""The score: published weights, each part explained, no part hidden."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from plugin.directory.meeting import Occurrence
from plugin.knowledge.programs import Study
from plugin.knowledge.rules import Weights
from plugin.matching.preferences import stated_wishes
from plugin.matching.recommendation import Feature, Need
from plugin.matching.sentences import MOST_MET, joined, sentence, spoken
from plugin.matching.wishes import Candidate, Situation

_TEXT = {
    "need_fit": "Serves the need",
    "evidence": "Evidence for it",
    "reach": "Next meeting and way there",
    "preference": "The patient's wishes",
    "co_occurrence": "Addiction and mental illness together",
    "specificity": "Made for few needs",
    "medication": "Stance on medication",
}

_SERVES = {
    "primary": "built for it",
    "secondary": "often serves it",
    "adjunct": "beside treatment",
    "": "not served",
}


@dataclass(frozen=True, slots=True)
class Ranked:
    candidate: Candidate
    main: Need  # the need that the programme serves best
    study: Study
    features: tuple[Feature, ...]
    score: float


def rank(
    candidates: Sequence[Candidate], situation: Situation, at: datetime
) -> tuple[Ranked, ...]:
    """Best first. Ties: programmes of the founding paper, then those with a known way
    to their meetings, then by name."""
    ranked = [_ranked(candidate, situation, at) for candidate in candidates]
    ranked.sort(
        key=lambda r: (
            -r.score,
            not r.candidate.program.featured,
            not r.candidate.program.url,
            r.candidate.program.name,
            r.candidate.program.id,
        )
    )
    return tuple(ranked)


def _ranked(candidate: Candidate, situation: Situation, at: datetime) -> Ranked:
    weights = situation.knowledge.weights
    main = main_need(candidate, weights)
    study = study_of(candidate, main)
    fit, specific = _need_fit(candidate, weights), len(candidate.program.needs) ** -0.5
    parts = (
        ("need_fit", fit, True, spoken(main.name)),
        ("evidence", weights.grade[study.grade], True, _grade(study.grade)),
        ("reach", *_reach(candidate.meetings, at, weights)),
        ("preference", *_preference(candidate, situation)),
        ("co_occurrence", *_co_occurrence(candidate, situation)),
        ("specificity", specific, True, ""),
    )
    weight = weights.features
    features = [_feature(n, weight[n], value, k, of) for n, value, k, of in parts]
    features += _medication(candidate, situation)
    total = 0.0
    for feature in features:
        total += feature.weight * feature.value
    return Ranked(
        candidate,
        main,
        study,
        tuple(features),
        _clip(total * candidate.program.weight),
    )


@lru_cache(maxsize=MOST_MET)
def _feature(name: str, weight: float, value: float, known: bool, of: str) -> Feature:
    return Feature(name, weight, value, known, _text(name, of))


@lru_cache(maxsize=MOST_MET)
def _text(name: str, detail: str) -> str:
    text = sentence(_TEXT[name])
    return joined((text, detail), ": ") if detail else text


@lru_cache(maxsize=8)
def _grade(grade: str) -> str:
    return sentence("grade %(grade)s", grade=grade)


def _clip(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)


def main_need(candidate: Candidate, weights: Weights) -> Need:
    """The need served best; of equal ones the one with the better evidence."""

    if len(candidate.served) == 1:
        return candidate.served[0]

    def worth(need: Need) -> tuple[float, float]:
        role = weights.role[candidate.program.needs[need.id]] * need.confidence
        return role, weights.grade[study_of(candidate, need).grade]

    return max(candidate.served, key=worth)


def study_of(candidate: Candidate, need: Need) -> Study:
    """The evidence for that need; without a study it is grade D."""
    return candidate.program.evidence.get(need.id) or _unstudied(need.id)


@lru_cache(maxsize=512)
def _unstudied(need: str) -> Study:
    return Study(need, "D")


def _need_fit(candidate: Candidate, weights: Weights) -> float:
    roles, needs = weights.role, candidate.program.needs
    best = max([roles[needs[n.id]] * n.confidence for n in candidate.served])
    further = weights.further_need * (len(candidate.served) - 1)
    return min(1.0, best + min(further, weights.further_need_cap))


def _reach(
    meetings: Sequence[Occurrence], at: datetime, weights: Weights
) -> tuple[float, bool, str]:
    """The best of the next meetings: how soon, and how near."""
    if not meetings:
        return weights.unknown, False, sentence("not known")
    best = max(_reach_of(meeting, at, weights) for meeting in meetings)
    if len(meetings) == 1:
        return best, True, sentence("one next meeting")
    return best, True, sentence("%(number)s next meetings", number=len(meetings))


def _reach_of(meeting: Occurrence, at: datetime, weights: Weights) -> float:
    hours = (meeting.starts - at).total_seconds() / 3600
    soon = _falling(hours, weights.full_hours, weights.zero_hours)
    if meeting.attendance in {"online", "hybrid"}:
        return soon
    if meeting.km is None:
        return soon * weights.unknown
    return soon * _falling(meeting.km, weights.full_km, weights.zero_km)


def _falling(value: float, full: float, zero: float) -> float:
    """1 up to `full`, then linear down to 0 at `zero`."""
    return min(1.0, max(0.0, (zero - value) / (zero - full)))


def _preference(candidate: Candidate, situation: Situation) -> tuple[float, bool, str]:
    wishes = {}
    if situation.has_wishes:
        wishes = stated_wishes(candidate, situation.preferences)
    if not wishes:
        return situation.knowledge.weights.unknown, False, sentence("none stated")
    met = [name for name, holds in wishes.items() if holds]
    text = sentence("%(met)s of %(all)s met", met=len(met), all=len(wishes))
    return len(met) / len(wishes), True, text


def _co_occurrence(
    candidate: Candidate, situation: Situation
) -> tuple[float, bool, str]:
    weights = situation.knowledge.weights
    if situation.need("dual_diagnosis") is None:
        return weights.unknown, False, sentence("not in question")
    role = candidate.program.needs.get("dual_diagnosis")
    return (weights.role[role] if role else 0.0), True, sentence(_SERVES[role or ""])


def _medication(candidate: Candidate, situation: Situation) -> list[Feature]:
    """A bonus or a loss, only where a medicine of this patient makes it matter."""
    weights = situation.knowledge.weights
    moud, psychiatric = candidate.program.moud, candidate.program.psychiatric
    weight = 0.0
    text = ""
    if situation.moud_matters and moud.stance in {"friendly", "limits"}:
        weight = weights.friendly if moud.stance == "friendly" else weights.unsupportive
        text = sentence(moud.text)
    elif situation.psychiatric_matters and psychiatric.stance == "supportive":
        weight, text = weights.friendly, sentence(psychiatric.text)
    if not weight:
        return []
    return [Feature("medication", weight, 1.0, True, _text("medication", text))]
