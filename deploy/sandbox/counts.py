"""Counts every call and every write: what really arrived, for tests to compare with."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 200_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request that arrived. `kind` as in faults.py; `site` is the issuer's name."""

    site: str
    kind: str
    type: str
    method: str
    path: str
    query: str
    status: int  # 0 where no answer was sent


@dataclass(frozen=True, slots=True)
class Write:
    """One resource that was kept because of a request."""

    site: str
    interaction: str  # create or update
    type: str
    id: str
    patient: str
    identifiers: tuple[str, ...]


class Counts:
    """The tallies of one sandbox. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=_KEPT)
        self._writes: deque[Write] = deque(maxlen=_KEPT)
        self._wrong_patient = 0
        self._being_served = 0
        self._most_at_once = 0

    def arrive(self) -> None:
        with self._lock:
            self._being_served += 1
            self._most_at_once = max(self._most_at_once, self._being_served)

    def leave(self) -> None:
        with self._lock:
            self._being_served -= 1

    @property
    def most_at_once(self) -> int:
        """How many calls were being served at the same time, at the most."""
        return self._most_at_once

    def add_call(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    def add_write(self, write: Write) -> None:
        with self._lock:
            self._writes.append(write)

    def add_wrong_patient(self) -> None:
        with self._lock:
            self._wrong_patient += 1

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
            self._writes.clear()
            self._wrong_patient = 0
            self._most_at_once = self._being_served

    @property
    def wrong_patient(self) -> int:
        """How often a token was used for a patient it was not given for."""
        return self._wrong_patient

    def calls(
        self,
        kind: str = "",
        type: str = "",  # noqa: A002
        site: str = "",
    ) -> Sequence[Call]:
        """Give the calls; of a kind, a resource type, a site where these are named."""
        with self._lock:
            return [
                call
                for call in self._calls
                if (not kind or call.kind == kind)
                and (not type or call.type == type)
                and (not site or call.site == site)
            ]

    def writes(
        self,
        type: str = "",  # noqa: A002
        identifier: str = "",
        site: str = "",
        interaction: str = "create",
    ) -> Sequence[Write]:
        """Give the writes; `identifier` is the value of one, or its beginning and *."""
        with self._lock:
            return [
                write
                for write in self._writes
                if (not type or write.type == type)
                and (not site or write.site == site)
                and write.interaction == interaction
                and _bears(write, identifier)
            ]

    def as_json(self) -> dict[str, Any]:
        """Give the tallies: calls by kind and type, and every write."""
        with self._lock:
            calls: dict[str, int] = {}
            for call in self._calls:
                name = f"{call.kind} {call.type}".strip()
                calls[name] = calls.get(name, 0) + 1
            return {
                "calls": dict(sorted(calls.items())),
                "writes": [asdict(write) for write in self._writes],
                "wrong_patient": self._wrong_patient,
                "most_at_once": self._most_at_once,
            }


def _bears(write: Write, identifier: str) -> bool:
    if identifier.endswith("*"):
        return any(value.startswith(identifier[:-1]) for value in write.identifiers)
    return not identifier or identifier in write.identifiers
