"""A guide's summary fields: as they stand on the page, and as lines of the note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from plugin.knowledge.guide import Guide, SummaryField
from plugin.knowledge.texts import Texts
from plugin.matching.recommendation import Recommendation
from plugin.screens.posted import Posted

ADULT = 18  # years
LONGEST = 500  # characters kept of an answer, whatever the field takes


@dataclass(frozen=True, slots=True)
class FieldLine:
    field: SummaryField
    answer: str
    wrong: bool


def answers_in(form: Posted, guide: Guide) -> tuple[dict[str, str], dict[str, str]]:
    """What was answered and may go to the note; and what the fields do not take."""
    good: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for field in guide.summary:
        answer = " ".join(form.one(f"sum-{field.id}").split())[:LONGEST]
        if not answer:
            continue
        try:
            field.words(answer)
        except ValueError:
            wrong[field.id] = answer
        else:
            good[field.id] = answer
    return good, wrong


def guide_values(
    guide: Guide, kept: Mapping[str, str], wrong: Mapping[str, str], today: date
) -> dict[str, object]:
    answers = {**kept, **wrong}
    return {
        "guide": guide,
        "fields": [
            FieldLine(field, answers.get(field.id, ""), field.id in wrong)
            for field in guide.summary
        ],
        "any_wrong": bool(wrong),
        "today": today.isoformat(),
    }


def guides_for(shown: Recommendation, texts: Texts, language: str) -> list[Guide]:
    """The guides of the single sessions that fit; and what fits any adult."""
    fits = {session.id for session in shown.single_sessions}
    adult = shown.age is not None and shown.age >= ADULT
    guides = [texts.guide(one, language) for one in texts.guide_ids]
    return [g for g in guides if (g.session in fits if g.session else adult)]


def guide_note(
    texts: Texts, language: str, guides: Mapping[str, Mapping[str, str]]
) -> tuple[str, ...]:
    """The lines that the guides put into the note. What no guide takes is left out."""
    lines: list[str] = []
    for guide_id in texts.guide_ids:
        answers = guides.get(guide_id)
        if not answers:
            continue
        guide = texts.guide(guide_id, language)
        known = {f.id for f in guide.summary}
        told = {name: text for name, text in answers.items() if name in known}
        try:
            lines += guide.note_lines(told)
        except ValueError:
            continue
    return tuple(lines)
