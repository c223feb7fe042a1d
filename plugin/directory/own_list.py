"""The hospital's own list: groups that it adds, and its corrections of what feeds say.

It is a feed like any other, so that a search needs to know nothing of it; its rows are
ours to write. A correction is a row of it that stands for a meeting of another feed,
which is hidden meanwhile. Feeds may be imported again and again: neither is touched.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from plugin.directory.directory import Directory
from plugin.directory.errors import (
    FeedBusy,
    FeedMoved,
    OwnRowChanged,
    OwnRowRefused,
    RowRejected,
)
from plugin.directory.export_csv import cells_of
from plugin.directory.feeds.csv_table import COLUMNS, read
from plugin.directory.importing import Importer
from plugin.directory.listing import FeedOptions, Timing
from plugin.directory.lookup import looking
from plugin.directory.marks import Mark, set_mark
from plugin.directory.report import ImportReport
from plugin.directory.rows import row_by_uid, whole_rows
from plugin.directory.sources import FileSource, temporary_folder
from plugin.directory.storing import placed, uid
from plugin.store.directory_tables import feeds, meetings
from plugin.store.engine import reading

FEED = "own"
_OPTIONS = FeedOptions(FEED, program=FEED, format="csv", licence="this hospital's own")
_LABEL = "the hospital's own list"

_TRIES = 5

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """The list as someone saw it who is about to change it."""

    version: int  # 0 before the first row
    rows: Mapping[str, Row]  # by key


@dataclass(frozen=True, slots=True)
class OwnList:
    directory: Directory

    def add(self, row: Row) -> ImportReport:
        """Add a group, or put it in the place of the one with the same key.

        Takes:  columns as `directory template` names them; the others are empty.
        Raises: OwnRowRefused, with what is wrong; OwnRowChanged, FeedBusy.
        """
        return self._put(row, self._rows())

    def _put(self, row: Row, seen: Seen) -> ImportReport:
        new = {**row, "updated": self._today()}
        self._check(new)
        key = new["key"]
        return self._write(seen, key, lambda kept: [*kept, new])

    def correct(self, meeting_id: str, changes: Row) -> ImportReport:
        """Say of a meeting what its feed says wrongly.

        Raises: OwnRowRefused, also where there is no such meeting; OwnRowChanged,
                FeedBusy.
        """
        seen = self._rows()
        with looking(self.directory.engine) as lookup:
            found = row_by_uid(lookup, meeting_id)
            corrected = row_by_uid(lookup, _uid(meeting_id))
        meeting = corrected or found
        if meeting is None:
            raise OwnRowRefused(f"there is no meeting {meeting_id}")
        key = meeting.key if meeting.feed == FEED else meeting_id
        report = self._put({**cells_of(meeting), **changes, "key": key}, seen)
        if found is not None and found.feed != FEED:
            self._mark(meeting_id, hidden=True)
        return report

    def withdraw(self, meeting_id: str) -> ImportReport:
        """Take an added group, or a correction, out again; the feed's word counts.

        Raises: OwnRowRefused where there is none; OwnRowChanged, FeedBusy.
        """
        seen = self._rows()
        key = next((k for k in seen.rows if meeting_id in (k, _uid(k))), None)
        if key is None:
            raise OwnRowRefused(f"nothing of {meeting_id} stands in {_LABEL}")
        report = self._write(seen, key, lambda kept: kept)
        self._mark(meeting_id, hidden=False)
        return report

    def _rows(self) -> Seen:
        """The list as it stands, hidden groups too."""
        engine = self.directory.engine
        live = select(feeds.c.live).where(feeds.c.id == FEED)
        with reading(engine) as connection:
            version = connection.execute(live).scalar() or 0
            chosen = select(meetings.c.id).where(meetings.c.version == version)
            found = connection.execute(chosen.order_by(meetings.c.id))
            numbers = [int(row.id) for row in found]
        if not numbers:
            return Seen(version, {})
        with looking(engine) as lookup:
            rows = whole_rows(lookup, numbers).values()
        return Seen(
            version, {one.key: {**cells_of(one), "key": one.key} for one in rows}
        )

    def _check(self, row: Row) -> None:
        unknown = set(row) - set(COLUMNS) - {"feed", "id", "licence"}
        if unknown:
            known = ", ".join(COLUMNS)
            raise OwnRowRefused(f"there is no column {min(unknown)}: {known}")
        with temporary_folder() as name:
            for one in read(_written([row], Path(name)), _OPTIONS):
                if one.listing is None:
                    raise OwnRowRefused(one.rejection.reason if one.rejection else "")
                if len(one.listing.timings) > 1:
                    raise OwnRowRefused("give each day a row of its own")
                try:
                    settled = placed(one.listing, _OPTIONS)
                except RowRejected as error:
                    raise OwnRowRefused(str(error)) from None
                if not settled.zone:
                    raise OwnRowRefused("it needs a timezone, or its place")

    def _write(
        self, seen: Seen, key: str, changed: Callable[[list[Row]], list[Row]]
    ) -> ImportReport:
        """Write the list with that row changed, and what others changed meanwhile.

        Raises: OwnRowChanged where another changed the same row; FeedBusy.
        """
        now = seen
        for _ in range(_TRIES):
            if now.rows.get(key) != seen.rows.get(key):
                raise OwnRowChanged(_told(key, seen.rows.get(key), now.rows.get(key)))
            kept = [row for one, row in now.rows.items() if one != key]
            try:
                return self._replace(changed(kept), now.version)
            except FeedMoved:
                now = self._rows()
        raise FeedBusy(f"{_LABEL} is changed faster than it can be read")

    def _replace(self, rows: Sequence[Row], version: int) -> ImportReport:
        engine, clock = self.directory.engine, self.directory.clock
        importer = Importer(engine, clock, accept_shrunken=True, over=version)
        with temporary_folder() as name:
            return importer.run(_written(rows, Path(name)), _OPTIONS)

    def _mark(self, meeting_id: str, *, hidden: bool) -> None:
        engine, clock = self.directory.engine, self.directory.clock
        set_mark(engine, clock, meeting_id, Mark(hidden=hidden))

    def _today(self) -> str:
        return self.directory.clock().date().isoformat()


def _written(rows: Sequence[Row], folder: Path) -> FileSource:
    path = folder / "own.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return FileSource(path, label=_LABEL)


def _told(key: str, seen: Row | None, now: Row | None) -> str:
    """What another did to a row meanwhile."""
    if now is None:
        return f"{key} was taken out of {_LABEL} meanwhile. Nothing of yours was saved"
    if seen is None:
        return f"{key} was added to {_LABEL} meanwhile. Nothing of yours was saved"
    other = [f"{c}={now[c]}" for c in COLUMNS if now.get(c) != seen.get(c)]
    return f"{key} was changed meanwhile: {' '.join(other)}. Nothing of yours was saved"


def _uid(key: str) -> str:
    return uid(FEED, key, Timing(None, None), alone=True)
