"""Write jobs as rows: taken under a lease, settled under its fencing number.

A job is one resource to be created, or one that was created to be changed. Its row
says what is known: not sent yet, being sent, answered, or without an answer. Whatever
happens to a process, the row is right.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import SQLCoreOperations

from plugin.audit.trail import Event, Trail
from plugin.referral.job_time import JobTime
from plugin.referral.results import BLOCKED, DONE, LOOKS, Result, settlement
from plugin.referral.taken_back import conclude
from plugin.store.engine import reading, writing
from plugin.store.launch_tables import contexts, grants
from plugin.store.referral_tables import referrals, write_jobs

LEASE = timedelta(seconds=15)  # the longest that a lease may be
WORKER = "system:worker"
# A row changed this far in the future was changed before the clock was set back.
_CLOCK_SET_BACK = timedelta(minutes=1)

_one = write_jobs.alias("one")
_before = write_jobs.alias("before")

_Truth = ColumnElement[bool] | SQLCoreOperations[bool]


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
                if connection.execute(_NEXT, asked | {"now": now}).first() is None:
                    return None
        with writing(self.engine) as connection:
            now = self.time(connection)
            until = now + _micros(self.lease)
            row = connection.execute(_TAKE, asked | {"now": now, "until": until})
            taken = row.first()
            return None if taken is None else _job(connection, taken, now)

    def sending(self, job: Job) -> bool:
        """Note that it is about to be sent, and take the whole lease anew.

        Gives: False where the lease was lost; then it must not be sent.
        """
        with writing(self.engine) as connection:
            now = self.time(connection)
            until = now + _micros(self.lease)
            held = connection.execute(
                _SEND, {"job": job.id, "held": job.fence, "now": now, "until": until}
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
            now = self.time(connection)
            change = settlement(result, now) | {
                "attempts": job.attempts + 1,
                "sending": False,
                "changed_at": now,
            }
            held = connection.execute(
                update(write_jobs).where(_held(job)).values(change)
            )
            kept = held.rowcount == 1
            if kept and job.takes_back:
                back = job.takes_back
                conclude(connection, job.referral, back, result.status, now)
            if kept and result.status in DONE:
                release_next(connection, job.referral, now)
            kind = f"write.{result.status}" if kept else "write.late"
            self._tell(connection, job, kind, result.code, result)
        return kept

    def wake(self) -> int:
        """Let jobs go on whose signer has opened the same patient again.

        Gives: how many.
        """
        with writing(self.engine) as connection:
            now = self.time(connection)
            connection.execute(_clamp_leases(now, _micros(self.lease)))
            connection.execute(_clamp_waits(now))
            woken = connection.execute(
                update(write_jobs)
                .where(_waits_for_launch(now), _launched_anew())
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
    connection.execute(_RELEASE, {"referral": referral_id, "now": now})


# What is asked for each job is put together once: that takes longer than to run it.


def _in_turn() -> _Truth:
    """All that comes before it in its act of the referral is settled."""
    return ~exists().where(
        _before.c.referral_id == _one.c.referral_id,
        _before.c.act == _one.c.act,
        _before.c.position < _one.c.position,
        _before.c.status.not_in(DONE),
    )


# The job that has been due for longest; a lease that is over is due as well.
_NEXT: Final = (
    select(_one.c.id)
    .where(
        _one.c.due <= bindparam("now"),
        _one.c.status.in_(("waiting", "unknown", "leased")),
        _one.c.needs_launch.is_(False),
        _one.c.tenant.not_in(bindparam("busy", expanding=True)),
        _in_turn(),
    )
    .order_by(_one.c.due, _one.c.id)
    .limit(1)
)
_TAKE: Final = (
    update(write_jobs)
    .where(write_jobs.c.id == _NEXT.with_for_update(skip_locked=True).scalar_subquery())
    .values(
        status="leased",
        due=bindparam("until"),
        fence=write_jobs.c.fence + 1,
        # Its last holder fell silent while sending: nobody knows what came of that.
        looks_owed=case(
            (write_jobs.c.sending.is_(True), LOOKS), else_=write_jobs.c.looks_owed
        ),
        sending=False,
        changed_at=bindparam("now"),
    )
    .returning(*write_jobs.c)
)
_SEND: Final = (
    update(write_jobs)
    .where(
        write_jobs.c.id == bindparam("job"),
        write_jobs.c.fence == bindparam("held"),
        write_jobs.c.status == "leased",
        write_jobs.c.due > bindparam("now"),
    )
    .values(sending=True, due=bindparam("until"), changed_at=bindparam("now"))
)
_RELEASE: Final = (
    update(write_jobs)
    .where(
        write_jobs.c.referral_id == bindparam("referral"),
        write_jobs.c.due == BLOCKED,
        write_jobs.c.position
        == select(func.min(_one.c.position))
        .where(
            _one.c.referral_id == bindparam("referral"),
            _one.c.act == write_jobs.c.act,
            _one.c.status.not_in(DONE),
        )
        .correlate(write_jobs)
        .scalar_subquery(),
    )
    .values(due=bindparam("now"))
)
_SIGNER: Final = select(referrals.c.subject, referrals.c.context_id).where(
    referrals.c.id == bindparam("referral")
)
_EARLIER: Final = (
    select(write_jobs.c.reference)
    .where(
        write_jobs.c.referral_id == bindparam("referral"),
        write_jobs.c.act == bindparam("act"),
        write_jobs.c.position < bindparam("position"),
        write_jobs.c.status == "written",
        write_jobs.c.reference != "",
    )
    .order_by(write_jobs.c.position)
)


def _held(job: Job) -> _Truth:
    return and_(
        write_jobs.c.id == job.id,
        write_jobs.c.fence == job.fence,
        write_jobs.c.status == "leased",
    )


def _clamp_leases(now: int, lease: int) -> Any:
    """No lease is longer than `lease`: one that is was taken before a clock's jump."""
    return (
        update(write_jobs)
        .where(write_jobs.c.status == "leased")
        .where(write_jobs.c.due > now + lease + _micros(_CLOCK_SET_BACK))
        .values(due=now + lease)
    )


