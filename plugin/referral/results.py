"""What can come of one run of a write job, and how its row changes by it."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

Status = Literal["waiting", "written", "refused", "unknown", "held", "cancelled"]
DONE = ("written", "refused", "cancelled")

# A server may commit after the connection broke, so a lost answer is looked for no
# sooner than this, and once more before anything is sent again.
LOOK_AFTER = timedelta(seconds=2)
LOOKS = 2

# Moments that never come: the job waits for a person, or for the one before it.
NEVER = 2**62
BLOCKED = NEVER - 1

FIRST_RETRY = timedelta(seconds=2.5)
LONGEST_WAIT = timedelta(minutes=5)
_JITTER = 0.25


@dataclass(frozen=True, slots=True)
class Result:
    """`code` is one word for the trail and the log; `reason` a sentence for a person.

    Takes: `wait`, until the job may be taken again; None for never by itself.
           `told_to_wait`: the EHR asked for that wait, so a new launch does not end it.
    """

    status: Status
    code: str
    reason: str = ""
    reference: str = ""
    wait: timedelta | None = timedelta(0)
    told_to_wait: bool = False
    needs_launch: bool = False
    looks_owed: int | None = None  # None leaves it as it was, and so here:
    answered: bool | None = None
    alarm: bool = False
    http_status: int | None = None
    context: str = ""  # the launch whose grant was used
    backend: bool = False  # the app's own access was used, and no launch's
    tried_launch: int | None = None


def backoff(attempts: int, *, draw: float | None = None) -> timedelta:
    """How long to wait after so many attempts that failed.

    The first retry comes within 5 s; then it doubles, with jitter, up to 5 minutes.

    Takes: `draw`, 0-1, instead of a random number.
    """
    doublings = min(max(attempts - 1, 0), 16)  # more only overflows
    whole = min(FIRST_RETRY * 2**doublings, LONGEST_WAIT)
    chance = random.random() if draw is None else draw  # noqa: S311 - spreads load
    return timedelta(seconds=whole.total_seconds() * (1 - _JITTER * chance))


def settlement(result: Result, now: int) -> dict[str, Any]:
    """The columns that change. `now` is in microseconds."""
    changes: dict[str, Any] = {
        "status": result.status,
        "reason": result.reason,
        "reference": result.reference,
        "due": NEVER,
        "not_before": 0,
        "needs_launch": result.needs_launch,
    }
    by_itself = result.status in ("waiting", "unknown") and not result.needs_launch
    if by_itself and result.wait is not None:
        changes["due"] = now + result.wait // timedelta(microseconds=1)
        if result.told_to_wait:
            changes["not_before"] = changes["due"]
    told = ("looks_owed", "answered", "tried_launch")
    values = {name: getattr(result, name) for name in told}
    return changes | {name: v for name, v in values.items() if v is not None}
