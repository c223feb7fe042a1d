"""What the clinic promised: on paper only where a person by name has taken it on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Literal

import orjson

from plugin.screens.words import Words

Kind = Literal["call", "visit"]
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Promise:
    kind: Kind
    on: date
    by: str  # who calls, or whom the patient sees

    def to_bytes(self) -> bytes:
        return orjson.dumps(asdict(self))


def promise_of(kind: str, on: str, by: str, today: date) -> Promise | None:
    """A promise that somebody keeps; None where the day or the name is lacking."""
    name = " ".join(by.split())[:LONGEST_NAME]
    try:
        day = date.fromisoformat(on)
    except ValueError:
        return None
    if not name or day < today:
        return None
    return Promise("visit" if kind == "visit" else "call", day, name)


def promise_from(stored: bytes | None, today: date) -> Promise | None:
    """The promise as it was kept; one whose day has passed is none any more."""
    if not stored:
        return None
    try:
        values = orjson.loads(stored)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(values, dict):
        return None
    said = {name: str(values.get(name, "")) for name in ("kind", "on", "by")}
    return promise_of(said["kind"], said["on"], said["by"], today)


def promised(promise: Promise, words: Words) -> str:
    day = words.spelled_date(promise.on)
    if promise.kind == "visit":
        return words.say(
            "Your next visit: %(day)s, with %(name)s.", day=day, name=promise.by
        )
    return words.say("We will call you: %(day)s, %(name)s.", day=day, name=promise.by)
