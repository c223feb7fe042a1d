"""The work-list: who promised what, and what is over its day."""

from __future__ import annotations

from starlette.responses import Response

from plugin.audit.reviews import Due, due
from plugin.screens.auditor.gate import Read, Reading, reviewers_router
from plugin.screens.auditor.telling import shown

router = reviewers_router()


@router.get("/audit/at/{tenant}/reviews")
def reviews(reading: Read) -> Response:
    house = reading.house
    reading.note("audit.viewed", {"page": "reviews"})
    found = due(house.engine, house.trail.keys, reading.tenant, house.clock())
    values = {
        "lines": [_line(reading, one) for one in found],
        "overdue": reading.words.count(
            "%(num)s is overdue",
            "%(num)s are overdue",
            sum(one.overdue for one in found),
        ),
    }
    return reading.draw("reviews.html", "reviews", values)


def _line(reading: Reading, one: Due) -> dict[str, str | bool]:
    say = reading.words.say
    what = {
        "follow_up": say("Visit promised after a red warning"),
        "outcome": say("Ask whether the patient went"),
    }
    return {
        "on": reading.words.full_date(one.on),
        "overdue": one.overdue,
        "what": what[one.what],
        "warning": one.warning,
        "who": one.author,
        "patient": shown(one.patient),
        "patient_name": one.patient,
        "referral": one.referral,
    }
