"""The statements on write jobs' rows.

What is asked for each job is put together once: that takes longer than to run it.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Update,
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

from plugin.referral.results import BLOCKED, DONE, LOOKS
from plugin.store.launch_tables import contexts, grants
from plugin.store.referral_tables import referrals, write_jobs

# A row changed this far in the future was changed before the clock was set back.
_CLOCK_SET_BACK = timedelta(minutes=1) // timedelta(microseconds=1)

_one = write_jobs.alias("one")
_before = write_jobs.alias("before")

_Truth = ColumnElement[bool] | SQLCoreOperations[bool]


def _in_turn() -> _Truth:
    """All that comes before it in its act of the referral is settled."""
    return ~exists().where(
        _before.c.referral_id == _one.c.referral_id,
        _before.c.act == _one.c.act,
        _before.c.position < _one.c.position,
        _before.c.status.not_in(DONE),
    )


def _signer_s(column: ColumnElement[str]) -> ColumnElement[str]:
    """What its referral says of who signed it, in the same exchange."""
    of_it = referrals.c.id == write_jobs.c.referral_id
    signer = select(column).where(of_it).correlate(write_jobs).scalar_subquery()
    return signer.label(f"signer_{column.key}")


# The job that has been due for longest; a lease that is over is due as well.
NEXT: Final = (
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
TAKE: Final = (
    update(write_jobs)
    .where(write_jobs.c.id == NEXT.with_for_update(skip_locked=True).scalar_subquery())
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
    .returning(
        *write_jobs.c,
        _signer_s(referrals.c.subject),
        _signer_s(referrals.c.context_id),
    )
)
SEND: Final = (
    update(write_jobs)
    .where(
        write_jobs.c.id == bindparam("job"),
        write_jobs.c.fence == bindparam("held"),
        write_jobs.c.status == "leased",
        write_jobs.c.due > bindparam("now"),
    )
    .values(sending=True, due=bindparam("until"), changed_at=bindparam("now"))
)
RELEASE: Final = (
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
EARLIER: Final = (
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


@lru_cache
def settle_with(columns: tuple[str, ...]) -> Update:
    return (
        update(write_jobs)
        .where(
            write_jobs.c.id == bindparam("held_job"),
            write_jobs.c.fence == bindparam("held_fence"),
            write_jobs.c.status == "leased",
        )
        .values({name: bindparam(name) for name in columns})
    )


def clamp_leases(now: int, lease: int) -> Any:
    """No lease is longer than `lease`: one that is was taken before a clock's jump."""
    return (
        update(write_jobs)
        .where(write_jobs.c.status == "leased")
        .where(write_jobs.c.due > now + lease + _CLOCK_SET_BACK)
        .values(due=now + lease)
    )


def clamp_waits(now: int) -> Any:
    """A wait that began in the future began before a clock's jump, and is over."""
    return (
        update(write_jobs)
        .where(write_jobs.c.status.in_(("waiting", "unknown")))
        .where(write_jobs.c.due > now, write_jobs.c.due < BLOCKED)
        .where(write_jobs.c.changed_at > now + _CLOCK_SET_BACK)
        .values(due=now, changed_at=now)
    )


def waits_for_launch(now: int) -> _Truth:
    return and_(
        write_jobs.c.status.in_(("waiting", "unknown")),
        or_(
            write_jobs.c.needs_launch.is_(True),
            and_(write_jobs.c.due > now, write_jobs.c.due < BLOCKED),
        ),
    )


def launched_anew() -> _Truth:
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
