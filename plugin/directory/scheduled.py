"""The feeds that the configuration names, brought in again when they are due.

Every replica may go round as often as it likes. A feed whose turn has come is claimed
in the database first, so that one replica alone asks its publisher.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from plugin.clock import Clock
from plugin.directory import cleaning
from plugin.directory.errors import DirectoryError, FeedBusy
from plugin.directory.importing import new_feed
from plugin.directory.listing import FeedOptions
from plugin.directory.report import ImportReport
from plugin.directory.versions import LEASE
from plugin.settings import Feed
from plugin.store.directory_tables import feeds
from plugin.store.engine import writing
from plugin.store.schema import micros

# What failed is tried again sooner than its turn, and not so often that it annoys.
_AGAIN = timedelta(hours=1)

Bring = Callable[[str, FeedOptions], ImportReport]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a feed's turn."""

    feed: str
    kind: str  # in one word: imported, quarantined, the error's name, not_due
    said: str
    failed: bool = False  # a person should look
    done: bool = True  # False: not due, or another replica is at it


@dataclass(frozen=True, slots=True)
class Schedule:
    """Takes: `bring`, which imports from a file or an https address."""

    engine: Engine
    clock: Clock
    bring: Bring

    def go_round(
        self, named: Sequence[Feed], *, every: bool = False
    ) -> Iterator[Outcome]:
        """Each feed's outcome: one that fails does not keep the others.

        Takes:  `every`, to bring in also what is not due.
        Raises: StoreUnavailable.
        """
        for feed in named:
            if self._claim(feed, every=every):
                yield self._turn(feed)
            else:
                yield Outcome(feed.id, "not_due", "not due yet", done=False)

    def _turn(self, feed: Feed) -> Outcome:
        try:
            report = self.bring(feed.source, options_of(feed))
        except FeedBusy as error:
            return Outcome(feed.id, "busy", str(error), done=False)
        except (DirectoryError, OSError) as error:
            self._note(feed, state="failed", reason=str(error))
            return Outcome(feed.id, type(error).__name__, str(error), failed=True)
        if report.quarantined:
            return Outcome(feed.id, "quarantined", report.reason, failed=True)
        said = f"{report.stored} stored, {report.changed} changed"
        return Outcome(feed.id, "imported", said)

    def _claim(self, feed: Feed, *, every: bool) -> bool:
        """Whether the turn is ours; then it is no other replica's."""
        now = self.clock()
        due = _due(now, timedelta(0) if every else timedelta(hours=feed.every_hours))
        with writing(self.engine) as connection:
            mine = connection.execute(
                update(feeds)
                .where(feeds.c.id == feed.id, due)
                .values(tried_at=micros(now))
            )
            known = select(feeds.c.id).where(feeds.c.id == feed.id)
            if mine.rowcount or connection.execute(known).scalar() is not None:
                return mine.rowcount == 1
        return self._enter(feed)

    def _enter(self, feed: Feed, **values: Any) -> bool:
        """Enter a feed that was never good; False where another has just done so."""
        # The address may end in a sharing key.
        source = cleaning.text(feed.source.partition("?")[0], 500)
        said = {"source": source, "tried_at": micros(self.clock())} | values
        try:
            with writing(self.engine) as connection:
                usual = new_feed(options_of(feed), None)
                connection.execute(insert(feeds).values(**usual | said))
        except IntegrityError:
            return False
        return True

    def _note(self, feed: Feed, **values: Any) -> None:
        """Keep what went wrong, also with a feed that never had a good version."""
        with writing(self.engine) as connection:
            noted = connection.execute(
                update(feeds).where(feeds.c.id == feed.id).values(**values)
            )
        if not noted.rowcount:
            self._enter(feed, **values)


def _due(now: datetime, every: timedelta) -> ColumnElement[bool]:
    def before(wait: timedelta) -> ColumnElement[bool]:
        return feeds.c.tried_at <= micros(now - min(wait, every))

    return or_(
        feeds.c.tried_at.is_(None),
        before(every),
        (feeds.c.state == "failed") & before(_AGAIN),
        # Its first import was broken off, as by a restart.
        (feeds.c.state == "empty") & before(LEASE),
    )


def options_of(feed: Feed) -> FeedOptions:
    """The feed as an import takes it."""
    return FeedOptions(
        feed=feed.id,
        program=feed.program,
        format=feed.format,
        timezone=feed.timezone,
        language=feed.language.partition("-")[0],
        licence=feed.licence,
    )
