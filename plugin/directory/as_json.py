"""Meetings in the shape that the command line prints."""

from collections.abc import Sequence
from typing import Any

from plugin.directory.meeting import Occurrence
from plugin.directory.report import FeedStatus
from plugin.store.schema import moment


def found_json(found: Sequence[Occurrence]) -> dict[str, Any]:
    return {"meetings": [occurrence_json(one) for one in found]}


def occurrence_json(one: Occurrence) -> dict[str, Any]:
    return {
        "id": one.id,
        "feed": one.feed,
        "key": one.key,
        "name": one.name,
        "starts": one.starts.isoformat(),
        "minutes": one.minutes,
        "attendance": one.attendance,
        "km": one.km,
        "tags": list(one.tags),
    }


def status_json(status: FeedStatus) -> dict[str, Any]:
    return {
        "feed": status.feed,
        "program": status.program,
        "format": status.format,
        "source": status.source,
        "licence": status.licence,
        "state": status.state,
        "reason": status.reason,
        "stored": status.stored,
        "meetings": status.meetings,
        "rejected": status.rejected,
        "without_zone": status.without_zone,
        "by_appointment": status.by_appointment,
        "inactive": status.inactive,
        "fetched_at": _said(status.fetched_at),
        "tried_at": _said(status.tried_at),
        "age_days": status.age_days,
        "stale": status.stale,
        "demo": status.demo,
    }


def _said(microseconds: int | None) -> str | None:
    return None if microseconds is None else moment(microseconds).isoformat()
