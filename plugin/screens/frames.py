"""What stands around every page of a launch: the patient, the user, the way on."""

from __future__ import annotations

from dataclasses import replace

from plugin.chart.chart import Chart
from plugin.screens.gate import Passed
from plugin.screens.patient_line import (
    Frame,
    PatientLine,
    patient_line,
    read_words,
)
from plugin.screens.referral_lines import open_count
from plugin.visit import Visit


def frame_before_chart(launch: Passed, active: str) -> Frame:
    """The same, while the chart is still being read: nobody's name stands in it yet."""
    context, house = launch.context, launch.house
    referrals = house.ledger.referrals(context.tenant, context.patient)
    return Frame(
        base=launch.base,
        active=active,
        patient=PatientLine(context.patient, "", "", "", ""),
        user_name=context.user_name or launch.words.say("Signed-in clinician"),
        full_banner=context.need_patient_banner,
        open_referrals=open_count(referrals),
        read="",
        styled=context.smart_style_url is not None,
        ends_in=house.settings.sessions.idle_minutes * 60,
    )


def frame_of(launch: Passed, visit: Visit, active: str) -> Frame:
    return with_chart(
        frame_before_chart(launch, active),
        launch,
        visit.chart,
        visit.recommendation.age,
    )


def with_chart(frame: Frame, launch: Passed, chart: Chart, age: int | None) -> Frame:
    return replace(
        frame,
        patient=patient_line(chart, age, launch.words),
        read=read_words(chart, launch.words, launch.house.clock()),
    )
