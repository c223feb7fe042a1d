"""What a person may do with write jobs that do not settle by themselves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, or_, select, update

from plugin.audit.trail import Event, Trail
from plugin.referral.errors import JobNotOpen, ReferralUnknown
from plugin.referral.filed import shown_status
from plugin.referral.job_time import JobTime
from plugin.referral.jobs import release_next
from plugin.referral.results import BLOCKED, NEVER
from plugin.referral.signed import ReferralStatus
from plugin.referral.taken_back import conclude
from plugin.store.engine import reading, writing
from plugin.store.referral_tables import write_jobs
from plugin.store.schema import moment

_REFERENCE = re.compile(r"(?:(?P<type>[A-Z][A-Za-z]+)/)?(?P<id>[A-Za-z0-9.\-]{1,64})")


@dataclass(frozen=True, slots=True)
class Entry:
    """One write job as a person sees it; no patient in it."""

    job: str
    referral: str
    tenant: str
    kind: str
    identifier: str
    status: ReferralStatus
    reason: str
    reference: str
    attempts: int
    due: datetime | None
    needs_launch: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Outbox:
    engine: Engine
    trail: Trail
    time: JobTime

    def entries(self, *, all_states: bool = False) -> list[Entry]:
        """The jobs that are not settled, the oldest first; or all."""
        rows = select(write_jobs).order_by(write_jobs.c.changed_at, write_jobs.c.id)
        if not all_states:
            rows = rows.where(write_jobs.c.status.not_in(("written", "cancelled")))
        with reading(self.engine) as connection:
            return [_entry(row) for row in connection.execute(rows)]

    def retry(self, name: str, *, actor: str) -> list[str]:
        """Try again now: one job by its id, or all that stand still in a referral.

        A person says by it that what was signed is still right. What may already be in
        the record is looked for first, as always.

        Gives:  the jobs' ids.
        Raises: ReferralUnknown; JobNotOpen where there is nothing to try again.
        """
        with writing(self.engine) as connection:
            now = self.time(connection)
            again = [row for row in _named(connection, name) if _may_retry(row)]
            if not again:
                raise JobNotOpen(f"{name}: there is nothing to try again")
            for row in again:
                status = "unknown" if row.status == "unknown" else "waiting"
                changes = {
                    "status": status,
                    "due": now if row.due != BLOCKED else BLOCKED,
                    "not_before": 0,
                    "attempts": 0,
                    "needs_launch": False,
                    "confirmed_at": now,
                    "reason": "",
                    "changed_at": now,
                }
                self._change(connection, row, changes, outcome="retry", actor=actor)
            return [row.id for row in again]

    def resolve(self, job_id: str, *, found: str | None, actor: str) -> None:
        """Say what a person found in the chart about a write without an answer.

        Takes:  `found`, where it is (`ServiceRequest/12`, or the id alone); None where
                it is certainly not there, so that it may be sent again.
        Raises: ReferralUnknown; JobNotOpen; ValueError for what is no reference.
        """
        with writing(self.engine) as connection:
            now = self.time(connection)
            row = _named(connection, job_id)[0]
            if row.id != job_id or row.status not in ("unknown", "held", "refused"):
                raise JobNotOpen(f"{job_id} is {row.status}: nothing to resolve")
            if found is None and row.reference:
                raise JobNotOpen(f"{job_id} stands in the record as {row.reference}")
            changes: dict[str, Any] = {
                "reason": "",
                "looks_owed": 0,
                "answered": False,
                "changed_at": now,
            }
            if found is None:
                changes |= {"status": "waiting", "due": now, "confirmed_at": now}
                self._change(connection, row, changes, outcome="absent", actor=actor)
                return
            reference = _reference(found, row.kind)
            changes |= {"status": "written", "due": NEVER, "reference": reference}
            self._change(
                connection,
                row,
                changes,
                outcome="found",
                actor=actor,
                reference=reference,
            )
            if row.takes_back:
                back = row.takes_back
                conclude(connection, row.referral_id, back, "written", now)
            release_next(connection, row.referral_id, now)

    def _change(
        self,
        connection: Connection,
        row: Row[Any],
        changes: dict[str, Any],
        *,
        outcome: str,
        actor: str,
        reference: str = "",
    ) -> None:
        # A higher fence: whoever still works at it comes too late.
        changes |= {"sending": False, "fence": row.fence + 1}
        mine = (write_jobs.c.id == row.id) & (write_jobs.c.fence == row.fence)
        if connection.execute(update(write_jobs).where(mine).values(changes)).rowcount:
            detail = {
                "referral": row.referral_id,
                "job": row.id,
                "kind": row.kind,
                "before": row.status,
                "reference": reference,
            }
            self.trail.append(
                connection,
                Event(
                    row.tenant,
                    "write.resolved",
                    actor=actor,
                    patient=row.patient,
                    outcome=outcome,
                    detail=detail,
                ),
            )
            return
        raise JobNotOpen(f"{row.id} has changed meanwhile")


def _named(connection: Connection, name: str) -> Sequence[Row[Any]]:
    rows = connection.execute(
        select(write_jobs)
        .where(or_(write_jobs.c.id == name, write_jobs.c.referral_id == name))
        .order_by(write_jobs.c.position)
        .with_for_update()
    ).all()
    if not rows:
        raise ReferralUnknown(name)
    return rows


def _may_retry(row: Row[Any]) -> bool:
    """Not what is settled, or stands in the record; and what cannot be looked for is
    resolved, not retried.
    """
    if row.reference:
        return False
    if row.status in ("held", "refused", "waiting"):
        return True
    return bool(row.status == "unknown" and row.due < NEVER)


def _reference(found: str, kind: str) -> str:
    match = _REFERENCE.fullmatch(found.strip())
    if match is None or match["type"] not in (None, kind):
        raise ValueError(f"{found!r} is no {kind}: write {kind}/ID, or the ID alone")
    return f"{kind}/{match['id']}"


def _entry(row: Row[Any]) -> Entry:
    coming = row.status in ("waiting", "unknown", "leased") and row.due < BLOCKED
    return Entry(
        job=row.id,
        referral=row.referral_id,
        tenant=row.tenant,
        kind=row.kind,
        identifier=row.identifier,
        status=shown_status(row.status, row.looks_owed),
        reason=row.reason,
        reference=row.reference,
        attempts=row.attempts,
        due=moment(row.due) if coming and not row.needs_launch else None,
        needs_launch=row.needs_launch,
        changed_at=moment(row.changed_at),
    )
