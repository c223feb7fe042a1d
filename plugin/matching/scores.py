"""Results that count: the latest of each LOINC code, as a number or an answer."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from plugin.chart.chart import Observation
from plugin.chart.codes import system_of
from plugin.chart.measures import MEASURES
from plugin.matching.moments import latest_day, moment
from plugin.matching.recommendation import Because

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
        day = latest_day(self.recorded)
        return f"{self.name} {shown}" + (f" on {day.isoformat()}" if day else "")


@dataclass(frozen=True, slots=True)
class Scores:
    latest: Mapping[str, Score]
    refused: tuple[str, ...] = ()  # results that cannot be, in words


def scores_of(observations: Iterable[Observation]) -> Scores:
    """The latest final result of each measure; of two at once the higher."""
    latest: dict[str, tuple[tuple[object, ...], Score]] = {}
    refused: set[str] = set()
    for observation in observations:
        if observation.status.lower() not in _FINAL:
            continue
        for score in _results(observation):
            measure = MEASURES[score.loinc]
            value = score.value
            if value is not None and not measure.low <= value <= measure.high:
                refused.add(
                    f"{measure.name} of {value:g} cannot be: it was not used "
                    f"({score.because.resource})."
                )
                continue
            order, held = _order(score), latest.get(score.loinc)
            if held is None or order > held[0]:
                latest[score.loinc] = order, score
    found = {loinc: score for loinc, (_, score) in latest.items()}
    return Scores(found, tuple(sorted(refused)))


def _order(score: Score) -> tuple[object, ...]:
    value = -1.0 if score.value is None else score.value
    said = score.answer not in {"", "no"}
    return moment(score.recorded), value, said, score.answer, score.because.resource


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
