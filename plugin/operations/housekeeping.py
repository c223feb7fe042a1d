"""What is done now and then: ended launches and keys cleared away, checkpoints made,
feeds of meetings brought in again.
"""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from plugin.audit.checkpoint import FILE_NAME, make_checkpoints
from plugin.audit.errors import AuditError
from plugin.audit.installation import Installation
from plugin.audit.left_launches import LeftLaunches
from plugin.audit.syslog import to_syslog
from plugin.directory.importing import Importer
from plugin.directory.progress import Done
from plugin.directory.refreshing import over_the_web
from plugin.directory.reindexing import Reindexer
from plugin.directory.scheduled import Schedule
from plugin.foundation import Foundation
from plugin.logs import log
from plugin.store.errors import StoreError
from smart_launch.errors import SealBroken

_EVERY = 600.0  # seconds
_FIRST = 20.0  # a feed that is named for the first time is not waited for so long


class _Stopped(Exception):
    """The app is stopped in the middle of an import, of which nothing is kept."""


@dataclass(frozen=True, slots=True)
class Housekeeping:
    foundation: Foundation

    def run(self, stop: threading.Event) -> None:
        """Go round until told to stop; a round that fails is made up by the next."""
        wait = _FIRST
        while not stop.wait(wait):
            self.clear_away()
            self.checkpoint()
            self.refresh_feeds(stop)
            self.note_directory()
            wait = _EVERY

    def clear_away(self) -> None:
        """Tell of the launches that were left, then forget what ended long ago."""
        contexts, now = self.foundation.contexts, self.foundation.clock()
        left = LeftLaunches(
            self.foundation.engine, self.foundation.trail, contexts.idle
        )
        try:
            left.note(now)
            removed = contexts.purge()
            self.foundation.signing_keys.forget_retired()
        except (StoreError, SealBroken) as error:
            log().warning("housekeeping.failed", error=type(error).__name__)
            return
        log().info("housekeeping.done", removed=removed)

    def checkpoint(self) -> None:
        """Make the audit trail's checkpoints, where they are kept and due."""
        kept = self.foundation.settings.checkpoints
        if kept is None:
            return
        file = Path(kept.directory) / FILE_NAME
        if self._age(file) < timedelta(hours=kept.every_hours):
            return
        try:
            made = make_checkpoints(
                self.foundation.engine,
                self.foundation.trail,
                file,
                to_syslog(kept.syslog) if kept.syslog else None,
            )
        except (StoreError, AuditError, OSError) as error:
            log().error("checkpoint.failed", error=type(error).__name__)
            return
        log().info("checkpoint.made", count=len(made))

    def note_directory(self) -> None:
        """Record the feeds that were brought in, here or by a command."""
        installation = Installation(self.foundation.engine, self.foundation.trail)
        try:
            installation.note_directory()
        except StoreError as error:
            log().warning("housekeeping.failed", error=type(error).__name__)

    def refresh_feeds(self, stop: threading.Event) -> None:
        """Bring in the settings' feeds that are due, and write on their index."""

        def unless_stopped(_done: Done) -> None:
            if stop.is_set():
                raise _Stopped

        engine, clock = self.foundation.engine, self.foundation.clock
        named = self.foundation.settings.feeds
        work = over_the_web(engine, clock, Importer(engine, clock, unless_stopped))
        try:
            for one in Schedule(engine, clock, work.bring).go_round(named):
                if one.failed:
                    log().warning("feed.failed", feed=one.feed, reason=one.kind)
                elif one.done:
                    log().info("feed.refreshed", feed=one.feed, outcome=one.kind)
            for feed in Reindexer(engine, clock).run():
                log().info("feed.reindexed", feed=feed)
        except StoreError as error:
            log().warning("feeds.not_refreshed", error=type(error).__name__)
        except _Stopped:
            return

    def _age(self, file: Path) -> timedelta:
        """How long ago the newest one was made; for ever, where there is none."""
        try:
            found = file.stat()
        except OSError:
            return timedelta.max
        if not found.st_size:
            return timedelta.max
        return self.foundation.clock() - datetime.fromtimestamp(found.st_mtime, UTC)
