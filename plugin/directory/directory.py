"""The directory of meetings: the one door for those who ask it.

A search looks up the covering index for candidates (`candidates`), works out the exact
moments of as many as are wanted (`finding`), and reads nothing from the network.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import nsmallest
from typing import TypeVar

from sqlalchemy import Engine, select

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
    Index,
    Reach,
    Window,
    candidates,
)
from plugin.directory.errors import FeedReplaced
from plugin.directory.finding import (
    Picked,
    Picker,
    occurrence,
    with_days,
)
from plugin.directory.health import feed_statuses
from plugin.directory.importing import Importer
from plugin.directory.listing import FeedOptions
from plugin.directory.lookup import Lookup, looking
from plugin.directory.meeting import MeetingsWanted, Occurrence, Search
from plugin.directory.origins import Live, LiveFeeds
from plugin.directory.places import ANYWHERE
from plugin.directory.progress import Progress, no_progress
from plugin.directory.reindexing import Reindexer
from plugin.directory.report import FeedStatus, ImportReport
from plugin.directory.rows import Rows, row_by_uid
from plugin.directory.schedule import WEEK, starts
from plugin.directory.sources import FileSource
from plugin.directory.zones import AHEAD_DAYS, BACK_DAYS, DAY, minutes_since_1970
from plugin.store.directory_tables import feeds
from plugin.store.engine import reading
from plugin.store.errors import StoreUnavailable

# How far ahead is looked at a time: most searches find what they want in the first.
_STAGES = (16 * 60, 48 * 60, WEEK)
_STAGES_ANYWHERE = (6 * 60, 48 * 60, WEEK)
_FEW = 5  # more than these are not found in the first part near by

_A_YEAR = timedelta(days=400)
_TRIES = 5
_ANY = "SELECT 1 FROM meeting_slots"
_LIVE = "version IN (SELECT live FROM feeds)"

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Directory:
    engine: Engine
    clock: Clock
    _live: LiveFeeds = field(default_factory=LiveFeeds, repr=False, compare=False)

    def search(self, query: Search) -> list[Occurrence]:
        """The meetings that match, by start, then distance, then id.

        Raises: BadSearch.
        """
        checked(query)
        return self._looked_up(lambda lookup: self._found(lookup, query))

    def _found(self, lookup: Lookup, query: Search) -> list[Occurrence]:
        at = query.at - timedelta(minutes=query.begun_minutes)
        end = query.at + timedelta(hours=query.hours)
        live = self._asked(lookup)
        window = self._known(live, minutes_from(at), minutes_from(end))
        wanted, keep = bits_wanted(query), keeper(query)
        index, rows = Index(lookup, live), Rows(lookup)
        for reach in reaches(query):
            picked: list[Picked] = []
            for part in _stages(window, reach, query.limit):
                found = candidates(index, query.programs, reach, part, wanted)
                left = None if query.limit is None else query.limit - len(picked)
                picked += Picker(rows, part, keep).pick(found, left)
                if query.limit is not None and len(picked) >= query.limit:
                    break
            if picked:
                return [occurrence(one, live.origins) for one in picked]
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
        return self._looked_up(lambda lookup: self._next(lookup, wanted))

    def _next(
        self, lookup: Lookup, wanted: MeetingsWanted
    ) -> dict[str, list[Occurrence]]:
        begin = minutes_from(wanted.at)
        live = self._asked(lookup)
        window = self._known(live, begin, begin + wanted.hours * 60)
        language = Filter(0, spoken(wanted.language))
        asked = _Asked(Index(lookup, live), wanted, window, language)
        near: dict[str, list[Picked]] = {}
        joined: dict[str, list[Picked]] = {}
        if wanted.attendance != "online" and (wanted.near or wanted.attendance):
            near = _soonest(asked, physical_reach(wanted))
        if wanted.attendance != "in-person":
            joined = _soonest(asked, FROM_ANYWHERE)
        chosen = [
            one
            for program in wanted.programs
            for one in _mixed(near.get(program), joined.get(program), wanted.limit)
        ]
        answer: dict[str, list[Occurrence]] = {one: [] for one in wanted.programs}
        for meeting in with_days(lookup, chosen, live.origins):
            answer[meeting.program].append(meeting)
        return answer

    def occurrence(self, meeting_id: str, at: datetime) -> Occurrence | None:
        """The meeting's first occurrence that does not start before that moment."""
        check_moment(at)
        return self._looked_up(lambda lookup: self._one(lookup, meeting_id, at))

    def _one(self, lookup: Lookup, meeting_id: str, at: datetime) -> Occurrence | None:
        meeting = row_by_uid(lookup, meeting_id)
        if meeting is None or meeting.rule is None or meeting.hidden:
            return None
        if meeting.attendance == "inactive":
            return None
        start = next(starts(meeting.rule, at, at + _A_YEAR), None)
        if start is None:
            return None
        told, minute = Rows(lookup).of(meeting.id), minutes_since_1970(start)
        picked = Picked(minute, float("inf"), meeting_id, told)
        return with_days(lookup, [picked], self._asked(lookup).origins)[0]

    def lists(self, program: str) -> bool:
        """Whether any meeting of the programme is in a feed."""
        with looking(self.engine) as lookup:
            sql = f"{_ANY} WHERE program = ? AND {_LIVE} LIMIT 1"
            return bool(lookup.rows(sql, (program,)))

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
        self._live.forget()
        return Reindexer(self.engine, self.clock).run()

    def status(self) -> Sequence[FeedStatus]:
        """The health of every feed."""
        return feed_statuses(self.engine, self.clock)

    def state(self) -> tuple[int, str]:
        """The newest import that is searched; and a digest of all that are.

        The same digest means the same meetings: a feed's import is never changed.
        """
        live = select(feeds.c.id, feeds.c.live).where(feeds.c.live.is_not(None))
        with reading(self.engine) as connection:
            rows = connection.execute(live.order_by(feeds.c.id)).all()
        words = " ".join(f"{row.id}:{row.live}" for row in rows)
        newest = max((row.live for row in rows), default=0)
        return newest, hashlib.sha256(words.encode()).hexdigest()

    def _looked_up(self, look: Callable[[Lookup], Answer]) -> Answer:
        """What was found; looked up anew where a feed was replaced meanwhile."""
        for _ in range(_TRIES):
            try:
                with looking(self.engine) as lookup:
                    return look(lookup)
            except FeedReplaced:
                self._live.forget()
        raise StoreUnavailable("feeds are replaced faster than they can be read")

    def _asked(self, lookup: Lookup) -> Live:
        return self._live.asked(lookup, minutes_since_1970(self.clock()))

    def _known(self, live: Live, begin: int, end: int) -> Window:
        """The window, and whether the index holds all the seasons in it."""
        now = minutes_since_1970(self.clock())
        # An import that has ended since they were asked holds this much at least.
        last = min(live.indexed_until, now + (AHEAD_DAYS - 2) * DAY)
        first = now - (BACK_DAYS - 1) * DAY
        return Window(begin, end, first <= begin and end <= last)


