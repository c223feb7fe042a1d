"""Import a feed: read it, write it as a new version, and make that one live.

Rows are written in short transactions, so that a large feed does not keep others from
writing. Searches see them only when `feeds.live` is turned, which is one small
transaction: whatever breaks off before it leaves the last good version as it was.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from plugin.clock import Clock
from plugin.directory import cleaning
from plugin.directory.errors import (
    DirectoryError,
    FeedBusy,
    FeedMoved,
    FeedUnreadable,
)
from plugin.directory.feeds.formats import FORMATS, REVISION
from plugin.directory.listing import FeedOptions, Rejection
from plugin.directory.progress import Done, Progress, no_progress
from plugin.directory.reindexing import LEFT
from plugin.directory.report import ImportReport
from plugin.directory.schedule import in_seasons_until, today
from plugin.directory.sources import FileSource
from plugin.directory.versions import (
    LEASE,
    VersionWriter,
    Written,
    drop_version,
    leftovers,
    open_version,
    removed_rows,
    unchanged_rows,
)
from plugin.directory.zones import minutes_since_1970
from plugin.store.directory_tables import feed_rejections, feed_versions, feeds
from plugin.store.engine import reading, writing
from plugin.store.schema import micros

# A feed that keeps less than this share of its last good rows is set aside.
KEPT_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Before:
    """The feed as it stood when its lease was taken."""

    live: int | None
    stored: int
    digest: str
    lease: int
    indexed_until: int  # minutes since 1970


@dataclass(frozen=True, slots=True)
class Importer:
    engine: Engine
    clock: Clock
    progress: Progress = no_progress
    accept_shrunken: bool = False
    over: int | None = None  # the live version that it may replace; None: any

    def run(self, source: FileSource, options: FeedOptions) -> ImportReport:
        """Import the feed, or leave everything as it was.

        Raises: FeedUnreadable, FeedBusy, FeedMoved.
        """
        before = self._begin(options, source)
        try:
            digest = source.digest(f"{REVISION} {options!r}")
            # Read again where the index nears its end: that writes it on.
            lasts = before.indexed_until > minutes_since_1970(self.clock() + LEFT)
            if digest == before.digest and before.live is not None and lasts:
                return self._unchanged(options, before, source)
            return self._import(source, options, before, digest)
        except DirectoryError as error:
            self._fail(options, before, str(error))
            raise
        finally:
            self._release(options, before)

    def not_modified(self, options: FeedOptions) -> ImportReport:
        """The source itself says that nothing changed."""
        before = self._begin(options, None)
        try:
            return self._unchanged(options, before, None)
        finally:
            self._release(options, before)

    def _begin(self, options: FeedOptions, source: FileSource | None) -> Before:
        """Take the feed's lease."""
        now = micros(self.clock())
        with writing(self.engine) as connection:
            row = connection.execute(_feed(options.feed)).one_or_none()
            if row is None:
                connection.execute(insert(feeds).values(**new_feed(options, source)))
                row = connection.execute(_feed(options.feed)).one()
            if row.leased_until is not None and row.leased_until > now:
                raise FeedBusy(f"feed {options.feed} is being imported elsewhere")
            if self.over is not None and (row.live or 0) != self.over:
                raise FeedMoved(f"feed {options.feed} was changed meanwhile")
            lease = row.lease + 1
            until = now + LEASE // timedelta(microseconds=1)
            connection.execute(
                update(feeds)
                .where(feeds.c.id == options.feed)
                .values(lease=lease, leased_until=until, tried_at=now)
            )
            stored = _stored(connection, row.live)
        until = row.indexed_until or 0
        return Before(row.live, stored, row.digest, lease, until)

    def _release(self, options: FeedOptions, before: Before) -> None:
        with writing(self.engine) as connection:
            _set(connection, options, before, leased_until=None)

    def _fail(self, options: FeedOptions, before: Before, reason: str) -> None:
        with writing(self.engine) as connection:
            _set(connection, options, before, state="failed", reason=reason)
            if before.live is None:
                # A feed that never had a good version leaves no trace.
                connection.execute(delete(feeds).where(feeds.c.id == options.feed))

    def _import(
        self, source: FileSource, options: FeedOptions, before: Before, digest: str
    ) -> ImportReport:
        for version in leftovers(self.engine, options.feed, before.live):
            drop_version(self.engine, version)
        version = open_version(self.engine, options.feed, micros(self.clock()))
        day = today(self.clock())
        writer = VersionWriter(
            self.engine, self.clock, options, version, day, before.lease
        )
        try:
            written = self._write(source, options, writer)
            if not written.read and before.live is None:
                _refuse_empty()
        except BaseException:
            drop_version(self.engine, version)
            raise
        report = self._report(options, before, version, written)
        if report.quarantined:
            drop_version(self.engine, version)
            with writing(self.engine) as connection:
                state = {"state": "quarantined", "reason": report.reason}
                _set(connection, options, before, **state)
            return report
        values = {
            **_as_named(options, source),
            "digest": digest,
            "indexed_until": in_seasons_until(written.zones, day),
        }
        self._make_live(options, before, version, report, values)
        return report

    def _write(
        self, source: FileSource, options: FeedOptions, writer: VersionWriter
    ) -> Written:
        written = Written()
        for written in writer.write(FORMATS[options.format](source, options)):
            self.progress(Done(source.gauge.share(), written.read))
        return written

    def _report(
        self, options: FeedOptions, before: Before, version: int, written: Written
    ) -> ImportReport:
        unchanged = removed = 0
        if before.live is not None:
            with reading(self.engine) as connection:
                unchanged = unchanged_rows(connection, before.live, version)
                removed = removed_rows(connection, before.live, version)
        shrunken = written.stored < KEPT_SHARE * before.stored
        set_aside = shrunken and not self.accept_shrunken
        reason = (
            f"{written.stored} rows where there were {before.stored}: the last good "
            "version stays. If this is right, import it again with --accept-shrunken"
        )
        return ImportReport(
            feed=options.feed,
            read=written.read,
            stored=written.stored,
            meetings=written.meetings,
            changed=written.stored - unchanged,
            unchanged=unchanged,
            removed=removed,
            rejected=tuple(written.rejected),
            quarantined=set_aside,
            reason=reason if set_aside else "",
        )

    def _make_live(
        self,
        options: FeedOptions,
        before: Before,
        version: int,
        report: ImportReport,
        values: dict[str, Any],
    ) -> None:
        now = micros(self.clock())
        with writing(self.engine) as connection:
            good = {"live": version, "state": "good", "reason": "", "fetched_at": now}
            _set(connection, options, before, tried_at=now, **good, **values)
            connection.execute(
                update(feed_versions)
                .where(feed_versions.c.id == version)
                .values(
                    state="live",
                    finished_at=now,
                    read=report.read,
                    stored=report.stored,
                    meetings=report.meetings,
                    rejected=len(report.rejected),
                )
            )
        if before.live is not None:
            drop_version(self.engine, before.live)

    def _unchanged(
        self, options: FeedOptions, before: Before, source: FileSource | None
    ) -> ImportReport:
        now = micros(self.clock())
        values: dict[str, Any] = {"state": "good", "reason": "", "fetched_at": now}
        if source is not None:
            values |= {"etag": source.etag, "last_modified": source.last_modified}
        with writing(self.engine) as connection:
            _set(connection, options, before, tried_at=now, **values)
            version = connection.execute(
                select(feed_versions).where(feed_versions.c.id == before.live)
            ).one()
            found = connection.execute(
                select(feed_rejections)
                .where(feed_rejections.c.version == before.live)
                .order_by(feed_rejections.c.row)
            )
            rejected = tuple(Rejection(r.row, r.key, r.reason) for r in found)
        return ImportReport(
            feed=options.feed,
            read=version.read,
            stored=version.stored,
            meetings=version.meetings,
            changed=0,
            unchanged=version.stored,
            removed=0,
            rejected=rejected,
        )


