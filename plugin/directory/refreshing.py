"""Import a feed from wherever it is named to be, and not again without need."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
from sqlalchemy import Engine, select, update

from plugin.clock import Clock
from plugin.directory.errors import FeedUnreachable, FeedUnreadable
from plugin.directory.fetching import WebFetch
from plugin.directory.importing import Importer
from plugin.directory.listing import FeedOptions
from plugin.directory.reindexing import LEFT
from plugin.directory.report import ImportReport
from plugin.directory.sources import (
    Fetch,
    NotModified,
    fetched_bmlt,
    fetched_source,
    file_source,
    temporary_folder,
)
from plugin.directory.zones import minutes_since_1970
from plugin.store.directory_tables import feeds
from plugin.store.engine import reading, writing
from plugin.store.schema import micros


@dataclass(frozen=True, slots=True)
class Refresher:
    """Brings feeds in; a feed's lease lets one process do so at a time."""

    engine: Engine
    clock: Clock
    fetch: Fetch
    importer: Importer
    wait: Callable[[float], None] = time.sleep

    def bring(self, source: str, options: FeedOptions) -> ImportReport:
        """Import from a file or an https address.

        Raises: FeedUnreadable, FeedUnreachable, FeedBusy.
        """
        if "://" not in source:
            return self.importer.run(file_source(Path(source)), options)
        try:
            return self._fetched(source, options)
        except FeedUnreachable as error:
            self._note_failure(options.feed, str(error))
            raise

    def _fetched(self, url: str, options: FeedOptions) -> ImportReport:
        if not url.startswith("https://"):
            raise FeedUnreadable("a feed is a file or an https address")
        with temporary_folder() as name:
            folder = Path(name)
            if options.format == "bmlt":
                source = fetched_bmlt(
                    url, self.fetch, folder, self.wait, self.importer.progress
                )
                return self.importer.run(source, options)
            etag, last_modified = self._validators(options)
            found = fetched_source(
                url,
                self.fetch,
                folder,
                etag=etag,
                last_modified=last_modified,
                progress=self.importer.progress,
            )
            if isinstance(found, NotModified):
                return self.importer.not_modified(options)
            return self.importer.run(found, options)

    def _validators(self, options: FeedOptions) -> tuple[str, str]:
        """What the source said of the live version, if that was read with the same."""
        with reading(self.engine) as connection:
            row = connection.execute(
                select(feeds).where(feeds.c.id == options.feed)
            ).one_or_none()
        if row is None or row.live is None or row.state != "good":
            return "", ""
        if row.indexed_until < minutes_since_1970(self.clock() + LEFT):
            return "", ""  # to be read again, so that the index is written on
        same = (row.program, row.format, row.timezone, row.language) == (
            options.program,
            options.format,
            options.timezone,
            options.language,
        )
        return (row.etag, row.last_modified) if same else ("", "")

    def _note_failure(self, feed: str, reason: str) -> None:
        with writing(self.engine) as connection:
            connection.execute(
                update(feeds)
                .where(feeds.c.id == feed)
                .values(state="failed", reason=reason, tried_at=micros(self.clock()))
            )


def over_the_web(engine: Engine, clock: Clock, importer: Importer) -> Refresher:
    """A refresher that asks https addresses of the public internet."""
    return Refresher(engine, clock, WebFetch(requests.Session()), importer)