def _clamp_waits(now: int) -> Any:
    """A wait that began in the future began before a clock's jump, and is over."""
    return (
        update(write_jobs)
        .where(write_jobs.c.status.in_(("waiting", "unknown")))
        .where(write_jobs.c.due > now, write_jobs.c.due < BLOCKED)
        .where(write_jobs.c.changed_at > now + _micros(_CLOCK_SET_BACK))
        .values(due=now, changed_at=now)
    )


def _waits_for_launch(now: int) -> _Truth:
    return and_(
        write_jobs.c.status.in_(("waiting", "unknown")),
        or_(
            write_jobs.c.needs_launch.is_(True),
            and_(write_jobs.c.due > now, write_jobs.c.due < BLOCKED),
        ),
    )


def _launched_anew() -> _Truth:
    """Whose act it is has opened the same patient after what was tried last."""
    return exists().where(
        referrals.c.id == write_jobs.c.referral_id,
        contexts.c.tenant == referrals.c.tenant,
        contexts.c.patient == referrals.c.patient,
        contexts.c.subject
        == case(
            (write_jobs.c.by_subject != "", write_jobs.c.by_subject),
            else_=referrals.c.subject,
        ),
        contexts.c.launched_at > write_jobs.c.tried_launch,
        contexts.c.ended_at.is_(None),
        grants.c.context_id == contexts.c.id,
        grants.c.dead_reason.is_(None),
    )


def _job(connection: Connection, row: Row[Any], now: int) -> Job:
    signed = connection.execute(_SIGNER, {"referral": row.referral_id}).one()
    return Job(
        id=row.id,
        referral=row.referral_id,
        tenant=row.tenant,
        patient=row.patient,
        subject=row.by_subject or signed.subject,
        signer=row.by_context or signed.context_id,
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
    return tuple(connection.scalars(_EARLIER, asked))


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
