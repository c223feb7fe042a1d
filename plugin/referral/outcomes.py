"""Did the patient go? What is told at a later visit, and the rate that follows.

Source: contract, `POST referrals/{id}/outcomes`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Engine, Row, func, select

from plugin.referral.errors import NotAnswered
from plugin.referral.filed import Outcome
from plugin.store.engine import reading
from plugin.store.referral_tables import outcomes, referrals
from plugin.store.schema import micros, moment

# Linked: attended at least once within this time of being referred.
LINKED_WITHIN = timedelta(days=30)

_KEYS = {"attended", "times", "would_return", "involvement", "reason"}
_INVOLVEMENT = ("sponsor", "home_group", "service")
_MOST_TIMES = 1000
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def outcome_request(body: Mapping[str, Any]) -> Outcome:
    """Read the JSON body strictly. Raises: NotAnswered, with the reason."""
    if body.keys() - _KEYS:
        raise NotAnswered("The outcome has a key that is not known.")
    attended = body.get("attended")
    if attended not in ("yes", "no", "unknown"):
        raise NotAnswered('attended must be "yes", "no" or "unknown".')
    would_return = body.get("would_return")
    if would_return is not None and not isinstance(would_return, bool):
        raise NotAnswered("would_return must be true, false or null.")
    times = _times(body.get("times"))
    if attended == "no" and times:
        raise NotAnswered("times says that the patient went, and attended that not.")
    return Outcome(
        attended=attended,
        times=times,
        would_return=would_return,
        involvement=_involvement(body.get("involvement", [])),
        reason=_reason(body.get("reason")),
    )


def _times(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotAnswered("times must be a whole number or null.")
    if not 0 <= value <= _MOST_TIMES:
        raise NotAnswered(f"times must be between 0 and {_MOST_TIMES}.")
    return value


def _involvement(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or any(one not in _INVOLVEMENT for one in value):
        raise NotAnswered(f"involvement must be a list of {', '.join(_INVOLVEMENT)}.")
    return tuple(one for one in _INVOLVEMENT if one in value)


def _reason(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or _CODE.fullmatch(value) is None:
        raise NotAnswered("reason must be a code or null.")
    return value


def told_bytes(outcome: Outcome) -> bytes:
    return orjson.dumps(
        {
            "times": outcome.times,
            "would_return": outcome.would_return,
            "involvement": outcome.involvement,
            "reason": outcome.reason,
        }
    )


def outcome_of(row: Row[Any]) -> Outcome:
    told: dict[str, Any] = orjson.loads(row.told)
    return Outcome(
        attended=row.attended,
        times=told["times"],
        would_return=told["would_return"],
        involvement=tuple(told["involvement"]),
        reason=told["reason"],
        recorded_at=moment(row.recorded_at),
        author=row.author,
    )


@dataclass(frozen=True, slots=True)
class Linkage:
    """Referrals of a period, and how many led to a first visit in time.

    `heard_of` are those of which somebody has said whether the patient went.
    """

    referred: int
    heard_of: int
    linked: int

    @property
    def rate(self) -> float | None:
        """0-1; None where nobody was referred."""
        return self.linked / self.referred if self.referred else None


def linkage(engine: Engine, tenant: str, since: datetime, until: datetime) -> Linkage:
    """Count the referrals signed from `since` up to `until`."""
    period = (
        referrals.c.tenant == tenant,
        referrals.c.signed_at >= micros(since),
        referrals.c.signed_at < micros(until),
    )
    within = LINKED_WITHIN // timedelta(microseconds=1)
    told = (
        select(func.count(outcomes.c.referral_id.distinct()))
        .join(referrals, referrals.c.id == outcomes.c.referral_id)
        .where(*period)
    )
    in_time = outcomes.c.recorded_at - referrals.c.signed_at <= within
    with reading(engine) as connection:
        return Linkage(
            referred=_count(
                connection.scalar(
                    select(func.count()).select_from(referrals).where(*period)
                )
            ),
            heard_of=_count(
                connection.scalar(told.where(outcomes.c.attended != "unknown"))
            ),
            linked=_count(
                connection.scalar(told.where(outcomes.c.attended == "yes", in_time))
            ),
        )


def _count(value: int | None) -> int:
    return value or 0