def _refuse_empty() -> None:
    raise FeedUnreadable("it holds no meetings")


def _set(
    connection: Connection, options: FeedOptions, before: Before, **values: Any
) -> None:
    """Change the feed's row, if its lease is still ours."""
    changed = connection.execute(
        update(feeds)
        .where(feeds.c.id == options.feed, feeds.c.lease == before.lease)
        .values(**values)
    )
    if changed.rowcount != 1 and values.get("live"):
        raise FeedBusy(f"feed {options.feed} was imported elsewhere meanwhile")


def _feed(feed: str) -> Any:
    return select(feeds).where(feeds.c.id == feed)


def _stored(connection: Connection, version: int | None) -> int:
    if version is None:
        return 0
    found = select(feed_versions.c.stored).where(feed_versions.c.id == version)
    return int(connection.execute(found).scalar_one())


def new_feed(options: FeedOptions, source: FileSource | None) -> dict[str, Any]:
    """The row of a feed that nothing is known of yet."""
    state = {"state": "empty", "reason": "", "digest": "", "lease": 0}
    return {"id": options.feed, **_as_named(options, source), **state}


def _as_named(options: FeedOptions, source: FileSource | None) -> dict[str, Any]:
    return {
        "program": options.program,
        "format": options.format,
        "source": cleaning.text(source.name, 500) if source else "",
        "licence": options.licence,
        "timezone": options.timezone,
        "language": options.language,
        "demo": options.demo,
        "etag": source.etag if source else "",
        "last_modified": source.last_modified if source else "",
    }
