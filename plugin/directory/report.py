"""What became of one import, in the shape that the command line prints."""

from dataclasses import dataclass
from typing import Any

from plugin.directory.listing import Rejection


@dataclass(frozen=True, slots=True)
class ImportReport:
    """`read` rows of the source are `stored` or `rejected`; `meetings` is one a day.

    `stored` are the valid rows, of which `changed` are new or other than before and
    `unchanged` as they were; `removed` are rows that the source no longer has.
    """

    feed: str
    read: int
    stored: int
    meetings: int
    changed: int
    unchanged: int
    removed: int
    rejected: tuple[Rejection, ...]
    quarantined: bool = False
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "feed": self.feed,
            "read": self.read,
            "stored": self.stored,
            "meetings": self.meetings,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "rejected": [
                {"row": one.row, "key": one.key, "reason": one.reason}
                for one in self.rejected
            ],
            "quarantined": self.quarantined,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """The health of one feed."""

    feed: str
    program: str
    format: str
    source: str
    licence: str
    state: str  # good, quarantined, failed, empty
    reason: str
    stored: int
    meetings: int
    rejected: int
    without_zone: int
    by_appointment: int
    inactive: int
    fetched_at: int | None  # microseconds since 1970
    tried_at: int | None
    age_days: int | None
    stale: bool
    demo: bool
