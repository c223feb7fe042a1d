"""The form in which a signed referral is kept: JSON, as it stood when it was signed."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import orjson

from plugin.referral.signed import (
    Acknowledgement,
    Choice,
    ChosenMeeting,
    SignedReferral,
)


def signed_bytes(signed: SignedReferral) -> bytes:
    return orjson.dumps(asdict(signed))


def signed_of(data: bytes) -> SignedReferral:
    """The very referral that `signed_bytes` was given."""
    kept: dict[str, Any] = orjson.loads(data)
    kept["choices"] = tuple(_choice(one) for one in kept["choices"])
    kept["acknowledged"] = tuple(_answer(one) for one in kept["acknowledged"])
    kept["signed_at"] = datetime.fromisoformat(kept["signed_at"])
    return SignedReferral(**kept)


def _choice(kept: dict[str, Any]) -> Choice:
    meeting = kept["meeting"]
    if meeting is not None:
        starts = datetime.fromisoformat(meeting.pop("starts"))
        kept["meeting"] = ChosenMeeting(starts=starts, **meeting)
    for name in ("reasons", "conditions", "needs"):
        kept[name] = tuple(kept[name])
    return Choice(**kept)


def _answer(kept: dict[str, Any]) -> Acknowledgement:
    follow_up = kept.pop("follow_up")
    return Acknowledgement(
        **kept, follow_up=date.fromisoformat(follow_up) if follow_up else None
    )
