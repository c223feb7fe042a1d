"""The filters of the records, as they stand in an address and as the trail is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from plugin.audit.entries import Wanted

_PSEUDONYM = re.compile(r"[0-9a-f]{24}")
_LONGEST = 255
_MOST_NAMES = 8  # one for each key that was ever in use


@dataclass(frozen=True, slots=True)
class Filters:
    """What the form holds. Dates are whole days, both included, in UTC."""

    since: str = ""
    until: str = ""
    clinician: str = ""
    patient: str = ""  # a pseudonym, or several with commas between
    program: str = ""
    outcome: str = ""
    kind: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Filters:
        """What is no filter, or none of its form, is left out."""
        found = {f.name: given.get(f.name, "").strip() for f in fields(cls)}
        kept = {
            name: value
            for name, value in found.items()
            if len(value) <= _LONGEST and value.isprintable()
        }
        for name in ("since", "until"):
            if _day(kept.get(name, "")) is None:
                kept.pop(name, None)
        kept["patient"] = ",".join(_names(kept.get("patient", "")))
        return cls(**kept)

    def wanted(self) -> Wanted:
        since, until = _day(self.since), _day(self.until)
        return Wanted(
            since=_start(since) if since else None,
            until=_start(until) + timedelta(days=1) if until else None,
            actor=self.clinician,
            patients=_names(self.patient),
            program=self.program,
            outcome=self.outcome,
            kind=self.kind,
        )

    def told(self) -> dict[str, str]:
        """What narrows the page, for the trail and for an address."""
        return {f.name: v for f in fields(self) if (v := getattr(self, f.name))}

    def query(self, **more: str) -> str:
        """Nothing, or `?` and the whole query."""
        told = self.told() | more
        return f"?{urlencode(told)}" if told else ""


def _names(text: str) -> tuple[str, ...]:
    names = [one for one in text.split(",") if _PSEUDONYM.fullmatch(one)]
    return tuple(names[:_MOST_NAMES])


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _start(day: date) -> datetime:
    if day.year < 1970:
        return datetime(1970, 1, 1, tzinfo=UTC)
    if day.year > 9000:
        return datetime(9000, 1, 1, tzinfo=UTC)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
