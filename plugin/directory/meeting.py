"""What a meeting is, wherever its feed came from: value types only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Attendance = Literal["in-person", "online", "hybrid"]
Precision = Literal["exact", "approximate", "none"]


# Not frozen, though nothing changes one: twenty are made in a search, and each would
# take seven times as long.
@dataclass(slots=True, unsafe_hash=True)
class Occurrence:
    """One meeting on one day, as a patient could attend it.

    `starts` carries the meeting's own UTC offset. `km` is the great-circle distance to
    the place asked for: None for an online meeting, an approximate place, or where no
    place was asked for.
    """

    id: str
    feed: str
    key: str
    program: str
    name: str
    starts: datetime
    minutes: int
    attendance: Attendance
    km: float | None = None
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    venue: str = ""
    address: str = ""  # street, town: in the form of the feed
    precision: Precision = "exact"
    timezone: str = ""  # IANA
    url: str = ""  # https page of the meeting, else ""
    join_url: str = ""  # https address of the online meeting, else ""
    phone: str = ""
    demo: bool = False  # invented, for demonstration
    feed_fetched: datetime | None = None  # UTC
    times_a_week: int = 1  # days on which the same group meets at the same place
    sources: tuple[str, ...] = ()  # ids of the same meeting in other feeds
    trusted: bool = False  # this hospital knows the group
    liaison: str = ""  # its volunteer for newcomers: first name and telephone
    latitude: float | None = None  # of the place; None for one online
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class MeetingsWanted:
    """What matching asks of a directory for each programme."""

    programs: tuple[str, ...]
    at: datetime
    near: Place | None = None
    within_km: float = 50.0
    hours: int = 14 * 24
    attendance: Literal["in-person", "online"] | None = None
    language: str | None = None
    limit: int = 3  # for each programme


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked of the directory on its own account.

    With `near`, only meetings within `within_km` are found, and those joined from
    anywhere when none is; `in-person` and `online` each find hybrid meetings too.
    """

    programs: tuple[str, ...]
    at: datetime
    hours: float = 48
    near: Place | None = None
    within_km: float = 50.0
    attendance: Attendance | None = None
    tags: tuple[str, ...] = ()  # all of them
    language: str | None = None
    weekdays: frozenset[int] = frozenset()  # local, 0 Monday; empty: any
    earliest: int = 0  # local minute of the day, inclusive
    latest: int = 24 * 60  # exclusive
    begun_minutes: int = 0  # also what began so many minutes ago
    limit: int | None = 20
