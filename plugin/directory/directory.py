"""The directory of meetings: the one door for those who ask it.

A search looks up the covering index for candidates (`candidates`), works out the exact
moments of as many as are wanted (`finding`), and reads nothing from the network.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import nsmallest

from sqlalchemy import Connection, Engine, func, select

from plugin.clock import Clock
from plugin.directory.asking import (
    FROM_ANYWHERE,
    bits_wanted,
    check_moment,
    check_place,
    checked,
    keeper,
    minutes_from,
    physical_reach,
    reaches,
    spoken,
)
from plugin.directory.candidates import (
    Candidate,
    Filter,
    Reach,
    Window,
    candidates,
)
from plugin.directory.finding import (
    Picked,
    Picker,
    occurrence,
    with_days,
)
from plugin.directory.health import feed_statuses
from plugin.directory.importing import Importer, Progress, no_progress
from plugin.directory.listing import FeedOptions
from plugin.directory.meeting import MeetingsWanted, Occurrence, Search
from plugin.directory.places import ANYWHERE
from plugin.directory.reindexing import Reindexer
from plugin.directory.report import FeedStatus, ImportReport
from plugin.directory.rows import Rows, found_by_uid
from plugin.directory.schedule import WEEK, starts
from plugin.directory.sources import FileSource
from plugin.directory.zones import AHEAD_DAYS, BACK_DAYS, DAY, minutes_since_1970
from plugin.store.directory_tables import feeds
from plugin.store.engine import reading

# How far ahead is looked at a time: most searches find what they want in the first.
_STAGES = (48 * 60, WEEK)
_STAGES_ANYWHERE = (6 * 60, 48 * 60, WEEK)

_A_YEAR = timedelta(days=400)
_INDEXED_UNTIL = select(func.min(feeds.c.indexed_until)).where(
    feeds.c.live.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Directory:
    engine: Engine
    clock: Clock

    def search(self, query: Search) -> list[Occurrence]:
        """The meetings that match, by start, then distance, then id.

        Raises: BadSearch.
        """
        checked(query)
        at = query.at - timedelta(minutes=query.begun_minutes)
        end = query.at + timedelta(hours=query.hours)
        window = Window(minutes_from(at), minutes_from(end))
        wanted, keep = bits_wanted(query), keeper(query)
        with reading(self.engine) as connection:
            window = self._known(connection, window)
            rows = Rows(connection)
            for reach in reaches(query):
                picked: list[Picked] = []
                for part in _stages(window, reach, query.limit):
                    found = candidates(connection, query.programs, reach, part, wanted)
                    left = None if query.limit is None else query.limit - len(picked)
                    picked += Picker(rows, part, keep).pick(found, left)
                    if query.limit is not None and len(picked) >= query.limit:
                        break
                if picked:
                    return [occurrence(one) for one in picked]
        return []

    def next_meetings(
        self, wanted: MeetingsWanted
    ) -> Mapping[str, Sequence[Occurrence]]:
        """For each programme its next meetings that this patient can reach.

        Where a place is known and either way of attending will do, near ones come with
        at least one that is joined from anywhere, so that neither hides the other.
        Without a place, only those that can be joined from anywhere.

        Raises: BadSearch.
        """
        check_moment(wanted.at)
        check_place(wanted.near, wanted.within_km)
        if not wanted.programs or wanted.limit < 1:
            return dict.fromkeys(wanted.programs, ())
        begin = minutes_from(wanted.at)
        near: dict[str, list[Picked]] = {}
        joined: dict[str, list[Picked]] = {}
        with reading(self.engine) as connection:
            window = self._known(connection, Window(begin, begin + wanted.hours * 60))
            language = Filter(0, spoken(wanted.language))
            if wanted.attendance != "online" and (wanted.near or wanted.attendance):
                reach = physical_reach(wanted)
                near = _soonest(connection, wanted, reach, window, language)
            if wanted.attendance != "in-person":
                joined = _soonest(connection, wanted, FROM_ANYWHERE, window, language)
            chosen = [
                one
                for program in wanted.programs
                for one in _mixed(near.get(program), joined.get(program), wanted.limit)
            ]
            answer: dict[str, list[Occurrence]] = {one: [] for one in wanted.programs}
            for meeting in with_days(connection, chosen):
                answer[meeting.program].append(meeting)
        return answer

    def occurrence(self, meeting_id: str, at: datetime) -> Occurrence | None:
        """The meeting's first occurrence that does not start before that moment."""
        check_moment(at)
        with reading(self.engine) as connection:
            meeting = found_by_uid(connection, meeting_id)
            if meeting is None or meeting.rule is None or meeting.hidden:
                return None
            if meeting.row.attendance == "inactive":
                return None
            start = next(starts(meeting.rule, at, at + _A_YEAR), None)
            if start is None:
                return None
            minute = minutes_since_1970(start)
            picked = Picked(minute, float("inf"), meeting_id, meeting)
            return with_days(connection, [picked])[0]

    def import_feed(
        self,
        source: FileSource,
        options: FeedOptions,
        *,
        accept_shrunken: bool = False,
        progress: Progress = no_progress,
    ) -> ImportReport:
        """Import a feed as a whole, or leave everything as it was.

        Raises: FeedUnreadable, FeedBusy.
        """
        importer = Importer(self.engine, self.clock, progress, accept_shrunken)
        return importer.run(source, options)

    def renew_index(self) -> list[str]:
        """Write on the index of each feed whose held seasons near their end.

        A search is right without it, only slower. Gives the feeds it was done for.
        """
        return Reindexer(self.engine, self.clock).run()

    def status(self) -> Sequence[FeedStatus]:
        """The health of every feed."""
        return feed_statuses(self.engine, self.clock)

    def _known(self, connection: Connection, window: Window) -> Window:
        """The window, and whether the index holds all the seasons in it."""
        now = minutes_since_1970(self.clock())
        until = connection.execute(_INDEXED_UNTIL).scalar()
        last = now + (AHEAD_DAYS - 2) * DAY
        if until is not None:
            last = min(last, int(until))
        first = now - (BACK_DAYS - 1) * DAY
        return replace(window, exact=first <= window.begin and window.end <= last)


