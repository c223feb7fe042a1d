"""The figures of a period: does the service help, and what does it take?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from plugin.audit.figures import Figures, figures
from plugin.audit.period import Period
from plugin.screens.auditor.figures_view import Drawn
from plugin.screens.auditor.filters import Filters
from plugin.screens.auditor.gate import Read, Reading, reviewers_router

router = reviewers_router()

_A_YEAR = timedelta(days=365)
_LONGEST = timedelta(days=5 * 366)
_MOST_PER_HOUR = 100_000.0


@router.get("/audit/at/{tenant}/figures")
def figures_page(reading: Read, request: Request) -> Response:
    filters = Filters.read(request.query_params)
    period = _period(reading, filters)
    told = {"since": str(period.since.date()), "until": str(period.until.date())}
    reading.note("audit.viewed", {"page": "figures", "filters": told})
    found = figures(reading.house.engine, period, reading.house.clock())
    drawn = Drawn(found, reading.words, lambda one: _name(reading, one))
    values = {
        "since": told["since"],
        "until": str((period.until - timedelta(days=1)).date()),
        "per_hour": request.query_params.get("per_hour", "")[:10],
        "plots": drawn.plots(),
        "workload": _workload(reading, found, request.query_params.get("per_hour", "")),
    }
    return reading.draw("figures.html", "figures", values)


def _period(reading: Reading, filters: Filters) -> Period:
    """What was asked for; else the year up to now. At most five years."""
    wanted = filters.wanted()
    until = wanted.until or reading.house.clock() + timedelta(seconds=1)
    since = wanted.since or _later(until, -_A_YEAR)
    since = max(min(since, until), _later(until, -_LONGEST))
    return Period(reading.tenant, since, until)


def _later(moment: datetime, step: timedelta) -> datetime:
    first = datetime(1970, 1, 1, tzinfo=moment.tzinfo)
    return max(moment + step, first) if moment - first > -step else first


def _name(reading: Reading, program: str) -> str:
    known = reading.house.knowledge.programs.get(program)
    return known.name if known else program


def _workload(
    reading: Reading, found: Figures, per_hour: str
) -> list[Mapping[str, str]]:
    """What it takes of the clinic; in money too, where an hour's cost was given."""
    say, number = reading.words.say, reading.words.number
    work = found.workload
    hours = work.minutes / 60
    lines = [
        (say("App opened"), number(work.launches)),
        (say("Clinicians who signed"), number(work.clinicians)),
        (say("Hours with the app open and in use"), number(round(hours, 1))),
        (say("Referrals signed"), number(work.referrals)),
        (say("Writes that a person had to settle"), number(work.by_hand)),
    ]
    cost = _cost(per_hour)
    if cost is not None:
        whole, each, linked = work.cost(cost)
        lines += [
            (say("Cost of that time"), number(round(whole))),
            (say("Cost of each referral"), number(round(each, 2)) if each else ""),
            (
                say("Cost of each patient who went"),
                number(round(linked, 2)) if linked else "",
            ),
        ]
    return [{"name": name, "value": value} for name, value in lines]


def _cost(text: str) -> float | None:
    try:
        cost = float(text)
    except ValueError:
        return None
    return cost if 0 < cost < _MOST_PER_HOUR else None