def _stages(window: Window, reach: Reach, limit: int | None) -> Iterator[Window]:
    """The window in parts, each looked at only if those before it gave too little."""
    if limit is None or not window.exact:
        yield window
        return
    begin = window.begin
    anywhere = reach.cells is None or reach.cells == (ANYWHERE,)
    near_by = _STAGES if limit <= _FEW else _STAGES[1:]
    for length in _STAGES_ANYWHERE if anywhere else near_by:
        end = min(window.begin + length, window.end)
        if begin < end:
            yield Window(begin, end)
            begin = end
    if begin < window.end:
        yield Window(begin, window.end)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is the same for near meetings and for those joined from anywhere."""

    index: Index
    wanted: MeetingsWanted
    window: Window
    language: Filter


def _soonest(asked: _Asked, reach: Reach) -> dict[str, list[Picked]]:
    """The first meetings of each programme, all programmes in one pass a stage."""
    index, limit = asked.index, asked.wanted.limit
    found: dict[str, list[Picked]] = {program: [] for program in asked.wanted.programs}
    rows = Rows(index.lookup)
    for part in _stages(asked.window, reach, limit):
        open_ones = [one for one in found if len(found[one]) < limit]
        if not open_ones:
            break
        by_program: dict[str, list[Candidate]] = {}
        for one in candidates(index, open_ones, reach, part, asked.language):
            by_program.setdefault(one[4], []).append(one)
        if part.exact:
            firsts = (nsmallest(limit, some) for some in by_program.values())
            rows.ahead(one[2] for some in firsts for one in some)
        for program, some in by_program.items():
            left = limit - len(found[program])
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
