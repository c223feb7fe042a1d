"""When a meeting is, by the clock of whoever goes there.

A meeting in person is at the clock of its place. One that is joined from elsewhere is
at the clock of the clinic, which is the patient's; the meeting's own stands behind it
where the two differ.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from plugin.screens.words import Words


def own_start(starts: datetime, attendance: str, home: tzinfo | None) -> datetime:
    """The start by the patient's clock.

    Takes: `home`, the clinic's zone; UTC or None where it is not known, and then the
           meeting's own clock stands.
    """
    if attendance != "online" or home is None or home is UTC:
        return starts
    return starts.astimezone(home)


def zones(
    starts: datetime, attendance: str, zone: str, home: tzinfo | None, words: Words
) -> str:
    """What follows the time of an online meeting: its zone, and the other's clock.

    Takes: `zone`, the meeting's own as an IANA name, or "".
    """
    if attendance != "online":
        return ""
    own = own_start(starts, attendance, home)
    if own.utcoffset() == starts.utcoffset():
        return f" {words.zone(starts, zone)}"
    theirs = f"{words.clock(starts)} {words.zone(starts, zone)}"
    there = words.say("%(time)s there", time=theirs)
    return f" {words.zone(own, '')} ({there})"
