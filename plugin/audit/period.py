"""A period of one tenant's records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from plugin.store.schema import micros, moment


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` up to `until`, which is not part of it."""

    tenant: str
    since: datetime
    until: datetime

    def holds(self, tenant: Any, at: Any) -> tuple[Any, Any, Any]:
        """The conditions on a table's columns of tenant and moment."""
        return tenant == self.tenant, at >= micros(self.since), at < micros(self.until)

    @property
    def months(self) -> Sequence[str]:
        """Each month that it touches, as 2026-03."""
        last = moment(max(micros(self.until) - 1, micros(self.since)))
        found, year, month = [], self.since.year, self.since.month
        while (year, month) <= (last.year, last.month):
            found.append(f"{year:04d}-{month:02d}")
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        return found
