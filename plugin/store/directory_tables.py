"""Tables of the meeting directory: feeds, their versions, meetings, the search index.

A feed's rows are written under a new version, in short transactions, while searches go
on reading the version that `feeds.live` names; one small transaction then turns `live`
to the new one. Moments are microseconds since 1970; the index counts in minutes.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)

from plugin.store.schema import metadata

# SQLite numbers rows by itself only where the key is its own INTEGER.
_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")

feeds = Table(
    "feeds",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("program", String(64), nullable=False),
    Column("format", String(32), nullable=False),
    Column("source", Text, nullable=False),  # file name, or https address
    Column("licence", Text, nullable=False),  # "" where its publisher states none
    Column("timezone", String(64), nullable=False),
    Column("language", String(16), nullable=False),
    Column("demo", Boolean, nullable=False),
    Column("live", BigInteger),  # the version that is searched; null before the first
    Column("state", String(16), nullable=False),  # good, quarantined, failed
    Column("reason", Text, nullable=False),  # why it is not good
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
    Column("digest", String(64), nullable=False),  # of the bytes and the options
    Column("fetched_at", BigInteger),  # when the live version was seen at its source
    Column("tried_at", BigInteger),  # the last attempt, whatever came of it
    Column("leased_until", BigInteger),  # a replica is importing it
    Column("lease", Integer, nullable=False),  # fencing: grows with each lease
    Column("indexed_until", BigInteger),  # minutes: the index answers up to here
    Index("ix_feeds_live", "live"),
)

feed_versions = Table(
    "feed_versions",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("feed", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # loading, live, quarantined, old
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("read", Integer, nullable=False),
    Column("stored", Integer, nullable=False),
    Column("meetings", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Index("ix_feed_versions_feed", "feed"),
)

feed_rejections = Table(
    "feed_rejections",
    metadata,
    Column("version", BigInteger, nullable=False),
    Column("row", Integer, nullable=False),  # 1 for the first row of the source
    Column("key", Text, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("version", "row", name="pk_feed_rejections"),
)

meetings = Table(
    "meetings",
    metadata,
    # The version times 2^24, and the place in it: known before it is written.
    Column("id", _ROW_NUMBER, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("uid", Text, nullable=False),  # stable over re-imports
    Column("digest", BigInteger, nullable=False),  # of its row in the source, as read
    Column("key", Text, nullable=False),
    Column("program", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("series", BigInteger, nullable=False),  # the same group, whatever the day
    Column("weekday", SmallInteger),  # 0 Monday; null: by appointment, or any
    Column("start_minute", SmallInteger),  # of the local day; null: by appointment
    Column("minutes", SmallInteger, nullable=False),
    Column("timezone", String(64), nullable=False),  # IANA, or "" where unknown
    Column("zone_source", String(8), nullable=False),  # row, feed, place, unknown
    Column("rrule", Text, nullable=False),
    Column("first_date", String(10), nullable=False),  # DTSTART's date, or ""
    Column("except_dates", Text, nullable=False),  # local dates, with spaces
    Column("attendance", String(16), nullable=False),
    Column("precision", String(16), nullable=False),
    Column("venue", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("tags", Text, nullable=False),  # clinicians' words, with spaces
    Column("codes", Text, nullable=False),  # the feed's own, with spaces
    Column("languages", Text, nullable=False),  # ISO 639-1, with spaces
    Column("url", Text, nullable=False),
    Column("join_url", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("updated", Text, nullable=False),  # as the source says it, a date
    Index("uq_meetings_uid", "version", "uid", unique=True),
    Index("ix_meetings_series", "series"),
)

# The search index: a row for each place, weekly minute and season of UTC offset.
# SQLite keeps it as one b-tree; PostgreSQL reads it from the index alone.
meeting_slots = Table(
    "meeting_slots",
    metadata,
    Column("program", String(64), nullable=False),
    Column("cell", BigInteger, nullable=False),  # H3 resolution 5; 0 online, 1 no place
    Column("minute", SmallInteger, nullable=False),  # UTC, from Monday 00:00
    Column("opens", Integer, nullable=False),  # minutes since 1970: first start ...
    Column("meeting", BigInteger, nullable=False),
    Column("closes", Integer, nullable=False),  # ... and the end of the season
    Column("version", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("tags", BigInteger, nullable=False),  # bits of the known words
    Column("languages", BigInteger, nullable=False),  # bits
    Column("latitude", Double),
    Column("longitude", Double),
    PrimaryKeyConstraint(
        "program", "cell", "minute", "opens", "meeting", name="pk_meeting_slots"
    ),
    sqlite_with_rowid=False,
)

Index(
    "ix_meeting_slots_covering",
    meeting_slots.c.program,
    meeting_slots.c.cell,
    meeting_slots.c.minute,
    postgresql_include=[
        "opens",
        "closes",
        "meeting",
        "version",
        "kind",
        "tags",
        "languages",
        "latitude",
        "longitude",
    ],
).ddl_if(dialect="postgresql")

# What this hospital says of a group, kept whatever the feeds say.
meeting_marks = Table(
    "meeting_marks",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("hidden", Boolean, nullable=False),
    Column("trusted", Boolean, nullable=False),
    Column("liaison", Text, nullable=False),  # a volunteer's first name
    Column("liaison_phone", Text, nullable=False),
    Column("remark", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
