"""One row of a feed in the common model, before it has a zone and a place in time."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from plugin.directory.meeting import Precision

# Inactive: closed for now, or without any way to attend. Stored, never recommended.
Standing = Literal["in-person", "online", "hybrid", "inactive"]


class Timing(NamedTuple):
    """When a meeting starts, on its own wall clock.

    `weekday` is 0 for Monday; with `start` None the meeting is by appointment. `rrule`
    is an RFC 5545 rule, "" for every week on `weekday`.
    """

    weekday: int | None
    start: int | None  # minutes after midnight
    rrule: str = ""
    first_date: str = ""  # ISO; what INTERVAL, COUNT and UNTIL count from
    except_dates: tuple[str, ...] = ()  # ISO


class Listing(NamedTuple):
    """What is kept of one source row. What has no field here is dropped."""

    key: str
    name: str
    timings: tuple[Timing, ...]
    minutes: int = 60
    zone: str = ""  # IANA, as the row states it
    attendance: Standing = "in-person"
    precision: Precision = "exact"
    program: str = ""  # "" for the feed's own
    venue: str = ""
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None
    codes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    url: str = ""
    join_url: str = ""
    phone: str = ""  # of the service body; never a person's
    notes: str = ""
    organisation: str = ""
    updated: str = ""
    group: str = ""  # what its meetings have in common, where the feed names it


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was not stored. `row` counts from 1."""

    row: int
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What whoever names a feed says of it."""

    feed: str
    program: str
    format: str
    timezone: str = ""  # IANA, for rows that state none
    language: str = "en"  # ISO 639-1, for rows that state none
    licence: str = ""
    demo: bool = False
