"""Write the index on for the seasons to come.

The index holds a season of UTC offsets and the next. Before the last one ends, the
meetings are written anew under another version, as an import would, and that one is
made live. A search that reaches beyond is right meanwhile, only slower: it works from
the meetings' own rules.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, insert, literal, select, update

from plugin.clock import Clock
from plugin.directory.rows import stored_rule
from plugin.directory.schedule import in_seasons_until, slots, today
from plugin.directory.storing import (
    MEETING_COLUMNS,
    MEETINGS_OF_A_VERSION,
    SLOT_COLUMNS,
    Indexed,
    cells_of,
    kind_of,
)
from plugin.directory.versions import drop_version, insert_sql, open_version
from plugin.directory.words import bits_of, language_bits
from plugin.directory.zones import minutes_since_1970
from plugin.store.directory_tables import (
    feed_rejections,
    feed_versions,
    feeds,
    meetings,
)
from plugin.store.engine import reading, writing
from plugin.store.schema import micros

# Written on when less than this is left; the screens look two weeks ahead.
LEFT = timedelta(days=30)

_BATCH = 2000
_COLUMNS = tuple(name.strip() for name in MEETING_COLUMNS.split(","))
_COUNTED = ("read", "stored", "meetings", "rejected", "finished_at")


@dataclass(frozen=True, slots=True)
class Reindexer:
    engine: Engine
    clock: Clock

    def run(self) -> list[str]:
        """Write on every index that nears its end, giving the feeds."""
        limit = minutes_since_1970(self.clock() + LEFT)
        with reading(self.engine) as connection:
            due = connection.execute(
                select(feeds.c.id, feeds.c.live, feeds.c.lease).where(
                    feeds.c.live.is_not(None), feeds.c.indexed_until < limit
                )
            ).fetchall()
        return [row.id for row in due if self._renew(row.id, row.live, row.lease)]

    def _renew(self, feed: str, live: int, lease: int) -> bool:
        day = today(self.clock())
        version = open_version(self.engine, feed, micros(self.clock()))
        zones: set[str] = set()
        last = -1
        while rows := self._after(live, last):
            last = rows[-1]["id"]
            with writing(self.engine) as connection:
                _copy(connection, rows, version, day, zones)
        with writing(self.engine) as connection:
            _copy_account(connection, live, version)
            # An import that came between has its own index: ours is thrown away.
            turned = connection.execute(
                update(feeds)
                .where(feeds.c.id == feed, feeds.c.live == live, feeds.c.lease == lease)
                .values(live=version, indexed_until=in_seasons_until(zones, day))
            )
        won = turned.rowcount == 1
        drop_version(self.engine, live if won else version)
        return won

    def _after(self, live: int, last: int) -> list[RowMapping]:
        with reading(self.engine) as connection:
            found = connection.execute(
                select(meetings)
                .where(meetings.c.version == live, meetings.c.id > last)
                .order_by(meetings.c.id)
                .limit(_BATCH)
            )
            return list(found.mappings())


def _copy(
    connection: Connection,
    rows: list[RowMapping],
    version: int,
    day: int,
    zones: set[str],
) -> None:
    copies, slots = [], []
    for row in rows:
        number = version * MEETINGS_OF_A_VERSION + row["id"] % MEETINGS_OF_A_VERSION
        values = dict(row) | {"id": number, "version": version}
        copies.append(tuple(values[column] for column in _COLUMNS))
        slots.extend(_slots(row, number, version, day))
        if row["timezone"]:
            zones.add(row["timezone"])
    connection.exec_driver_sql(
        insert_sql(connection, "meetings", MEETING_COLUMNS), copies
    )
    if slots:
        connection.exec_driver_sql(
            insert_sql(connection, "meeting_slots", SLOT_COLUMNS), slots
        )


def _slots(row: RowMapping, number: int, version: int, day: int) -> list[Any]:
    rule = stored_rule(
        row["timezone"],
        row["weekday"],
        row["start_minute"],
        row["rrule"],
        row["first_date"],
        row["except_dates"],
    )
    if rule is None or row["attendance"] == "inactive":
        return []
    place = row["latitude"], row["longitude"]
    tags = bits_of(tuple(row["tags"].split()))
    languages = language_bits(tuple(row["languages"].split()))
    cells = cells_of(row["attendance"], *place)
    indexed = Indexed(row["program"], version, cells, (tags, languages, *place))
    kind = kind_of(row["attendance"], row["precision"], rule)
    return indexed.rows(number, kind, slots(rule, day))


def _copy_account(connection: Connection, old: int, new: int) -> None:
    """What the import said: how much was read, and what was refused."""
    account = connection.execute(
        select(feed_versions).where(feed_versions.c.id == old)
    ).one()
    counted = {name: getattr(account, name) for name in _COUNTED}
    connection.execute(
        update(feed_versions)
        .where(feed_versions.c.id == new)
        .values(state="live", **counted)
    )
    said = select(
        literal(new),
        feed_rejections.c.row,
        feed_rejections.c.key,
        feed_rejections.c.reason,
    ).where(feed_rejections.c.version == old)
    connection.execute(
        insert(feed_rejections).from_select(["version", "row", "key", "reason"], said)
    )
