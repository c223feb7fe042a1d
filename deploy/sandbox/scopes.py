"""SMART scopes as the server reads and grants them, in both spellings.

Source: SMART App Launch 2.2, "Scopes and Launch Context". Version 2 writes
`patient/Condition.rs?category=...|...`; version 1 writes `patient/Condition.read`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

from deploy.sandbox.flavours import READABLE, Flavour
from deploy.sandbox.matching import matches
from deploy.sandbox.parameters import PARAMETERS
from deploy.sandbox.wire import Json

SPECIAL = ("launch", "openid", "fhirUser", "online_access")
_SCOPE = re.compile(
    r"(patient|user|system)/(\*|[A-Za-z]+)\.(read|write|\*|(?=[cruds])c?r?u?d?s?)"
    r"(?:\?(.+))?"
)
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope on resources. `letters` are the interactions, in the order cruds."""

    level: str
    kind: str
    letters: str
    filters: tuple[tuple[str, str], ...] = ()

    def allows(self, kind: str, letter: str) -> bool:
        return self.kind in {"*", kind} and letter in self.letters

    def admits(self, resource: Json) -> bool:
        """Does a resource pass the scope's `?` filters?"""
        known = PARAMETERS.get(resource.get("resourceType", ""), {})
        return all(
            name in known and matches(resource, known[name], value)
            for name, value in self.filters
        )


def parse_scope(text: str) -> Scope | None:
    """Read one scope on resources, or None where the text is no such scope."""
    found = _SCOPE.fullmatch(text)
    if found is None:
        return None
    level, kind, letters, query = found.groups()
    filters = tuple(parse_qsl(query or "", keep_blank_values=True))
    return Scope(level, kind, _V1.get(letters, letters), filters)


def parse_scopes(text: str) -> list[Scope]:
    return [scope for part in text.split() if (scope := parse_scope(part))]


def allowed_letters(kind: str, flavour: Flavour) -> str:
    """Give the interactions that a flavour supports on a type, in the order cruds."""
    created = "c" if kind in flavour.creates else ""
    updated = "u" if kind in flavour.updates else ""
    return f"{created}r{updated}s" if kind in READABLE else ""


def granted(
    asked: str, flavour: Flavour, narrowed: Iterable[str] = (), *, own: bool = False
) -> str:
    """Decide what is granted of what was asked, in the flavour's spelling.

    Takes:  the asked scopes, and scopes that are withheld whatever was asked; `own`,
            whether an app asks for itself, which gives system scopes and no others.
    """
    withheld = set(narrowed)
    given: dict[str, None] = {}
    for part in asked.split():
        if part in SPECIAL:
            given |= {} if own else {part: None}
        elif (scope := parse_scope(part)) and (scope.level == "system") is own:
            given |= dict.fromkeys(_granted_one(scope, flavour))
    kept = (text for text in given if text not in withheld)
    return " ".join(text for text in kept if _kind_of(text) not in withheld)


def supported(flavour: Flavour) -> list[str]:
    """List the scopes of the discovery document."""
    listed = list(SPECIAL)
    for level in ("patient", "user"):
        for kind in READABLE:
            scope = Scope(level, kind, allowed_letters(kind, flavour))
            listed += _spelled(scope, v1=flavour.v1_scopes)
    return listed


def _granted_one(scope: Scope, flavour: Flavour) -> Iterator[str]:
    kinds: Sequence[str] = READABLE if scope.kind == "*" else (scope.kind,)
    for kind in kinds:
        able = allowed_letters(kind, flavour)
        letters = "".join(letter for letter in scope.letters if letter in able)
        if letters and not (scope.filters and flavour.v1_scopes):
            narrowed = replace(scope, kind=kind, letters=letters)
            yield from _spelled(narrowed, v1=flavour.v1_scopes)


def _spelled(scope: Scope, *, v1: bool) -> list[str]:
    start = f"{scope.level}/{scope.kind}"
    if not v1:
        query = f"?{urlencode(scope.filters, safe=':/|')}" if scope.filters else ""
        return [f"{start}.{scope.letters}{query}"]
    read = [f"{start}.read"] if set(scope.letters) & set("rs") else []
    return read + ([f"{start}.write"] if set(scope.letters) & set("cud") else [])


def _kind_of(text: str) -> str:
    scope = parse_scope(text)
    return scope.kind if scope else ""
