"""Results that count: the latest of each LOINC code, as a number or an answer."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from plugin.chart.chart import Observation
from plugin.chart.codes import system_of
from plugin.chart.measures import MEASURES
from plugin.matching.moments import is_ahead, latest_day, moment
from plugin.matching.recommendation import Because
from plugin.matching.sentences import sentence

_FINAL = {"final", "amended", "corrected"}
# LOINC answer list LL358-3: how often, over the last two weeks.
_POINTS = {"LA6568-5": 0.0, "LA6569-3": 1.0, "LA6570-1": 2.0, "LA6571-9": 3.0}
_FREQUENCY = {
    "not at all": 0.0,
    "several days": 1.0,
    "more than half the days": 2.0,
    "nearly every day": 3.0,
}
_ANSWERS = {
    "LA33-6": "yes",
    "373066001": "yes",
    "LA32-8": "no",
    "373067005": "no",
    "y": "yes",
    "true": "yes",
    "n": "no",
    "false": "no",
}

_Order = tuple[object, ...]
# Answers that can be said in another language; any other is the chart's own.
_SAID = frozenset({"yes", "no", "low risk", "moderate risk", "high risk"})


@dataclass(frozen=True, slots=True)
class Score:
    loinc: str
    value: float | None
    answer: str  # in lower case: yes, no, moderate risk ...
    recorded: str
    because: Because

    @property
    def name(self) -> str:
        return MEASURES[self.loinc].name

    @property
    def words(self) -> str:
        """The result and its day, as a line of a warning."""
        shown = f"{self.value:g}" if self.value is not None else self.answer
        if shown in _SAID:
            shown = sentence(shown)
        day = latest_day(self.recorded)
        named = {"name": sentence(self.name), "value": shown}
        if day is None:
            return sentence("%(name)s: %(value)s", **named)
        return sentence("%(name)s: %(value)s on %(day)s", **named, day=day.isoformat())


@dataclass(frozen=True, slots=True)
class Scores:
    """`unplaced` are those without a date, or dated ahead: they count beside the
    latest, so that neither hides the other."""

    latest: Mapping[str, Score]
    unplaced: Mapping[str, Score]
    notes: tuple[str, ...] = ()  # results that cannot be, or not then, in words

    def of(self, loinc: str) -> tuple[Score, ...]:
        found = (self.latest.get(loinc), self.unplaced.get(loinc))
        return tuple(score for score in found if score is not None)


def scores_of(observations: Iterable[Observation], at: datetime) -> Scores:
    """The latest final result of each measure; of two at once the worse."""
    latest: dict[str, tuple[_Order, Score]] = {}
    unplaced: dict[str, tuple[_Order, Score]] = {}
    notes: set[str] = set()
    for observation in observations:
        if observation.status.lower() not in _FINAL:
            continue
        for score in _results(observation):
            if note := _impossible(score):
                notes.add(note)
            elif _is_unplaced(score, at):
                _keep(score, _worse(score), unplaced)
                if score.recorded:
                    cited = score.because.resource
                    notes.add(
                        sentence(
                            "%(name)s (%(resource)s) is dated ahead or oddly: check.",
                            name=sentence(score.name),
                            resource=cited,
                        )
                    )
            else:
                _keep(score, _order(score), latest)
    return Scores(
        {loinc: score for loinc, (_, score) in latest.items()},
        {loinc: score for loinc, (_, score) in unplaced.items()},
        tuple(sorted(notes)),
    )


def _keep(score: Score, order: _Order, held: dict[str, tuple[_Order, Score]]) -> None:
    other = held.get(score.loinc)
    if other is None or order > other[0]:
        held[score.loinc] = order, score


def _impossible(score: Score) -> str:
    measure, value = MEASURES[score.loinc], score.value
    if value is None or measure.low <= value <= measure.high:
        return ""
    cited = score.because.resource
    return sentence(
        "%(name)s of %(value)s cannot be: it was not used (%(resource)s).",
        name=sentence(score.name),
        value=f"{value:g}",
        resource=cited,
    )


def _is_unplaced(score: Score, at: datetime) -> bool:
    return latest_day(score.recorded) is None or is_ahead(score.recorded, at)


def _order(score: Score) -> _Order:
    return moment(score.recorded), *_worse(score)


def _worse(score: Score) -> _Order:
    value = -1_000.0 if score.value is None else score.value
    if MEASURES[score.loinc].low_is_worse and score.value is not None:
        value = -value
    said = score.answer not in {"", "no"}
    return value, said, score.answer, score.because.resource


def _results(observation: Observation) -> Iterable[Score]:
    for coding in observation.codings:
        code = coding.code.strip()
        if code in MEASURES and system_of(coding.system, code) == "loinc":
            value, answer = _value(observation)
            if value is None and not answer:
                continue
            measure = MEASURES[code]
            shown = coding.display or measure.name
            because = Because(observation.reference, coding.system, code, shown)
            yield Score(code, value, answer, observation.effective, because)


def _value(observation: Observation) -> tuple[float | None, str]:
    if observation.value is not None:
        answer = observation.text.lower()
        return observation.value, _ANSWERS.get(answer, answer)
    for coding in observation.answer:
        if coding.code in _POINTS:
            return _POINTS[coding.code], coding.display.lower()
        if coding.code in _ANSWERS:
            return None, _ANSWERS[coding.code]
    spoken = [observation.text, *(c.display for c in observation.answer)]
    words = next((w.lower() for w in spoken if w), "")
    if words in _FREQUENCY:
        return _FREQUENCY[words], words
    return None, _ANSWERS.get(words, words)


def says(score: Score, answers: Iterable[str]) -> bool:
    """Whether the answer is one of these words; 1 stands for yes."""
    if "yes" in answers and score.value == 1:
        return True
    spoken = set(re.findall(r"[a-z]+", score.answer))
    return any(answer in spoken for answer in answers)
