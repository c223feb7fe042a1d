"""The hospital's own list: groups that it adds, and its corrections of what feeds say.

It is a feed like any other, so that a search needs to know nothing of it; its rows are
ours to write. A correction is a row of it that stands for a meeting of another feed,
which is hidden meanwhile. Feeds may be imported again and again: neither is touched.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from plugin.directory.directory import Directory
from plugin.directory.errors import OwnRowRefused, RowRejected
from plugin.directory.export_csv import cells_of
from plugin.directory.feeds.csv_table import COLUMNS, read
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

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OwnList:
    directory: Directory

    def add(self, row: Row) -> ImportReport:
        """Add a group, or put it in the place of the one with the same key.

        Takes:  columns as `directory template` names them; the others are empty.
        Raises: OwnRowRefused, with what is wrong; FeedBusy.
        """
        new = {**row, "updated": self._today()}
        self._check(new)
        kept = [one for one in self._rows() if one["key"] != new["key"]]
        return self._write([*kept, new])

    def correct(self, meeting_id: str, changes: Row) -> ImportReport:
        """Say of a meeting what its feed says wrongly.

        Raises: OwnRowRefused, also where there is no such meeting; FeedBusy.
        """
        with looking(self.directory.engine) as lookup:
            found = row_by_uid(lookup, meeting_id)
            corrected = row_by_uid(lookup, _uid(meeting_id))
        meeting = corrected or found
        if meeting is None:
            raise OwnRowRefused(f"there is no meeting {meeting_id}")
        key = meeting.key if meeting.feed == FEED else meeting_id
        report = self.add({**cells_of(meeting), **changes, "key": key})
        if found is not None and found.feed != FEED:
            self._mark(meeting_id, hidden=True)
        return report

    def withdraw(self, meeting_id: str) -> ImportReport:
        """Take an added group, or a correction, out again; the feed's word counts.

        Raises: OwnRowRefused where there is none; FeedBusy.
        """
        rows = self._rows()
        kept = [row for row in rows if meeting_id not in (row["key"], _uid(row["key"]))]
        if len(kept) == len(rows):
            raise OwnRowRefused(f"nothing of {meeting_id} stands in {_LABEL}")
        report = self._write(kept)
        self._mark(meeting_id, hidden=False)
        return report

    def _rows(self) -> list[Row]:
        """The list as it stands, hidden groups too."""
        chosen = (
            select(meetings.c.id)
            .join(feeds, feeds.c.live == meetings.c.version)
            .where(feeds.c.id == FEED)
            .order_by(meetings.c.id)
        )
        with reading(self.directory.engine) as connection:
            numbers = [int(row.id) for row in connection.execute(chosen)]
        if not numbers:
            return []
        with looking(self.directory.engine) as lookup:
            found = whole_rows(lookup, numbers)
        return [{**cells_of(one), "key": one.key} for one in found.values()]

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

    def _write(self, rows: Sequence[Row]) -> ImportReport:
        with temporary_folder() as name:
            source = _written(rows, Path(name))
            return self.directory.import_feed(source, _OPTIONS, accept_shrunken=True)

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


def _uid(key: str) -> str:
    return uid(FEED, key, Timing(None, None), alone=True)
