"""Why a programme is put forward, in two to four sentences, and what to mind."""

from collections.abc import Sequence
from datetime import datetime

from plugin.directory.meeting import Occurrence
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.programs import Program, Study
from plugin.matching.ranking import Ranked
from plugin.matching.recommendation import Evidence, Need
from plugin.matching.sentences import Sentence, joined, sentence, spoken, without_stop
from plugin.matching.wishes import Situation, codes_in, whom

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
    knowledge = situation.knowledge
    lines = [
        _why(ranked, knowledge),
        _evidence_line(ranked.study, ranked.main, knowledge),
    ]
    fit = _fit(ranked, situation)
    if fit:
        lines.append(fit)
    factors = [text for name, text in _FACTORS.items() if name in program.factors]
    return tuple([*lines, *factors][:4])


def _why(ranked: Ranked, knowledge: Knowledge) -> str:
    need, program = ranked.main, ranked.candidate.program
    codes = codes_in(need)
    further = [whom(n, knowledge) for n in ranked.candidate.served if n.id != need.id]
    parts = [
        sentence(_opening(program, need, knowledge), need=whom(need, knowledge)),
        f" ({codes})" if codes else "",
        sentence(", in remission") if need.stage == "remission" else "",
        _also(further[:2]),
        ".",
    ]
    return joined((part for part in parts if part), "")


def _opening(program: Program, need: Need, knowledge: Knowledge) -> str:
    role = program.needs[need.id]
    entry = knowledge.needs.get(need.id)
    if role == "secondary" and entry is not None and entry.people:
        return _SERVES_PEOPLE
    return _ROLE[role]


def _also(named: Sequence[Sentence]) -> str:
    if not named:
        return ""
    if len(named) == 1:
        return sentence("; also for %(need)s", need=named[0])
    return sentence("; also for %(need)s and %(other)s", need=named[0], other=named[1])


def _evidence_line(study: Study, need: Need, knowledge: Knowledge) -> str:
    if study.grade == "D" and not study.citations:
        if study.note:
            return sentence(
                "Evidence D for %(need)s: %(note)s.",
                need=whom(need, knowledge),
                note=without_stop(study.note),
            )
        return sentence(
            "Evidence D: no outcome study for %(need)s is known.",
            need=whom(need, knowledge),
        )
    named = dict.fromkeys(knowledge.citation(c).short for c in study.citations)
    sources = ", ".join(list(named)[:2])
    parts = [
        sentence(
            "Evidence %(grade)s for %(need)s",
            grade=study.grade,
            need=whom(need, knowledge),
        ),
        f" ({sources})" if sources else "",
        joined((": ", without_stop(study.note)), "") if study.note else "",
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


def evidence_of(ranked: Ranked, knowledge: Knowledge) -> Evidence:
    study = ranked.study
    note = study.note
    if study.grade == "D" and not note:
        note = sentence("No outcome study is known.")
    references = tuple(knowledge.citation(c).full for c in study.citations)
    return Evidence(study.grade, study.citations, note, references)


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
