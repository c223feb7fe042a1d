"""Fault switches: what the sandbox does wrong on purpose, when a test asks for it.

A fault has an effect, says on which calls it works (`on` a kind of call, a resource
type, a site), how many calls it passes by first (`after`) and how often it works
(`times`, for ever where it is None). The effects are those of effects.py.

Kinds of call: discovery, jwks, style, authorize, token, refresh, revoke, metadata,
read, search, create, update; `fhir` means any of the last four.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

FHIR_KINDS = frozenset({"read", "search", "create", "update"})
KINDS = FHIR_KINDS | {
    "discovery",
    "jwks",
    "style",
    "authorize",
    "token",
    "refresh",
    "revoke",
    "metadata",
    "fhir",
}
EFFECTS = frozenset(
    {
        # the connection
        "delay",  # seconds
        "hang",  # seconds, then the connection is dropped
        "drop_before",  # nothing is done, no answer
        "drop_after",  # all is done, no answer
        "commit_late",  # no answer now; it is done after `seconds`
        "truncate",  # keep: share of the body sent; close_delimited: without a length
        "drip",  # seconds between the bytes
        # the answer
        "status",  # code, retry_after, commit: whether the request is carried out
        "redirect",  # location, code
        "body",  # text, content_type, code: sent instead
        "flood",  # megabytes of JSON white space after the answer
        "change",  # set: members put in, remove: members taken out
        "headers",  # set: headers put in, remove: headers taken out
        # FHIR
        "next_link",  # to: cycle, alternate, endless, or an address
        "malformed_entries",
        "foreign_entries",  # patient: whose entries are mixed in
        "ignore_parameters",  # names
        "other_subject",  # patient: the created resource comes back as this one's
        # OAuth
        "other_patient",  # patient: the tokens are this one's
        "claims",  # set, remove: of the id_token, before it is signed
        "narrow",  # scopes: withheld, as whole scopes or as resource types
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One switch. `detail` holds what its effect needs."""

    effect: str
    on: str = ""
    type: str = ""
    site: str = ""
    after: int = 0
    times: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS:
            raise ValueError(f"no effect {self.effect}; known: {sorted(EFFECTS)}")
        if self.on and self.on not in KINDS:
            raise ValueError(f"no kind of call {self.on}; known: {sorted(KINDS)}")

    def works_on(self, kind: str, resource_type: str, site: str) -> bool:
        return (
            (
                not self.on
                or self.on == kind
                or (self.on == "fhir" and kind in FHIR_KINDS)
            )
            and (not self.type or self.type == resource_type)
            and (not self.site or self.site == site)
        )


class Faults:
    """The switches that are set. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: list[tuple[Fault, int]] = []  # with the number of calls seen

    def add(
        self,
        effect: str,
        *,
        on: str = "",
        type: str = "",  # noqa: A002
        site: str = "",
        after: int = 0,
        times: int | None = None,
        **detail: Any,
    ) -> Fault:
        """Set a switch; keyword arguments that are not named here are its detail."""
        fault = Fault(effect, on, type, site, after, times, detail)
        with self._lock:
            self._set.append((fault, 0))
        return fault

    def clear(self) -> None:
        with self._lock:
            self._set.clear()

    def remove(self, fault: Fault) -> None:
        with self._lock:
            self._set = [pair for pair in self._set if pair[0] is not fault]

    def take(self, kind: str, resource_type: str, site: str) -> Sequence[Fault]:
        """Give the faults that work on this call, and count it for each."""
        taken: list[Fault] = []
        with self._lock:
            for index, (fault, seen) in enumerate(self._set):
                if not fault.works_on(kind, resource_type, site):
                    continue
                self._set[index] = (fault, seen + 1)
                last = None if fault.times is None else fault.after + fault.times
                if seen >= fault.after and (last is None or seen < last):
                    taken.append(fault)
        return taken

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {**asdict(fault), "detail": dict(fault.detail), "seen": seen}
                for fault, seen in self._set
            ]

    def add_json(self, wanted: Mapping[str, Any]) -> Fault:
        """Set a switch told as JSON: the names of `add`, the detail beside them.

        Raises: ValueError, TypeError for what cannot be a fault.
        """
        return self.add(**cast("dict[str, Any]", dict(wanted)))
