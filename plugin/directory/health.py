"""How the feeds are: what is live, how old it is, what was refused and why."""

from collections.abc import Sequence

from sqlalchemy import Engine, case, func, select

from plugin.clock import Clock
from plugin.directory.report import FeedStatus
from plugin.store.directory_tables import feed_versions, feeds, meetings
from plugin.store.engine import reading
from plugin.store.schema import micros

# Older than this, a clinician is told to phone first.
STALE_DAYS = 30

_DAY = 24 * 3600 * 1_000_000  # microseconds


def feed_statuses(engine: Engine, clock: Clock) -> Sequence[FeedStatus]:
    """Every feed, by its id."""
    now = micros(clock())
    with reading(engine) as connection:
        named = connection.execute(
            select(feeds, feed_versions.c.stored, feed_versions.c.meetings)
            .add_columns(feed_versions.c.rejected)
            .select_from(
                feeds.outerjoin(feed_versions, feed_versions.c.id == feeds.c.live)
            )
            .order_by(feeds.c.id)
        ).fetchall()
        counted = {row.version: row for row in connection.execute(_COUNTS)}
    statuses = []
    for row in named:
        counts = counted.get(row.live)
        age = None if row.fetched_at is None else (now - row.fetched_at) // _DAY
        statuses.append(
            FeedStatus(
                feed=row.id,
                program=row.program,
                format=row.format,
                source=row.source,
                licence=row.licence,
                state=row.state,
                reason=row.reason,
                stored=row.stored or 0,
                meetings=row.meetings or 0,
                rejected=row.rejected or 0,
                without_zone=int(counts.without_zone) if counts else 0,
                by_appointment=int(counts.by_appointment) if counts else 0,
                inactive=int(counts.inactive) if counts else 0,
                fetched_at=row.fetched_at,
                tried_at=row.tried_at,
                age_days=age,
                stale=age is not None and age > STALE_DAYS,
                demo=row.demo,
            )
        )
    return statuses


def _how_many(condition: object) -> object:
    return func.sum(case((condition, 1), else_=0))  # type: ignore[arg-type]


_COUNTS = (
    select(meetings.c.version)
    .add_columns(
        _how_many(meetings.c.timezone == "").label("without_zone"),  # type: ignore[attr-defined]
        _how_many(meetings.c.start_minute.is_(None)).label("by_appointment"),  # type: ignore[attr-defined]
        _how_many(meetings.c.attendance == "inactive").label("inactive"),  # type: ignore[attr-defined]
    )
    .group_by(meetings.c.version)
)
