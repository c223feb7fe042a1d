"""Warnings as they stand above everything else, with the answers given so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from plugin.matching.recommendation import Because
from plugin.matching.recommendation import Warning as SafetyWarning
from plugin.screens.draft import Answer
from plugin.screens.words import Words


@dataclass(frozen=True, slots=True)
class CrisisLine:
    name: str
    reach: str  # how to reach it: 988, call or text
    checked: str  # when a site last confirmed it, or that none did


# Gives the crisis lines with these ids, for the country the app stands in.
CrisisLines = Callable[[Sequence[str]], Sequence[CrisisLine]]


@dataclass(frozen=True, slots=True)
class WarningBox:
    id: str
    level: str
    title: str
    text: str
    codes: tuple[str, ...]
    must: tuple[str, ...]
    lines: tuple[CrisisLine, ...]
    asks_withdrawal: bool
    needs_answer: bool
    needs_follow_up: bool
    answer: str
    follow_up: str
    today: str
    missing: str  # what is still to be answered, once signing was tried


@dataclass(frozen=True, slots=True)
class WarningBoxes:
    """Makes the boxes: the most lethal first, as matching ordered them."""

    words: Words
    crisis: CrisisLines
    today: date

    def of(
        self,
        warnings: Sequence[SafetyWarning],
        answers: Mapping[str, Answer],
        missing: Mapping[str, str],
    ) -> tuple[WarningBox, ...]:
        return tuple(
            self._box(w, answers.get(w.id, Answer()), missing.get(w.id, ""))
            for w in warnings
        )

    def _box(self, warning: SafetyWarning, answer: Answer, missing: str) -> WarningBox:
        return WarningBox(
            id=warning.id,
            level=warning.level,
            title=self.words.say(warning.title),
            text=warning.text,
            codes=codes_of(warning.because),
            must=warning.must,
            lines=tuple(self.crisis(warning.crisis_lines)),
            asks_withdrawal=warning.asks_withdrawal,
            needs_answer=warning.needs_answer,
            needs_follow_up=warning.needs_follow_up,
            answer=answer.text,
            follow_up=answer.follow_up,
            today=self.today.isoformat(),
            missing=missing,
        )


def codes_of(because: Sequence[Because]) -> tuple[str, ...]:
    """What spoke, each once, in its order: ICD codes, else words; `?` unconfirmed."""
    return tuple(dict.fromkeys(_shown(b) for b in because if b.code))


def _shown(line: Because) -> str:
    if not line.is_icd:
        return line.words or line.code
    return f"{line.code}?" if line.questioned else line.code


def unanswered(
    warnings: Sequence[SafetyWarning],
    answers: Mapping[str, Answer],
    words: Words,
    today: date,
) -> dict[str, str]:
    """What keeps Sign from being accepted: warning id to what is missing."""
    lacking = {}
    for warning in warnings:
        lack = _lack(warning, answers.get(warning.id, Answer()), words, today)
        if lack:
            lacking[warning.id] = lack
    return lacking


def _lack(warning: SafetyWarning, answer: Answer, words: Words, today: date) -> str:
    if warning.needs_answer and not answer.text.strip():
        if warning.needs_follow_up and not answer.follow_up:
            return words.say("Write what was done, and give a follow-up date.")
        return words.say("Write what was done about this warning.")
    if warning.needs_follow_up:
        follow_up = _date(answer.follow_up)
        if follow_up is None:
            return words.say("Give the date of the follow-up.")
        if follow_up < today:
            return words.say("The follow-up date has passed. Give a later one.")
    return ""


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
