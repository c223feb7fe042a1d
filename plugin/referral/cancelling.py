"""Take a referral back, and leave its history whole.

What was not sent yet is not sent any more. What stands in the record is never removed:
where the site, the server and the sign-in let the app do so, its orders get another
status and a later note is added, as write jobs of the person who cancels. Otherwise the
referral says "still active in the EHR" until a person confirms that it is not.

Source: clinical-review R11.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from plugin.referral.errors import JobNotOpen, NotAnswered, NothingToCancel
from plugin.referral.filed import Filed, carriers
from plugin.referral.jobs import release_next
from plugin.referral.ledger import Ledger, event_of
from plugin.referral.results import DONE, LOOKS, NEVER
from plugin.referral.retraction import SIGNED_IN_ERROR, Cancelling, retraction
from plugin.referral.taken_back import STANDING, stands
from plugin.store.engine import writing
from plugin.store.referral_tables import write_jobs
from smart_launch.context import LaunchContext

REASONS: Final = (
    "patient_declined",
    "not_suitable",
    SIGNED_IN_ERROR,
    "other",
)


def cancel(ledger: Ledger, act: Cancelling, referral_id: str) -> Filed:
    """Send nothing more of it, and take back what stands, where the EHR takes that.

    Gives:  the referral as it stands then.
    Raises: ReferralUnknown, also for another patient's; NotAnswered, without a reason;
            JobNotOpen, while a part is on its way or its answer was lost: what is in
            the record must be known first; NothingToCancel.
    """
    context = act.context
    if act.reason not in REASONS:
        raise NotAnswered("Say why the referral is cancelled.")
    found = ledger.referral_of(context, referral_id)
    jobs = retraction(found, act)
    with writing(ledger.engine) as connection:
        now = ledger.now(connection)
        rows = _rows(connection, referral_id)
        if any(row.takes_back for row in rows):
            raise NothingToCancel(f"{referral_id}: it is cancelled already")
        if any(_is_on_its_way(row) for row in rows):
            raise JobNotOpen(f"{referral_id}: a part of it is on its way")
        if len(rows) > len(found.resources) or _standing(rows) != _standing(
            found.resources
        ):
            raise JobNotOpen(f"{referral_id}: a part of it was written just now")
        taken_back = {job.takes_back for job in jobs if job.takes_back}
        changed = []
        for row in rows:
            change = _cancelled(row, rows, taken_back)
            if change is not None:
                _apply(connection, row, change | {"changed_at": now})
                changed.append({"job": row.id, "kind": row.kind, "before": row.status})
        if not changed and not jobs:
            raise NothingToCancel(f"{referral_id}: nothing of it stands")
        added = ledger.add_act(connection, context, found, jobs)
        detail = {
            "referral": referral_id,
            "reason": act.reason,
            "parts": changed,
            "writes": [
                {
                    "job": row["id"],
                    "kind": row["kind"],
                    "payload": row["payload_digest"],
                }
                for row in added
            ],
        }
        event = event_of(context, "referral.cancelled", detail)
        ledger.trail.append(connection, event)
    return ledger.referral(referral_id)


def confirm_discontinued(
    ledger: Ledger, context: LaunchContext, referral_id: str
) -> Filed:
    """A person says that what stood in the record is discontinued there.

    What the app was still to do about it is not sent any more.

    Raises: ReferralUnknown; NothingToCancel, where nothing waits for that; JobNotOpen,
            while the app's own change is on its way.
    """
    ledger.referral_of(context, referral_id)
    with writing(ledger.engine) as connection:
        now = ledger.now(connection)
        rows = _rows(connection, referral_id)
        ours = [row for row in rows if row.takes_back and row.status not in DONE]
        if any(_is_on_its_way(row) for row in ours):
            raise JobNotOpen(f"{referral_id}: its change is on its way")
        theirs = {row.takes_back for row in ours}
        open_ones = [r for r in rows if waits_for_word(r) or _is_one(r, theirs)]
        if not open_ones:
            raise NothingToCancel(f"{referral_id}: nothing waits to be discontinued")
        change = {"status": "cancelled", "reason": "", "changed_at": now}
        for row in ours:
            _apply(connection, row, change | {"due": NEVER, "needs_launch": False})
        for row in open_ones:
            _apply(connection, row, change)
        release_next(connection, referral_id, now)
        references = [row.reference for row in open_ones]
        detail = {"referral": referral_id, "references": references}
        event = event_of(context, "referral.discontinued", detail)
        ledger.trail.append(connection, event)
    return ledger.referral(referral_id)


def may_be_cancelled(filed: Filed) -> bool:
    """Whether it makes sense to offer it; `cancel` looks again."""
    if any(waits_for_word(part) or part.takes_back for part in filed.resources):
        return False
    return filed.status not in ("cancelled", "unknown")


def may_be_confirmed(filed: Filed) -> bool:
    """Whether a person may say now that it is discontinued in the EHR."""
    return any(
        waits_for_word(part) or (part.takes_back and part.status in ("waiting", "held"))
        for part in filed.resources
    )


def waits_for_word(part: Any) -> bool:
    """Whether it was cancelled here and still stands in the record.

    Takes: a write job's row, or a `Resource`.
    """
    return part.status == "held" and part.reason in STANDING


def _is_on_its_way(row: Row[Any]) -> bool:
    if row.status == "unknown" or row.answered or row.looks_owed >= LOOKS:
        return True
    return bool(row.status == "leased" and row.sending)


def _is_one(row: Row[Any], references: Collection[str]) -> bool:
    return row.act == 1 and row.status == "written" and row.reference in references


def _standing(parts: Iterable[Any]) -> set[str]:
    """What is known to stand in the record, of rows or of `Resource`s."""
    return {one.reference for one in parts if one.status == "written"}


def _cancelled(
    row: Row[Any], rows: Sequence[Row[Any]], taken_back: Collection[str]
) -> dict[str, Any] | None:
    """What changes in one job; None where nothing does, or another job will say."""
    if row.status == "written":
        stand = {"Task"} | carriers([one.kind for one in rows if one.act == 1])
        if row.act > 1 or row.reference in taken_back or row.kind not in stand:
            return None
        return {"status": "held", "reason": stands(row.kind)}
    if row.status == "refused":
        # Nobody tries it again: the EHR's words stay, the trail has what it was.
        return {"status": "cancelled"}
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
