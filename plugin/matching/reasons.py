"""Why a programme is put forward, in two to four sentences, and what to mind."""

from datetime import datetime
from functools import lru_cache

from plugin.directory.meeting import Occurrence
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.programs import Program, Study
from plugin.matching.ranking import Ranked
from plugin.matching.recommendation import Evidence
from plugin.matching.sentences import (
    MOST_MET,
    Sentence,
    joined,
    sentence,
    spoken,
    without_stop,
)
from plugin.matching.wishes import Situation, whom

KEEP = sentence("Keep taking your medicine. If a group tells you to stop, tell us.")
_ROLE = {
    "primary": "Built for %(need)s",
    "secondary": "Often serves people with %(need)s",
    "adjunct": "Can stand beside treatment for %(need)s",
}
_WAY = {
    "in-person": "in person",
    "online": "online",
    "hybrid": "in person and online",
}
_SERVES_PEOPLE = "Often serves %(need)s"  # who are people already
# Two of the group factors that the founding paper names, where a programme has them.
_FACTORS = {
    "sponsorship": sentence("Members can have a sponsor."),
    "helper therapy principle": sentence("Helping others is part of how it works."),
}


def reasons_of(ranked: Ranked, situation: Situation) -> tuple[str, ...]:
    """Why (code and need), the evidence, the fit: two to four sentences."""
    program = ranked.candidate.program
    need = whom(ranked.main, situation.knowledge)
    lines = [_why(ranked, need, situation), _evidence_line(ranked.study, need)]
    fit = _fit(ranked, situation)
    if fit:
        lines.append(fit)
    factors = [text for name, text in _FACTORS.items() if name in program.factors]
    return tuple([*lines, *factors][:4])


def _why(ranked: Ranked, said: Sentence, situation: Situation) -> str:
    need, knowledge = ranked.main, situation.knowledge
    parts: list[str] = [_opening(_role(ranked, knowledge), said)]
    codes = situation.codes[need.id]
    if codes:
        parts.append(f" ({codes})")
    if need.stage == "remission":
        parts.append(sentence(", in remission"))
    further = [whom(n, knowledge) for n in ranked.candidate.served if n.id != need.id]
    if further:
        parts.append(_also(tuple(further[:2])))
    return joined((*parts, "."), "")


def _role(ranked: Ranked, knowledge: Knowledge) -> str:
    role = ranked.candidate.program.needs[ranked.main.id]
    entry = knowledge.needs.get(ranked.main.id)
    if role == "secondary" and entry is not None and entry.people:
        return _SERVES_PEOPLE
    return _ROLE[role]


@lru_cache(maxsize=MOST_MET)
def _opening(role: str, need: Sentence) -> Sentence:
    return sentence(role, need=need)


@lru_cache(maxsize=MOST_MET)
def _also(named: tuple[Sentence, ...]) -> Sentence:
    if len(named) == 1:
        return sentence("; also for %(need)s", need=named[0])
    return sentence("; also for %(need)s and %(other)s", need=named[0], other=named[1])


@lru_cache(maxsize=MOST_MET)
def _evidence_line(study: Study, need: Sentence) -> Sentence:
    note = without_stop(study.note) if study.note else ""
    if study.grade == "D" and not study.citations:
        if note:
            return sentence("Evidence D for %(need)s: %(note)s.", need=need, note=note)
        return sentence(
            "Evidence D: no outcome study for %(need)s is known.", need=need
        )
    parts = [
        sentence("Evidence %(grade)s for %(need)s", grade=study.grade, need=need),
        f" ({study.short})" if study.short else "",
        joined((": ", note), "") if note else "",
        ".",
    ]
    return joined((part for part in parts if part), "")


def _fit(ranked: Ranked, situation: Situation) -> str:
    program = ranked.candidate.program
    if ranked.candidate.meetings:
        return _next_meeting(ranked.candidate.meetings[0], situation.facts.at)
    if situation.moud_matters and program.moud.stance == "friendly":
        return program.moud.text
    if situation.psychiatric_matters and program.psychiatric.stance == "supportive":
        return program.psychiatric.text
    return ""


def _next_meeting(meeting: Occurrence, at: datetime) -> str:
    # The day in the meeting's own zone: what a patient would read on a wall clock.
    local = at.astimezone(meeting.starts.tzinfo)
    day: str = meeting.starts.strftime("%a %-d %b, %H:%M")
    if meeting.starts.date() == local.date():
        day = sentence("today, %(time)s", time=f"{meeting.starts:%H:%M}")
    way = sentence(_WAY[meeting.attendance])
    if meeting.km is None:
        return sentence("Next meeting %(day)s, %(way)s.", day=day, way=way)
    return sentence(
        "Next meeting %(day)s, %(way)s, %(km)s km away.",
        day=day,
        way=way,
        km=f"{meeting.km:.1f}",
    )


@lru_cache(maxsize=MOST_MET)
def evidence_of(study: Study) -> Evidence:
    note = study.note
    if study.grade == "D" and not note:
        note = sentence("No outcome study is known.")
    return Evidence(study.grade, study.citations, note, study.references)


def cautions_of(ranked: Ranked, situation: Situation) -> tuple[str, ...]:
    """What the clinician should say or check first."""
    program = ranked.candidate.program
    lines: list[str] = [
        sentence(
            "Wait with joining (%(warning)s): a next step, when settled.",
            warning=spoken(title),
        )
        for title in situation.deferring
    ]
    if ranked.candidate.adjunct_only:
        lines.append(sentence("Only beside specialist treatment."))
    lines += _on_medication(program, situation)
    lines += [line for line in program.cautions if _applies(line, situation)]
    if situation.facts.age is None and program.age.min:
        lines.append(
            sentence(
                "Age not known: it is for people from %(age)s years.",
                age=program.age.min,
            )
        )
    return tuple(dict.fromkeys(lines))


def _applies(line: str, situation: Situation) -> bool:
    if "methadone or buprenorphine" in line:
        return situation.moud_matters
    if line.startswith(("Under 18", "For teenagers")):
        return situation.facts.age is None or situation.facts.age < 18
    return True


def _on_medication(program: Program, situation: Situation) -> list[str]:
    """29 % of AA members asked felt pressed to stop a medicine, hence the line.

    Source: Rychtarik 2000, J Stud Alcohol 61:134-8.
    """
    lines: list[str] = []
    if program.kind == "twelve-step" or situation.moud_matters:
        lines.append(KEEP)
    moud = program.moud
    if situation.moud_matters and moud.text and moud.stance != "friendly":
        lines.append(moud.text)
    psychiatric = program.psychiatric
    if situation.psychiatric_matters and psychiatric.stance == "varies":
        lines.append(psychiatric.text)
    return lines
