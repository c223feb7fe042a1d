"""What has been decided on the screens and not signed yet: kept on the server.

A draft lives as long as its launch. It is stored as JSON bytes with the context; the
browser keeps nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, cast

import orjson

from plugin.matching.recommendation import Preferences

Withdrawal = Literal["low", "plan", "not_asked"]
PlaceChoice = Literal["home", "none"]
MOST_CHOICES = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What was done about a warning; `follow_up` is an ISO date or ""."""

    text: str = ""
    follow_up: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    preferences: Preferences = field(default_factory=Preferences)
    place: PlaceChoice = "home"
    dropped_needs: tuple[str, ...] = ()
    added_needs: tuple[str, ...] = ()
    picks: tuple[str, ...] = ()  # in the order in which they were chosen
    meetings: Mapping[str, str] = field(default_factory=dict)  # programme -> id or ""
    shown_too: tuple[str, ...] = ()  # put on the list by hand
    left_out: Mapping[str, str] = field(default_factory=dict)  # programme -> reason
    sessions: tuple[str, ...] = ()
    # guide -> summary field -> answer, for the note
    guides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    withdrawal: Withdrawal = "not_asked"
    answers: Mapping[str, Answer] = field(default_factory=dict)
    agreement: str = ""
    note: str | None = None  # None: the note as drafted
    encounter: str = ""  # the visit that was chosen, where the launch names none
    restored: bool = False  # from a session that ran out
    key: str = ""  # what makes a second press of Sign the same signature

    def to_bytes(self) -> bytes:
        return orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS)

    def undecided(self) -> Draft:
        """The same wishes, with nothing chosen: after signing."""
        return replace(
            self,
            picks=(),
            meetings={},
            sessions=(),
            guides={},
            agreement="",
            note=None,
            key="",
        )


def restored(stored: bytes) -> Draft:
    """A draft of a session that ran out, as it may be gone on with.

    What was said of the patient's safety is asked again, and the visit: they are of
    another hour.
    """
    draft = draft_from(stored)
    return replace(
        draft,
        answers={},
        withdrawal="not_asked",
        agreement="",
        encounter="",
        key="",
        restored=True,
    )


def draft_from(stored: bytes | None) -> Draft:
    """Read a stored draft; one of an older form gives what it still has."""
    if not stored:
        return Draft()
    try:
        values = orjson.loads(stored)
    except orjson.JSONDecodeError:
        return Draft()
    if not isinstance(values, dict):
        return Draft()
    return _draft(cast("dict[str, Any]", values))


def _draft(values: dict[str, Any]) -> Draft:
    known = {f.name for f in fields(Draft)}
    kept = {name: value for name, value in values.items() if name in known}
    kept["preferences"] = _preferences(values.get("preferences") or {})
    kept["answers"] = {
        warning: Answer(str(given.get("text", "")), str(given.get("follow_up", "")))
        for warning, given in (values.get("answers") or {}).items()
    }
    for name in ("dropped_needs", "added_needs", "picks", "shown_too", "sessions"):
        kept[name] = tuple(values.get(name) or ())
    return Draft(**kept)


def _preferences(values: dict[str, Any]) -> Preferences:
    known = {f.name for f in fields(Preferences)}
    kept = {name: value for name, value in values.items() if name in known}
    kept["picks"] = tuple(kept.get("picks") or ())
    return Preferences(**kept)
