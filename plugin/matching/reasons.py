"""Why a programme is put forward, in two to four sentences, and what to mind."""

from datetime import datetime

from plugin.directory.meeting import Occurrence
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.programs import Program, Study
from plugin.matching.ranking import Ranked
from plugin.matching.recommendation import Evidence, Need
from plugin.matching.wishes import Situation, codes_in, spoken

KEEP = "Keep taking your medicine. If a group tells you to stop, tell us."
_ROLE = {
    "primary": "Built for {need}",
    "secondary": "Often serves people with {need}",
    "adjunct": "Can stand beside treatment for {need}",
}
# Two of the group factors that the founding paper names, where a programme has them.
_FACTORS = {
    "sponsorship": "Members can have a sponsor.",
    "helper therapy principle": "Helping others is part of how it works.",
}


def reasons_of(ranked: Ranked, situation: Situation) -> tuple[str, ...]:
    """Why (code and need), the evidence, the fit: two to four sentences."""
    program = ranked.candidate.program
    lines = [
        _why(ranked),
        _evidence_line(ranked.study, ranked.main, situation.knowledge),
    ]
    fit = _fit(ranked, situation)
    if fit:
        lines.append(fit)
    factors = [text for name, text in _FACTORS.items() if name in program.factors]
    return tuple([*lines, *factors][:4])


def _why(ranked: Ranked) -> str:
    need, program = ranked.main, ranked.candidate.program
    opening = _ROLE[program.needs[need.id]].format(need=spoken(need.name))
    codes = codes_in(need)
    shown = f" ({codes})" if codes else ""
    stage = ", in remission" if need.stage == "remission" else ""
    further = [spoken(n.name) for n in ranked.candidate.served if n.id != need.id]
    also = f"; also for {' and '.join(further[:2])}" if further else ""
    return f"{opening}{shown}{stage}{also}."


def _evidence_line(study: Study, need: Need, knowledge: Knowledge) -> str:
    if study.grade == "D" and not study.citations:
        if study.note:
            return f"Evidence D for {spoken(need.name)}: {study.note.rstrip('.')}."
        return f"Evidence D: no outcome study for {spoken(need.name)} is known."
    named = dict.fromkeys(knowledge.citation(c).short for c in study.citations)
    sources = ", ".join(list(named)[:2])
    note = f": {study.note.rstrip('.')}" if study.note else ""
    cited = f" ({sources})" if sources else ""
    return f"Evidence {study.grade} for {spoken(need.name)}{cited}{note}."


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
    day = meeting.starts.strftime("%a %-d %b, %H:%M")
    if meeting.starts.date() == local.date():
        day = f"today, {meeting.starts:%H:%M}"
    way = "online" if meeting.attendance == "online" else "in person"
    if meeting.attendance == "hybrid":
        way = "in person and online"
    distance = f", {meeting.km:.1f} km away" if meeting.km is not None else ""
    return f"Next meeting {day}, {way}{distance}."


def evidence_of(ranked: Ranked, knowledge: Knowledge) -> Evidence:
    study = ranked.study
    note = study.note
    if study.grade == "D" and not note:
        note = "No outcome study is known."
    references = tuple(knowledge.citation(c).full for c in study.citations)
    return Evidence(study.grade, study.citations, note, references)


def cautions_of(ranked: Ranked, situation: Situation) -> tuple[str, ...]:
    """What the clinician should say or check first."""
    program = ranked.candidate.program
    lines = [
        f"Wait with joining ({title.lower()}): a next step, when settled."
        for title in situation.deferring
    ]
    if ranked.candidate.adjunct_only:
        lines.append("Only beside specialist treatment.")
    lines += _on_medication(program, situation)
    lines += [line for line in program.cautions if _applies(line, situation)]
    if situation.facts.age is None and program.age.min:
        lines.append(f"Age not known: it is for people from {program.age.min} years.")
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
    lines = []
    if program.kind == "twelve-step" or situation.moud_matters:
        lines.append(KEEP)
    moud = program.moud
    if situation.moud_matters and moud.text and moud.stance != "friendly":
        lines.append(moud.text)
    psychiatric = program.psychiatric
    if situation.psychiatric_matters and psychiatric.stance == "varies":
        lines.append(psychiatric.text)
    return lines
