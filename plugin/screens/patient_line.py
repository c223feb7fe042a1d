"""The line that says whose chart this is: on every page, never left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from plugin.chart.chart import Chart
from plugin.screens.words import Words


@dataclass(frozen=True, slots=True)
class PatientLine:
    id: str
    name: str
    who: str  # 46 y, male
    born: str
    mrn: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every page of a launch."""

    base: str  # /launches/<id>
    active: str
    patient: PatientLine
    user_name: str
    full_banner: bool
    open_referrals: int
    read: str
    styled: bool = False  # the EHR says how it wants apps to look
    ends_in: int = 0  # seconds until a session that nobody uses runs out


def patient_line(chart: Chart, age: int | None, words: Words) -> PatientLine:
    patient = chart.patient
    parts = []
    if age is not None:
        parts.append(words.say("%(age)s y", age=words.number(age)))
    gender = {
        "male": words.say("male"),
        "female": words.say("female"),
        "other": words.say("other gender"),
    }.get(patient.gender)
    if gender:
        parts.append(gender)
    return PatientLine(
        id=patient.id,
        name=patient.name,
        who=", ".join(parts),
        born=words.recorded(patient.birth_date) if patient.birth_date else "",
        mrn=patient.mrn,
    )


def read_words(chart: Chart, words: Words, now: datetime) -> str:
    """When the chart was read, and how much of it."""
    if chart.read_at is None:
        return ""
    entries = (
        len(chart.conditions)
        + len(chart.observations)
        + len(chart.medications)
        + len(chart.consents)
    )
    minutes = int((now - chart.read_at).total_seconds() // 60)
    ago = (
        words.count(
            "Chart read %(num)s minute ago", "Chart read %(num)s minutes ago", minutes
        )
        if minutes
        else words.say("Chart read just now")
    )
    return f"{ago}, {words.count('%(num)s entry', '%(num)s entries', entries)}"
