"""Write jobs as rows: taken under a lease, settled under its fencing number.

A job is one resource to be created, or one that was created to be changed. Its row
says what is known: not sent yet, being sent, answered, or without an answer. Whatever
happens to a process, the row is right.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, case, update

from plugin.audit.trail import Event, Trail
from plugin.referral.job_rows import (
    EARLIER,
    NEXT,
    RELEASE,
    SEND,
    TAKE,
    clamp_leases,
    clamp_waits,
    launched_anew,
    settle_with,
    waits_for_launch,
)
from plugin.referral.job_time import JobTime
from plugin.referral.results import DONE, LOOKS, Result, settlement
from plugin.referral.taken_back import conclude
from plugin.store.engine import reading, writing
from plugin.store.referral_tables import write_jobs

LEASE = timedelta(seconds=15)  # the longest that a lease may be
WORKER = "system:worker"


@dataclass(frozen=True, slots=True)
class Job:
    """One job under a lease. `earlier` are the references of what was written before.

    `confirmed_at` and `now` are microseconds by the jobs' clock.
    """

    id: str
    referral: str
    tenant: str
    patient: str
    subject: str
    signer: str  # the launch in which it was signed, or taken back
    kind: str
    action: str  # "create", or "update" of what it takes back
    takes_back: str  # the reference of what an earlier job wrote, or ""
    identifier_system: str
    identifier: str
    targets: tuple[str, ...]
    payload: bytes = field(repr=False)
    payload_digest: str
    attempts: int
    looks_owed: int
    answered: bool
    confirmed_at: int
    now: int
    fence: int
    earlier: tuple[str, ...]

    @property
    def age(self) -> timedelta:
        """Since it was signed, or confirmed again."""
        return timedelta(microseconds=self.now - self.confirmed_at)

    @property
    def open_status(self) -> Literal["waiting", "unknown"]:
        """What it stays where nothing new is known of it."""
        return "unknown" if self.looks_owed >= LOOKS or self.answered else "waiting"


@dataclass(frozen=True, slots=True)
class Jobs:
    engine: Engine
    trail: Trail
    time: JobTime
    lease: timedelta = LEASE

    def claim(self, busy: Collection[str] = (), *, likely: bool = False) -> Job | None:
        """Take the job that has been due for longest, if there is one.

        Takes: `busy`, tenants that must not be asked more at the moment; `likely`,
               whether there is one in all likelihood. Where there is none, most looks
               should not take the write lock.
        """
        asked: dict[str, Any] = {"busy": sorted(busy)}
        if not likely:
            with reading(self.engine) as connection:
                now = self.time(connection)
                if connection.execute(NEXT, asked | {"now": now}).first() is None:
                    return None
        with writing(self.engine) as connection:
            return self._taken(connection, busy, self.time(connection))

    def _taken(
        self, connection: Connection, busy: Collection[str], now: int
    ) -> Job | None:
        until = now + _micros(self.lease)
        asked = {"busy": sorted(busy), "now": now, "until": until}
        row = connection.execute(TAKE, asked).first()
        return None if row is None else _job(connection, row, now)

    def sending(self, job: Job) -> bool:
        """Note that it is about to be sent, and take the whole lease anew.

        Gives: False where the lease was lost; then it must not be sent.
        """
        with writing(self.engine) as connection:
            now = self.time(connection)
            until = now + _micros(self.lease)
            held = connection.execute(
                SEND, {"job": job.id, "held": job.fence, "now": now, "until": until}
            )
            if held.rowcount != 1:
                return False
            self._tell(connection, job, "write.attempted", "sent")
        return True

    def settle(self, job: Job, result: Result) -> bool:
        """Keep what came of it, with its event.

        Gives: False where the lease was lost: another holder says what came of it.
        """
        with writing(self.engine) as connection:
            kept = self._settled(connection, job, result, self.time(connection))
            self._tell_settled(connection, job, result, kept=kept)
        return kept

    def settle_and_claim(
        self, job: Job, result: Result, busy: Collection[str] = ()
    ) -> tuple[bool, Job | None]:
        """`settle`, and take the next job that is due, in one transaction.

        Gives: what `settle` gives, and the job, if there is one.
        """
        with writing(self.engine) as connection:
            now = self.time(connection)
            kept = self._settled(connection, job, result, now)
            following = self._taken(connection, busy, now)
            # Last: on PostgreSQL it holds the tenant's chain.
            self._tell_settled(connection, job, result, kept=kept)
        return kept, following

    def _settled(
        self, connection: Connection, job: Job, result: Result, now: int
    ) -> bool:
        change = settlement(result, now) | {
            "attempts": job.attempts + 1,
            "sending": False,
            "changed_at": now,
        }
        held = {"held_job": job.id, "held_fence": job.fence}
        settle = settle_with(tuple(change))
        kept = connection.execute(settle, change | held).rowcount == 1
        if kept and job.takes_back:
            conclude(connection, job.referral, job.takes_back, result.status, now)
        if kept and result.status in DONE:
            release_next(connection, job.referral, now)
        return kept

    def _tell_settled(
        self, connection: Connection, job: Job, result: Result, *, kept: bool
    ) -> None:
        kind = f"write.{result.status}" if kept else "write.late"
        self._tell(connection, job, kind, result.code, result)

    def wake(self) -> int:
        """Let jobs go on whose signer has opened the same patient again.

        Gives: how many.
        """
        with writing(self.engine) as connection:
            now = self.time(connection)
            connection.execute(clamp_leases(now, _micros(self.lease)))
            connection.execute(clamp_waits(now))
            woken = connection.execute(
                update(write_jobs)
                .where(waits_for_launch(now), launched_anew())
                .values(
                    needs_launch=False,
                    due=case(
                        (write_jobs.c.not_before > now, write_jobs.c.not_before),
                        else_=now,
                    ),
                    changed_at=now,
                )
            )
            return woken.rowcount

    def _tell(
        self,
        connection: Connection,
        job: Job,
        kind: str,
        outcome: str,
        result: Result | None = None,
    ) -> None:
        detail: dict[str, Any] = {
            "referral": job.referral,
            "job": job.id,
            "kind": job.kind,
            "identifier": job.identifier,
            "attempt": job.attempts + 1,
            "fence": job.fence,
        }
        if result is not None:
            detail |= {"reference": result.reference, "alarm": result.alarm}
            detail |= {"context": result.context, "http_status": result.http_status}
            detail |= {"grant": "backend" if result.backend else "user"}
        self.trail.append(
            connection,
            Event(
                job.tenant,
                kind,
                actor=WORKER,
                patient=job.patient,
                context=job.signer,
                outcome=outcome,
                detail=detail,
            ),
        )


def release_next(connection: Connection, referral_id: str, now: int) -> None:
    """Let the next job of a referral be taken, once all before it is settled."""
    connection.execute(RELEASE, {"referral": referral_id, "now": now})


def _job(connection: Connection, row: Row[Any], now: int) -> Job:
    return Job(
        id=row.id,
        referral=row.referral_id,
        tenant=row.tenant,
        patient=row.patient,
        subject=row.by_subject or row.signer_subject,
        signer=row.by_context or row.signer_context_id,
        kind=row.kind,
        action=row.action,
        takes_back=row.takes_back,
        identifier_system=row.identifier_system,
        identifier=row.identifier,
        targets=tuple(row.targets.split()),
        payload=row.payload,
        payload_digest=row.payload_digest,
        attempts=row.attempts,
        looks_owed=row.looks_owed,
        answered=row.answered,
        confirmed_at=row.confirmed_at,
        now=now,
        fence=row.fence,
        earlier=_earlier(connection, row),
    )


def _earlier(connection: Connection, row: Row[Any]) -> tuple[str, ...]:
    if row.position == 1:
        return ()
    asked = {"referral": row.referral_id, "act": row.act, "position": row.position}
    return tuple(connection.scalars(EARLIER, asked))


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
