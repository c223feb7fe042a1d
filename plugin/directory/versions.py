"""A feed's versions in the database: written, compared and dropped batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from plugin.clock import Clock
from plugin.directory.errors import FeedBusy, FeedUnreadable, RowRejected
from plugin.directory.feeds.reading import Read
from plugin.directory.listing import FeedOptions, Rejection
from plugin.directory.storing import (
    MEETING_COLUMNS,
    MEETINGS_OF_A_VERSION,
    SLOT_COLUMNS,
    meeting_rows,
    placed,
    slot_rows,
)
from plugin.store.directory_tables import (
    feed_rejections,
    feed_versions,
    feeds,
    meeting_slots,
    meetings,
)
from plugin.store.engine import reading, writing
from plugin.store.schema import micros

_BATCH = 5000  # source rows a transaction
_DELETED_AT_ONCE = 20_000
LEASE = timedelta(minutes=10)


@dataclass(slots=True)
class Written:
    """What has been written of a version so far."""

    read: int = 0
    stored: int = 0
    meetings: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    zones: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class VersionWriter:
    """Writes the rows of one version; searches do not see them."""

    engine: Engine
    clock: Clock
    options: FeedOptions
    version: int
    day: int  # since 1970; the index holds the seasons of this day
    lease: int

    def write(self, rows: Iterator[Read]) -> Iterator[Written]:
        """Write all the rows, giving what is done after each batch.

        Raises: FeedUnreadable, FeedBusy.
        """
        done = Written()
        seen: dict[int, int] = {}
        yield done
        while True:
            stored: list[tuple[Any, ...]] = []
            slots: list[tuple[Any, ...]] = []
            refused, read = len(done.rejected), done.read
            # One after the other: what is just read is quicker to turn into rows.
            for one in islice(rows, _BATCH):
                done.read += 1
                try:
                    self._take(one, done, seen, stored, slots)
                except RowRejected as error:
                    key = one.listing.key if one.listing is not None else ""
                    done.rejected.append(Rejection(done.read, key, str(error)))
            if done.read == read:
                return
            if done.meetings >= MEETINGS_OF_A_VERSION:
                raise FeedUnreadable("it holds more than 16 million meetings")
            self._keep(stored, slots, done.rejected[refused:])
            yield done

    def _take(
        self,
        one: Read,
        done: Written,
        seen: dict[int, int],
        stored: list[tuple[Any, ...]],
        slots: list[tuple[Any, ...]],
    ) -> None:
        listing = one.listing
        if listing is None:
            refusal = one.rejection or Rejection(done.read, "", "unreadable")
            done.rejected.append(replace(refusal, row=done.read))
            return
        named = hash(listing.key)
        if named in seen:
            raise RowRejected(f"the same key as row {seen[named]}")
        settled = placed(listing, self.options)
        at = (self.options, self.version, done.meetings)
        made = meeting_rows(settled, *at)
        slots.extend(slot_rows(settled, *at, self.day))
        stored.extend(made)
        seen[named] = done.read
        if settled.zone:
            done.zones.add(settled.zone)
        done.stored += 1
        done.meetings += len(made)

    def _keep(
        self,
        stored: list[tuple[Any, ...]],
        slots: list[tuple[Any, ...]],
        rejected: list[Rejection],
    ) -> None:
        with writing(self.engine) as connection:
            extend_lease(connection, self.options.feed, self.lease, self.clock())
            if stored:
                sql = insert_sql(connection, "meetings", MEETING_COLUMNS)
                connection.exec_driver_sql(sql, stored)
            if slots:
                sql = insert_sql(connection, "meeting_slots", SLOT_COLUMNS)
                connection.exec_driver_sql(sql, slots)
            if rejected:
                refusals = [
                    {
                        "version": self.version,
                        "row": one.row,
                        "key": one.key,
                        "reason": one.reason,
                    }
                    for one in rejected
                ]
                connection.execute(insert(feed_rejections), refusals)


def insert_sql(connection: Connection, table: str, columns: str) -> str:
    """One statement for the driver's own executemany: the quickest way in."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * (columns.count(",") + 1))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608


def extend_lease(connection: Connection, feed: str, lease: int, now: datetime) -> None:
    """Keep the feed for a while longer.

    Raises: FeedBusy where another import has taken it over.
    """
    held = connection.execute(
        update(feeds)
        .where(feeds.c.id == feed, feeds.c.lease == lease)
        .values(leased_until=micros(now + LEASE))
    )
    if held.rowcount != 1:
        raise FeedBusy(f"feed {feed} was taken over by another import")


def open_version(engine: Engine, feed: str, now: int) -> int:
    """A new version's number."""
    with writing(engine) as connection:
        made = connection.execute(
            insert(feed_versions)
            .values(
                feed=feed,
                state="loading",
                started_at=now,
                read=0,
                stored=0,
                meetings=0,
                rejected=0,
            )
            .returning(feed_versions.c.id)
        )
        return int(made.scalar_one())


def leftovers(engine: Engine, feed: str, live: int | None) -> list[int]:
    """Versions of imports that were killed."""
    with reading(engine) as connection:
        found = connection.execute(
            select(feed_versions.c.id).where(
                feed_versions.c.feed == feed, feed_versions.c.id != (live or -1)
            )
        )
        return [int(row.id) for row in found]


def drop_version(engine: Engine, version: int) -> None:
    """Delete a version's rows, in short transactions."""
    with reading(engine) as connection:
        of_version = meetings.c.version == version
        programs = connection.execute(
            select(meetings.c.program).where(of_version).distinct()
        ).scalars()
        found = list(programs)
        last = connection.execute(select(func.max(meetings.c.id)).where(of_version))
        end = last.scalar()
    for program in found:
        with writing(engine) as connection:
            connection.execute(
                delete(meeting_slots).where(
                    meeting_slots.c.program == program,
                    meeting_slots.c.version == version,
                )
            )
    first = version * MEETINGS_OF_A_VERSION
    while end is not None and first <= end:
        after = first + _DELETED_AT_ONCE
        with writing(engine) as connection:
            connection.execute(
                delete(meetings).where(meetings.c.id >= first, meetings.c.id < after)
            )
        first = after
    with writing(engine) as connection:
        connection.execute(
            delete(feed_rejections).where(feed_rejections.c.version == version)
        )
        connection.execute(delete(feed_versions).where(feed_versions.c.id == version))


def unchanged_rows(connection: Connection, old: int, new: int) -> int:
    """How many rows are as they were: their digest speaks for the whole row."""
    now, then = meetings.alias("now"), meetings.alias("before")
    same = (
        select(func.count(func.distinct(now.c.key)))
        .select_from(now.join(then, then.c.uid == now.c.uid))
        .where(
            now.c.version == new,
            then.c.version == old,
            then.c.digest == now.c.digest,
        )
    )
    return int(connection.execute(same).scalar_one())


def removed_rows(connection: Connection, old: int, new: int) -> int:
    """How many rows of the old version have no namesake in the new."""
    before = select(meetings.c.key).where(meetings.c.version == old)
    now = select(meetings.c.key).where(meetings.c.version == new)
    gone = select(func.count()).select_from(before.except_(now).subquery())
    return int(connection.execute(gone).scalar_one())
