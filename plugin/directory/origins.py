"""Where live meetings are from, and how far their index reaches."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from plugin.directory.errors import FeedReplaced
from plugin.directory.lookup import Lookup
from plugin.store.schema import moment


class Origin(NamedTuple):
    """What all meetings of a feed's version have in common."""

    feed: str
    fetched: datetime | None  # UTC
    demo: bool


class Origins(dict[int, Origin]):
    """By version. Raises FeedReplaced for one that was not live when it was asked."""

    def __missing__(self, version: int) -> Origin:
        raise FeedReplaced


_ASKED_AGAIN = 1  # minutes
_NEVER = 2**31 - 1
_LIVE = (
    "SELECT live, id, fetched_at, demo, indexed_until FROM feeds WHERE live IS NOT NULL"
)
# One number for all live versions: whatever feed gets a new one, it grows.
LIVE_NOW = "SELECT CAST(COALESCE(SUM(live), 0) AS BIGINT) FROM feeds"


class Live(NamedTuple):
    """The feeds at one moment; one search sees no other."""

    origins: Origins
    indexed_until: int  # minutes since 1970; the least of all feeds
    asked: int  # minutes since 1970
    total: int  # of all live versions

    def now(self, lookup: Lookup) -> int:
        """What `LIVE_NOW` answers."""
        return int(lookup.rows(LIVE_NOW, ())[0][0])

    def check(self, now: int) -> None:
        """Raises: FeedReplaced where that is not what these feeds add up to."""
        if now != self.total:
            raise FeedReplaced


@dataclass(slots=True)
class LiveFeeds:
    """The feeds as they were when they were last asked for."""

    _held: Live | None = None

    def asked(self, lookup: Lookup, now: int) -> Live:
        """Not older than a minute.

        Takes: `now`, minutes since 1970.
        """
        held = self._held
        if held is None or not 0 <= now - held.asked < _ASKED_AGAIN:
            rows = lookup.rows(_LIVE, ())
            origins = Origins(
                {
                    live: Origin(
                        feed, None if fetched is None else moment(fetched), bool(demo)
                    )
                    for live, feed, fetched, demo, _ in rows
                }
            )
            until = min((row[4] for row in rows), default=_NEVER)
            held = self._held = Live(origins, until, now, sum(origins))
        return held

    def forget(self) -> None:
        self._held = None
