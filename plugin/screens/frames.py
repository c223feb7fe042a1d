"""What stands around every page of a launch: the patient, the user, the way on."""

from __future__ import annotations

from plugin.screens.gate import Passed
from plugin.screens.patient_line import Frame, patient_line, read_words
from plugin.screens.referral_lines import open_count
from plugin.visit import Visit


def frame_of(launch: Passed, visit: Visit, active: str) -> Frame:
    context, house = launch.context, launch.house
    referrals = house.ledger.referrals(context.tenant, context.patient)
    return Frame(
        base=launch.base,
        active=active,
        patient=patient_line(visit.chart, visit.recommendation.age, launch.words),
        user_name=context.user_name or launch.words.say("Signed-in clinician"),
        full_banner=context.need_patient_banner,
        open_referrals=open_count(referrals),
        read=read_words(visit.chart, launch.words, house.clock()),
    )
