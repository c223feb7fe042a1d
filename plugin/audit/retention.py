"""How long the trail is kept, what may be erased from it, and what must stay.

Nothing is taken away in silence: a removal is a record of the chain itself, so that
`verify` can tell it from a theft. Source: 45 CFR 164.316(b)(2)(i), six years.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Row, delete, func, select, update

from plugin.audit.errors import HeldBack, TooEarly
from plugin.audit.removed import ERASED, PURGED
from plugin.audit.trail import Event, Trail, lock_chain
from plugin.store.audit_tables import audit_events, audit_marks
from plugin.store.cds_tables import cds_cards
from plugin.store.engine import reading, writing
from plugin.store.launch_tables import contexts
from plugin.store.referral_tables import decisions, referrals, write_jobs
from plugin.store.schema import micros

HELD = "audit.held"
RELEASED = "audit.released"

LEAST_YEARS = 6
_YEAR = timedelta(days=366)  # no calendar year is longer
_RECORDS_PER_EVENT = 500
_OPEN = ("waiting", "leased", "unknown", "held")


@dataclass(frozen=True, slots=True)
class Retention:
    """Each act is recorded under `actor`, who asked for it."""

    engine: Engine
    trail: Trail

    def hold(self, tenant: str, patient: str, *, reason: str, actor: str) -> None:
        """Keep all records of a patient, whatever is asked later."""
        self._say(Event(tenant, HELD, actor, patient, detail={"reason": reason}))

    def release(self, tenant: str, patient: str, *, reason: str, actor: str) -> None:
        self._say(Event(tenant, RELEASED, actor, patient, detail={"reason": reason}))

    def erase(self, tenant: str, patient: str, *, reason: str, actor: str) -> int:
        """Take a patient out of the trail and of the referrals. Gives the records.

        What is left of a record says what was done, when and by whom; not about whom,
        nor what.

        Raises: HeldBack, under a legal hold, or while something is still to be written.
        """
        names = self.trail.keys.pseudonyms(tenant, patient)
        with writing(self.engine) as connection:
            lock_chain(connection, tenant)
            if set(names) & held_patients(connection, tenant):
                raise HeldBack("a legal hold keeps the records of this patient")
            _forget_referrals(connection, tenant, patient)
            rows = connection.execute(
                select(audit_events)
                .where(audit_events.c.tenant == tenant)
                .where(audit_events.c.patient.in_(names))
                .order_by(audit_events.c.sequence)
            ).all()
            for start in range(0, len(rows), _RECORDS_PER_EVENT):
                some = rows[start : start + _RECORDS_PER_EVENT]
                self._erase_some(connection, tenant, some, (names, reason, actor))
        return len(rows)

    def purge(self, tenant: str, *, years: int, now: datetime, actor: str) -> int:
        """Remove the oldest records, up to the first that must stay. Gives their count.

        Raises: TooEarly, for fewer years than the law asks for.
        """
        if years < LEAST_YEARS:
            raise TooEarly(f"records are kept for at least {LEAST_YEARS} years")
        before = micros(now - years * _YEAR)
        mine = audit_events.c.tenant == tenant
        with writing(self.engine) as connection:
            lock_chain(connection, tenant)
            last = _last_purgeable(connection, tenant, before)
            if last is None:
                return 0
            gone = mine & (audit_events.c.sequence <= last.sequence)
            connection.execute(
                delete(audit_marks).where(
                    audit_marks.c.tenant == tenant,
                    audit_marks.c.sequence <= last.sequence,
                )
            )
            count = connection.execute(delete(audit_events).where(gone)).rowcount
            detail = {
                "through": last.sequence,
                "chain": last.chain.hex(),
                "records": count,
                "years": years,
            }
            self.trail.append(connection, Event(tenant, PURGED, actor, detail=detail))
        return count

    def _erase_some(
        self,
        connection: Connection,
        tenant: str,
        rows: Sequence[Row[Any]],
        asked: tuple[Sequence[str], str, str],
    ) -> None:
        names, reason, actor = asked
        records = [_emptied(connection, row) for row in rows]
        detail = {"records": records, "patients": list(names), "reason": reason}
        self.trail.append(connection, Event(tenant, ERASED, actor, detail=detail))

    def _say(self, event: Event) -> None:
        self.trail.record(self.engine, event)


def held_patients(connection: Connection, tenant: str) -> frozenset[str]:
    """The pseudonyms under a legal hold."""
    said = (
        select(audit_events.c.kind, audit_events.c.patient)
        .where(audit_events.c.tenant == tenant)
        .where(audit_events.c.kind.in_((HELD, RELEASED)))
        .order_by(audit_events.c.sequence)
    )
    held: dict[str, bool] = {}
    for kind, patient in connection.execute(said):
        held[patient] = kind == HELD
    return frozenset(patient for patient, is_held in held.items() if is_held)


def holds(engine: Engine, tenant: str) -> frozenset[str]:
    with reading(engine) as connection:
        return held_patients(connection, tenant)


def _last_purgeable(connection: Connection, tenant: str, before: int) -> Any:
    """The newest of the oldest records that are all old enough and not held."""
    mine = audit_events.c.tenant == tenant
    held = held_patients(connection, tenant)
    stays = select(func.min(audit_events.c.sequence)).where(
        mine, (audit_events.c.at >= before) | audit_events.c.patient.in_(held)
    )
    first = connection.scalar(stays)
    old = select(audit_events.c.sequence, audit_events.c.chain).where(mine)
    if first is not None:
        old = old.where(audit_events.c.sequence < first)
    return connection.execute(
        old.order_by(audit_events.c.sequence.desc()).limit(1)
    ).first()


def _emptied(connection: Connection, row: Row[Any]) -> list[Any]:
    """Put what may stay in the record's place. Gives its number, chain and digest."""
    told: dict[str, Any] = orjson.loads(row.canonical)
    told |= {"detail": {"erased": True}, "identity": "", "patient": ""}
    told["marks"] = []
    left = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    mine = (audit_events.c.tenant == row.tenant) & (
        audit_events.c.sequence == row.sequence
    )
    connection.execute(
        update(audit_events)
        .where(mine)
        .values(canonical=left, identity=None, patient="")
    )
    connection.execute(
        delete(audit_marks).where(
            audit_marks.c.tenant == row.tenant, audit_marks.c.sequence == row.sequence
        )
    )
    return [row.sequence, row.chain.hex(), hashlib.sha256(left).hexdigest()]


def _forget_referrals(connection: Connection, tenant: str, patient: str) -> None:
    """Raises: HeldBack, while a write of this patient has not come to its end."""
    unsettled = select(func.count()).where(
        write_jobs.c.tenant == tenant,
        write_jobs.c.patient == patient,
        write_jobs.c.status.in_(_OPEN),
    )
    if connection.scalar(unsettled):
        raise HeldBack("something is still to be written for this patient")
    for table in _tables():
        connection.execute(
            delete(table).where(table.c.tenant == tenant, table.c.patient == patient)
        )


def _tables() -> Iterator[Any]:
    """Jobs and outcomes go with their referral, grants and drafts with their launch,
    feedback with its card.
    """
    yield from (referrals, decisions, contexts, cds_cards)
