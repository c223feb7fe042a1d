"""What is due: visits that were promised, and referrals of which nothing was heard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import orjson
from sqlalchemy import Engine, select

from plugin.audit.keys import AuditKeys
from plugin.store.engine import reading
from plugin.store.referral_tables import outcomes, referrals
from plugin.store.schema import micros, moment

# When somebody should have asked how it went.
ASKED_WITHIN = timedelta(days=30)
# Older ones are history, not work.
_LONGEST = timedelta(days=365)
_MOST = 500

What = Literal["follow_up", "outcome"]


@dataclass(frozen=True, slots=True)
class Due:
    """`what` is due on `on`, by whom it was signed; the patient by pseudonym."""

    what: What
    on: date
    overdue: bool
    referral: str
    patient: str
    author: str
    warning: str = ""


def due(engine: Engine, keys: AuditKeys, tenant: str, now: datetime) -> Sequence[Due]:
    """The oldest first; at most five hundred.

    A promised visit stays until its day is a year past: nothing tells the app that it
    took place. An outcome is no longer due once anything was recorded.
    """
    oldest = micros(now - _LONGEST)
    rows = (
        select(referrals)
        .where(referrals.c.tenant == tenant, referrals.c.signed_at >= oldest)
        .order_by(referrals.c.signed_at)
    )
    told = select(outcomes.c.referral_id, outcomes.c.recorded_at).where(
        outcomes.c.tenant == tenant
    )
    found: list[Due] = []
    with reading(engine) as connection:
        heard: dict[str, int] = {}
        for referral, at in connection.execute(told):
            heard[referral] = max(at, heard.get(referral, 0))
        for row in connection.execute(rows):
            found += _of(row, keys, heard.get(row.id), now)
    return sorted(found, key=lambda one: (one.on, one.referral))[:_MOST]


def _of(row: Any, keys: AuditKeys, heard: int | None, now: datetime) -> list[Due]:
    today = now.date()
    patient = keys.pseudonym(row.tenant, row.patient)
    found: list[Due] = []
    for answer in orjson.loads(row.signed)["acknowledged"]:
        if answer["follow_up"]:
            on = date.fromisoformat(answer["follow_up"])
            # Whoever recorded something on that day or later has seen the patient.
            if heard is None or moment(heard).date() < on:
                found.append(
                    Due(
                        *("follow_up", on, on < today, row.id, patient, row.author),
                        warning=answer["warning"],
                    )
                )
    if heard is None:
        on = (moment(row.signed_at) + ASKED_WITHIN).date()
        found.append(Due("outcome", on, on < today, row.id, patient, row.author))
    return found
