"""What became of a card, as the EHR reports it.

Source: CDS Hooks 2.0, "Feedback".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from plugin.cds_hooks.call import json_object
from plugin.cds_hooks.errors import BadCall

MOST_REPORTS = 100
_LONGEST_COMMENT = 2_000
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CODE = re.compile(r"[!-~]{1,64}")
_SYSTEM = re.compile(r"[!-~]{0,255}")
_OUTCOMES = ("accepted", "overridden")
_EARLIEST, _LATEST = 1970, 9000  # years that both databases hold


@dataclass(frozen=True, slots=True)
class Report:
    card: str
    outcome: str
    at: datetime
    suggestions: tuple[str, ...]
    reason: str
    reason_system: str
    comment: str


def reports_of(content_type: str, body: bytes) -> Sequence[Report]:
    """Raises: NotJson; BadCall."""
    listed = json_object(content_type, body).get("feedback")
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST_REPORTS:
        raise BadCall("feedback is no list, or an overlong one")
    return [_report(one) for one in listed]


def _report(value: Any) -> Report:
    if not isinstance(value, dict):
        raise BadCall("a report is no object")
    card, outcome = value.get("card"), value.get("outcome")
    if not isinstance(card, str) or not 0 < len(card) <= 255:
        raise BadCall("card is no text")
    if outcome not in _OUTCOMES:
        raise BadCall("outcome is neither accepted nor overridden")
    reason, system, comment = _reason(value.get("overrideReason"))
    return Report(
        card=card.lower(),
        outcome=outcome,
        at=_moment(value.get("outcomeTimestamp")),
        suggestions=_accepted(value.get("acceptedSuggestions")),
        reason=reason,
        reason_system=system,
        comment=comment,
    )


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadCall("outcomeTimestamp is no moment with an offset")
    if not _EARLIEST < moment.year < _LATEST:
        raise BadCall("outcomeTimestamp is out of range")
    return moment


def _accepted(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MOST_REPORTS:
        raise BadCall("acceptedSuggestions is no list")
    found = []
    for one in value:
        name = one.get("id") if isinstance(one, dict) else None
        if not isinstance(name, str) or _UUID.fullmatch(name) is None:
            raise BadCall("acceptedSuggestions holds no id")
        found.append(name.lower())
    return tuple(found)


def _reason(value: object) -> tuple[str, str, str]:
    """Code, system and the clinician's own words; each may be missing."""
    if value is None:
        return "", "", ""
    if not isinstance(value, dict):
        raise BadCall("overrideReason is no object")
    comment = value.get("userComment") or ""
    if not isinstance(comment, str):
        raise BadCall("userComment is no text")
    reason = value.get("reason")
    if reason is None:
        return "", "", comment[:_LONGEST_COMMENT]
    if not isinstance(reason, dict):
        raise BadCall("overrideReason.reason is no Coding")
    code, system = reason.get("code"), reason.get("system") or ""
    if not isinstance(code, str) or _CODE.fullmatch(code) is None:
        raise BadCall("overrideReason.reason has no code")
    if not isinstance(system, str) or _SYSTEM.fullmatch(system) is None:
        raise BadCall("overrideReason.reason has no usable system")
    return code, system, comment[:_LONGEST_COMMENT]
