"""Visits, as far as the trail tells of them: one for each launch of the app."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from sqlalchemy import Connection, select

from plugin.audit.period import Period
from plugin.store.audit_tables import audit_events

_STREAMED = 2000  # rows in memory at a time


@dataclass(slots=True)
class VisitTold:
    """One launch, as far as the trail tells of it."""

    began: int = 0
    last: int = 0
    shown: bool = False
    needs: bool = False
    discussed: bool = False
    literature: bool = False
    referred: bool = False
    signed: int = 0
    groups: dict[str, str] = field(default_factory=dict)


# Kinds that tell of a visit, and what each says about it.
_DISCUSSED = ("referral.discussed", "referral.declined", "referral.handout")
_LITERATURE = ("handout.given", "literature.given")
_TELLING = (
    *("launch.completed", "recommendation.shown", "preferences.changed"),
    *("referral.signed", *_DISCUSSED, *_LITERATURE, "outcome.recorded"),
)


def visits_told(connection: Connection, period: Period) -> Mapping[str, VisitTold]:
    rows = (
        select(
            audit_events.c.kind,
            audit_events.c.at,
            audit_events.c.context,
            audit_events.c.canonical,
        )
        .where(
            audit_events.c.kind.in_(_TELLING),
            *period.holds(audit_events.c.tenant, audit_events.c.at),
        )
        .order_by(audit_events.c.at, audit_events.c.sequence)
    )
    visits: defaultdict[str, VisitTold] = defaultdict(VisitTold)
    streamed = connection.execution_options(yield_per=_STREAMED).execute(rows)
    for kind, at, context, canonical in streamed:
        if context:
            _tell(visits[context], kind, at, canonical)
    return visits


def _tell(visit: VisitTold, kind: str, at: int, canonical: bytes) -> None:
    visit.last = at
    if kind == "launch.completed":
        visit.began = at
    elif kind == "recommendation.shown":
        detail = orjson.loads(canonical)["detail"]
        visit.shown = True
        # An older record does not tell the needs; who was offered something had one.
        visit.needs |= bool(detail.get("needs") or detail.get("offered"))
        told = detail.get("groups")
        if isinstance(told, dict):
            visit.groups = {str(k): str(v) for k, v in told.items()}
    elif kind == "referral.signed":
        visit.referred = visit.discussed = True
        visit.signed = visit.signed or at
    elif kind in _DISCUSSED:
        visit.discussed = True
    elif kind in _LITERATURE:
        visit.literature = visit.discussed = True
