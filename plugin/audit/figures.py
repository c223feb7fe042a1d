"""Does the service help? Figures from the ledger and the trail, for a period.

Shares are of visits and referrals; where they are by kind of people, small groups are
left out. The published shares are of Powell et al. 2000 (278 psychiatrists).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import orjson
from sqlalchemy import Connection, Engine, select

from plugin.audit.equity import Group, equity
from plugin.audit.period import Period
from plugin.audit.visits import VisitTold, visits_told
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading
from plugin.store.referral_tables import decisions, outcomes, referrals, write_jobs
from plugin.store.schema import micros, moment

LINKED_WITHIN = timedelta(days=30)

# What psychiatrists said of themselves, for comparison.
PUBLISHED_REFERRAL = 0.75
PUBLISHED_LITERATURE = 0.50  # "under half" had literature, or discussed it

# A launch that was left open over lunch is no longer work; the longest that counts.
_LONGEST_WORK = timedelta(minutes=60)
_DAY = 24 * 3600 * 1_000_000  # microseconds
_STREAMED = 2000


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`."""

    name: str
    part: int
    whole: int

    @property
    def share(self) -> float | None:
        """0-1; None of nothing."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class Workload:
    """What the service takes of a clinic. `minutes` are from launch to last act."""

    launches: int
    minutes: float
    referrals: int
    linked: int
    clinicians: int
    by_hand: int  # writes that a person had to settle

    def cost(self, per_hour: float) -> tuple[float, float | None, float | None]:
        """In all, for each referral, and for each that led to a meeting.

        Takes: what an hour of a clinician costs, in any currency.
        """
        total = self.minutes / 60 * per_hour
        return (
            total,
            total / self.referrals if self.referrals else None,
            total / self.linked if self.linked else None,
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """`discussed`, `literature` and `referred` are of visits with a matched need."""

    months: Sequence[str]  # 2026-03
    by_program: Sequence[tuple[str, int]]
    discussed: Share
    literature: Share
    referred: Share
    linkage: Share
    heard_of: int
    linkage_by_month: Mapping[str, Share]
    unknown_by_age: Sequence[tuple[str, int]]
    declines: Sequence[tuple[str, int]]
    equity: Mapping[str, Sequence[Group]]
    minutes_by_bin: Sequence[tuple[str, int]]
    median_minutes: float | None
    workload: Workload


@dataclass(frozen=True, slots=True)
class _Signed:
    id: str
    context: str
    at: int
    programs: Sequence[str]


def figures(engine: Engine, period: Period, now: datetime) -> Figures:
    """Takes: `now`, for the age of writes that nobody knows of."""
    with reading(engine) as connection:
        visits = visits_told(connection, period)
        signed = _signed(connection, period)
        came = _came(connection, period)
        linked = [one for one in signed if came.get(one.id) is not None]
        return Figures(
            months=period.months,
            by_program=Counter(p for one in signed for p in one.programs).most_common(),
            **_shares(visits),
            linkage=Share("linked", len(linked), len(signed)),
            heard_of=len(came),
            linkage_by_month=_by_month(period, signed, linked),
            unknown_by_age=_unknown(connection, period.tenant, micros(now)),
            declines=_declines(connection, period),
            equity=equity(visits, (one.context for one in linked)),
            minutes_by_bin=_binned(_minutes(visits)),
            median_minutes=_median(_minutes(visits)),
            workload=_workload(connection, period, visits, (len(signed), len(linked))),
        )


def _shares(visits: Mapping[str, VisitTold]) -> dict[str, Share]:
    """Of the visits with a need that some group serves."""
    matched = [v for v in visits.values() if v.needs]
    return {
        name: Share(name, sum(getattr(v, name) for v in matched), len(matched))
        for name in ("discussed", "literature", "referred")
    }


def _by_month(
    period: Period, signed: Sequence[_Signed], linked: Sequence[_Signed]
) -> Mapping[str, Share]:
    signed_in = Counter(_month(one.at) for one in signed)
    linked_in = Counter(_month(one.at) for one in linked)
    return {m: Share(m, linked_in[m], signed_in[m]) for m in period.months}


def _minutes(visits: Mapping[str, VisitTold]) -> Sequence[float]:
    """From launch to signing, for each visit in which something was signed."""
    return [
        (v.signed - v.began) / 60e6 for v in visits.values() if v.signed and v.began
    ]


def _median(minutes: Sequence[float]) -> float | None:
    return median(minutes) if minutes else None


def _signed(connection: Connection, period: Period) -> list[_Signed]:
    rows = select(
        referrals.c.id,
        referrals.c.context_id,
        referrals.c.signed_at,
        referrals.c.signed,
    ).where(*period.holds(referrals.c.tenant, referrals.c.signed_at))
    streamed = connection.execution_options(yield_per=_STREAMED).execute(rows)
    return [_Signed(*row[:3], _programs(row.signed)) for row in streamed]


def _programs(signed: bytes) -> Sequence[str]:
    return [choice["program"] for choice in orjson.loads(signed)["choices"]]


def _came(connection: Connection, period: Period) -> Mapping[str, int | None]:
    """Referrals that were heard of: when the patient first went, within 30 days."""
    rows = (
        select(
            outcomes.c.referral_id,
            outcomes.c.attended,
            outcomes.c.recorded_at,
            referrals.c.signed_at,
        )
        .join(referrals, referrals.c.id == outcomes.c.referral_id)
        .where(
            *period.holds(referrals.c.tenant, referrals.c.signed_at),
            outcomes.c.attended != "unknown",
        )
        .order_by(outcomes.c.recorded_at)
    )
    within = LINKED_WITHIN // timedelta(microseconds=1)
    came: dict[str, int | None] = {}
    for referral, attended, recorded, signed_at in connection.execute(rows):
        in_time = attended == "yes" and recorded - signed_at <= within
        if in_time and came.get(referral) is None:
            came[referral] = recorded
        else:
            came.setdefault(referral, None)
    return came


_AGES = (("under 1 h", _DAY // 24), ("1 to 24 h", _DAY), ("1 to 7 days", 7 * _DAY))


def _unknown(
    connection: Connection, tenant: str, now: int
) -> Sequence[tuple[str, int]]:
    """Writes of which nobody knows whether they arrived, by how long that is so."""
    rows = select(write_jobs.c.changed_at).where(
        write_jobs.c.tenant == tenant, write_jobs.c.status == "unknown"
    )
    found = Counter({name: 0 for name, _ in _AGES} | {"over 7 days": 0})
    for changed in connection.scalars(rows):
        age = now - changed
        found[next((n for n, most in _AGES if age < most), "over 7 days")] += 1
    return list(found.items())


def _declines(connection: Connection, period: Period) -> Sequence[tuple[str, int]]:
    rows = select(decisions.c.reason).where(
        decisions.c.decision == "declined",
        *period.holds(decisions.c.tenant, decisions.c.recorded_at),
    )
    return Counter(one or "" for one in connection.scalars(rows)).most_common()


_BINS = (("0-2", 2), ("2-5", 5), ("5-10", 10), ("10-20", 20), ("20-60", 60))


def _binned(minutes: Iterable[float]) -> Sequence[tuple[str, int]]:
    found = Counter({name: 0 for name, _ in _BINS} | {"60+": 0})
    for one in minutes:
        found[next((name for name, most in _BINS if one < most), "60+")] += 1
    return list(found.items())


def _workload(
    connection: Connection,
    period: Period,
    visits: Mapping[str, VisitTold],
    counted: tuple[int, int],
) -> Workload:
    """Takes: `counted`, the referrals, and those that led to a meeting."""
    longest = _LONGEST_WORK // timedelta(microseconds=1)
    worked = sum(min(v.last - v.began, longest) for v in visits.values() if v.began)
    of_kind = select(audit_events.c.actor).where(
        *period.holds(audit_events.c.tenant, audit_events.c.at)
    )
    signers = of_kind.where(audit_events.c.kind == "referral.signed").distinct()
    settled = of_kind.where(audit_events.c.kind == "write.resolved")
    return Workload(
        launches=sum(1 for v in visits.values() if v.began),
        minutes=worked / 60e6,
        referrals=counted[0],
        linked=counted[1],
        clinicians=len(connection.scalars(signers).all()),
        by_hand=len(connection.scalars(settled).all()),
    )


def _month(at: int) -> str:
    return moment(at).strftime("%Y-%m")