def _stages(window: Window, reach: Reach, limit: int | None) -> Iterator[Window]:
    """The window in parts, each looked at only if those before it gave too little."""
    if limit is None or not window.exact:
        yield window
        return
    begin = window.begin
    anywhere = reach.cells is None or reach.cells == (ANYWHERE,)
    for length in _STAGES_ANYWHERE if anywhere else _STAGES:
        end = min(window.begin + length, window.end)
        if begin < end:
            yield replace(window, begin=begin, end=end)
            begin = end
    if begin < window.end:
        yield replace(window, begin=begin)


def _soonest(
    connection: Connection,
    wanted: MeetingsWanted,
    reach: Reach,
    window: Window,
    language: Filter,
) -> dict[str, list[Picked]]:
    """The first meetings of each programme, all programmes in one pass a stage."""
    found: dict[str, list[Picked]] = {program: [] for program in wanted.programs}
    rows = Rows(connection)
    for part in _stages(window, reach, wanted.limit):
        open_ones = [one for one in found if len(found[one]) < wanted.limit]
        if not open_ones:
            break
        by_program: dict[str, list[Candidate]] = {}
        for one in candidates(connection, open_ones, reach, part, language):
            by_program.setdefault(one.program, []).append(one)
        if part.exact:
            firsts = (nsmallest(wanted.limit, some) for some in by_program.values())
            rows.ahead(one.meeting for some in firsts for one in some)
        for program, some in by_program.items():
            left = wanted.limit - len(found[program])
            found[program] += Picker(rows, part).pick(some, left)
    return found


def _mixed(
    near: list[Picked] | None, joined: list[Picked] | None, limit: int
) -> list[Picked]:
    """Near meetings and joined ones, at least one of each where there are both."""
    near, joined = near or [], joined or []
    here = {one.uid for one in near}
    joined = [one for one in joined if one.uid not in here]
    kept_near = near[: limit - 1] if joined and limit > 1 else near[:limit]
    chosen = kept_near + joined[: limit - len(kept_near)]
    chosen += near[len(kept_near) : len(kept_near) + limit - len(chosen)]
    return sorted(chosen, key=lambda one: one[:3])
