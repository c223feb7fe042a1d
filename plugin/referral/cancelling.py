"""Take a referral back, and leave its history whole.

What was not sent yet is not sent any more. What stands in the record is not removed: an
order stays active there until somebody discontinues it, and this app has no right to do
that (it asks for no right to update). So the referral says "still active in the EHR"
until a person confirms that it is not.

Source: clinical-review R11.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from plugin.referral.errors import JobNotOpen, NotAnswered, NothingToCancel
from plugin.referral.filed import Filed, carriers
from plugin.referral.jobs import DONE
from plugin.referral.ledger import Ledger, event_of
from plugin.referral.results import LOOKS, NEVER
from plugin.store.engine import writing
from plugin.store.referral_tables import write_jobs
from smart_launch.context import LaunchContext

REASONS: Final = (
    "patient_declined",
    "not_suitable",
    "signed_in_error",
    "other",
)
STILL_ACTIVE: Final = (
    "Cancelled here, and still active in the EHR: discontinue it there, then confirm."
)
NOTE_STANDS: Final = (
    "Cancelled here. The note in the EHR still tells of it: add to it there, then "
    "confirm."
)


def cancel(
    ledger: Ledger, context: LaunchContext, referral_id: str, reason: str
) -> Filed:
    """Send nothing more of it. Gives the referral as it stands then.

    Raises: ReferralUnknown, also for another patient's; NotAnswered, without a reason;
            JobNotOpen, while a part is on its way or its answer was lost: what is in
            the record must be known first; NothingToCancel.
    """
    if reason not in REASONS:
        raise NotAnswered("Say why the referral is cancelled.")
    ledger.referral_of(context, referral_id)
    with writing(ledger.engine) as connection:
        now = ledger.now(connection)
        rows = _rows(connection, referral_id)
        if any(_is_on_its_way(row) for row in rows):
            raise JobNotOpen(f"{referral_id}: a part of it is on its way")
        changed = []
        for row in rows:
            change = _cancelled(row, rows)
            if change is not None:
                _apply(connection, row, change | {"changed_at": now})
                changed.append({"job": row.id, "kind": row.kind, "before": row.status})
        if not changed:
            raise NothingToCancel(f"{referral_id}: nothing of it stands")
        detail = {"referral": referral_id, "reason": reason, "parts": changed}
        event = event_of(context, "referral.cancelled", detail)
        ledger.trail.append(connection, event)
    return ledger.referral(referral_id)


def confirm_discontinued(
    ledger: Ledger, context: LaunchContext, referral_id: str
) -> Filed:
    """A person says that what stood in the record is discontinued there.

    Raises: ReferralUnknown; NothingToCancel, where nothing waits for that.
    """
    ledger.referral_of(context, referral_id)
    with writing(ledger.engine) as connection:
        now = ledger.now(connection)
        open_ones = [r for r in _rows(connection, referral_id) if waits_for_word(r)]
        if not open_ones:
            raise NothingToCancel(f"{referral_id}: nothing waits to be discontinued")
        for row in open_ones:
            change = {"status": "cancelled", "reason": "", "changed_at": now}
            _apply(connection, row, change)
        references = [row.reference for row in open_ones]
        detail = {"referral": referral_id, "references": references}
        event = event_of(context, "referral.discontinued", detail)
        ledger.trail.append(connection, event)
    return ledger.referral(referral_id)


def may_be_cancelled(filed: Filed) -> bool:
    """Whether it makes sense to offer it; `cancel` looks again."""
    if any(waits_for_word(part) for part in filed.resources):
        return False
    return filed.status not in ("cancelled", "unknown")


def waits_for_word(part: Any) -> bool:
    """Whether it was cancelled here and still stands in the record.

    Takes: a write job's row, or a `Resource`.
    """
    return part.status == "held" and part.reason in (STILL_ACTIVE, NOTE_STANDS)


def _is_on_its_way(row: Row[Any]) -> bool:
    if row.status == "unknown" or row.answered or row.looks_owed >= LOOKS:
        return True
    return bool(row.status == "leased" and row.sending)


def _cancelled(row: Row[Any], rows: Sequence[Row[Any]]) -> dict[str, Any] | None:
    """What changes in one job; None where nothing does."""
    if row.status == "written":
        if row.kind not in carriers([one.kind for one in rows]):
            return None
        order = row.kind == "ServiceRequest"
        return {"status": "held", "reason": STILL_ACTIVE if order else NOTE_STANDS}
    if row.status in DONE or waits_for_word(row):
        return None
    return {"status": "cancelled", "reason": "", "due": NEVER, "needs_launch": False}


def _apply(connection: Connection, row: Row[Any], change: dict[str, Any]) -> None:
    # A higher fence: a worker that has taken it meanwhile does not send it.
    values = change | {"fence": row.fence + 1, "sending": False}
    mine = (write_jobs.c.id == row.id) & (write_jobs.c.fence == row.fence)
    if connection.execute(update(write_jobs).where(mine).values(values)).rowcount != 1:
        raise JobNotOpen(f"{row.id} has changed meanwhile")


def _rows(connection: Connection, referral_id: str) -> Sequence[Row[Any]]:
    return connection.execute(
        select(write_jobs)
        .where(write_jobs.c.referral_id == referral_id)
        .order_by(write_jobs.c.position)
        .with_for_update()
    ).all()
