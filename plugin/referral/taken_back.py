"""What stood in the record and was taken back: what its row says, and when.

Source: clinical-review R11.
"""

from typing import Any, Final

from sqlalchemy import Connection, update

from plugin.store.referral_tables import write_jobs

STILL_ACTIVE: Final = (
    "Cancelled here, and still active in the EHR: discontinue it there, then confirm."
)
NOTE_STANDS: Final = (
    "Cancelled here. The note in the EHR still tells of it: add to it there, then "
    "confirm."
)

REMINDER_STANDS: Final = (
    "Cancelled here, and the reminder still stands in the EHR: cancel it there, then "
    "confirm."
)
# What a part is held for that was cancelled here and stands in the record.
STANDING: Final = (STILL_ACTIVE, NOTE_STANDS, REMINDER_STANDS)


def stands(kind: str) -> str:
    """What is said of a part that was cancelled here and stands in the record."""
    known = {"ServiceRequest": STILL_ACTIVE, "Task": REMINDER_STANDS}
    return known.get(kind, NOTE_STANDS)


def conclude(
    connection: Connection, referral_id: str, reference: str, status: str, now: int
) -> None:
    """Tell the row of what was taken back what came of that.

    Where the EHR did not do it, a person must: the row is held until one confirms.
    """
    if status == "written":
        change: dict[str, Any] = {"status": "cancelled", "reason": ""}
    elif status in ("refused", "held", "cancelled"):
        kind = reference.partition("/")[0]
        change = {"status": "held", "reason": stands(kind)}
    else:
        return
    connection.execute(
        update(write_jobs)
        .where(
            write_jobs.c.referral_id == referral_id,
            write_jobs.c.act == 1,
            write_jobs.c.reference == reference,
            write_jobs.c.status.in_(("written", "held")),
        )
        .values(change | {"changed_at": now, "fence": write_jobs.c.fence + 1})
    )
