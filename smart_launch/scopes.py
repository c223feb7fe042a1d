"""SMART scopes, versions 1 and 2, as a small algebra.

Source: SMART App Launch 2.2, "Scopes and launch context".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["patient", "user", "system"]

_LEVELS: tuple[Level, ...] = ("patient", "user", "system")
# A level's right implies the same right one level down: who may read every patient
# may read this one.
_COVERED_BY: dict[str, tuple[str, ...]] = {
    "patient": ("patient", "user", "system"),
    "user": ("user", "system"),
    "system": ("system",),
}
_LETTERS = "cruds"
_V1 = {"read": "rs", "write": "cud", "*": _LETTERS}
_RESOURCE_SCOPE = re.compile(
    r"(?P<level>patient|user|system)/(?P<resource>\*|[A-Z][A-Za-z]{1,63})"
    r"\.(?P<rights>read|write|\*|c?r?u?d?s?)(?:\?(?P<query>[!-~]+))?"
)
# RFC 6749 appendix A.4: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE_TOKEN = re.compile(r"[!#-\[\]-~]+")
_MAX_TEXT = 16_384
_ACCESS_KINDS = {
    "online_access": "permission-online",
    "offline_access": "permission-offline",
}


@dataclass(frozen=True, slots=True)
class ResourceScope:
    """`rights` is a subset of "cruds" in that order; `query` the part after `?`."""

    level: Level
    resource: str
    rights: str
    query: str | None = None

    def __str__(self) -> str:
        query = f"?{self.query}" if self.query else ""
        return f"{self.level}/{self.resource}.{self.rights}{query}"

    def as_v1(self) -> tuple[str, ...]:
        """The spelling of SMART 1.0, which may mean more than this scope."""
        names = [
            name
            for name, letters in (("read", "rs"), ("write", "cud"))
            if set(self.rights) & set(letters)
        ]
        return tuple(f"{self.level}/{self.resource}.{name}" for name in names)


@dataclass(frozen=True, slots=True)
class Scopes:
    """A set of scopes: `resources` (rights to data) and `others` (everything else)."""

    resources: frozenset[ResourceScope] = frozenset()
    others: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str | Iterable[str]) -> Scopes:
        """Read a scope string; what is not a scope by RFC 6749 is left out.

        A token that looks like a right to data but is none in either version (for
        example `patient/Condition.sr`) gives no right: it is kept among `others`.
        """
        tokens = text[:_MAX_TEXT].split(" ") if isinstance(text, str) else text
        resources: set[ResourceScope] = set()
        others: set[str] = set()
        for token in tokens:
            if _SCOPE_TOKEN.fullmatch(token) is None:
                continue
            scope = _resource_scope(token)
            if scope is None:
                others.add(token)
            else:
                resources.add(scope)
        return cls(frozenset(resources), frozenset(others))

    def __str__(self) -> str:
        return " ".join(self)

    def __iter__(self) -> Iterator[str]:
        """The scopes in the v2 spelling, in a stable order."""
        yield from sorted(self.others)
        yield from sorted(str(scope) for scope in self.resources)

    def __contains__(self, scope: object) -> bool:
        return scope in self.others

    def covers(self, resource: str, interaction: str, level: Level = "patient") -> bool:
        """Whether the right is there without any constraint.

        Takes: `interaction`, letters of "cruds" ("r" to read, "s" to search, "c" to
               create ...), all of which must be covered.
        """
        return self._rights(resource, level, constrained=False) >= set(interaction)

    def touches(
        self, resource: str, interaction: str, level: Level = "patient"
    ) -> bool:
        """Whether the right is there at least in part, behind a `?` constraint.

        What is read with such a right is not all there is.
        """
        return self._rights(resource, level, constrained=True) >= set(interaction)

    def _rights(self, resource: str, level: Level, *, constrained: bool) -> set[str]:
        return {
            letter
            for scope in self.resources
            if scope.level in _COVERED_BY[level]
            and scope.resource in ("*", resource)
            and (constrained or scope.query is None)
            for letter in scope.rights
        }

    def within(self, asked: Scopes) -> Scopes:
        """These scopes, cut to what was asked: more than that is not taken."""
        kept: dict[_Place, set[str]] = {}
        for wanted in asked.resources:
            for scope in self.resources:
                place = _common_place(wanted, scope)
                rights = set(wanted.rights) & set(scope.rights)
                if place is not None and rights:
                    kept.setdefault(place, set()).update(rights)
        resources = frozenset(
            ResourceScope(level, resource, _in_order(rights), query)
            for (level, resource, query), rights in kept.items()
        )
        return Scopes(resources, self.others & asked.others)


_Place = tuple[Level, str, str | None]


def _common_place(left: ResourceScope, right: ResourceScope) -> _Place | None:
    """The level, resource and constraint that both allow, if there are such."""
    resource = _narrower(left.resource, right.resource)
    level = min(left.level, right.level, key=_LEVELS.index)
    query = left.query or right.query
    if resource is None or right.query not in (None, query):
        return None  # two constraints together have no spelling
    return level, resource, query


def _narrower(left: str, right: str) -> str | None:
    if right in (left, "*"):
        return left
    return right if left == "*" else None


def _in_order(letters: Collection[str]) -> str:
    return "".join(letter for letter in _LETTERS if letter in letters)


def _resource_scope(token: str) -> ResourceScope | None:
    found = _RESOURCE_SCOPE.fullmatch(token)
    if found is None:
        return None
    rights = _V1.get(found["rights"], found["rights"])
    if not rights or (found["rights"] in _V1 and found["query"]):
        return None
    level: Level = next(one for one in _LEVELS if one == found["level"])
    return ResourceScope(level, found["resource"], rights, found["query"])


def least_asked(
    wanted: Iterable[str],
    supported: Collection[str],
    capabilities: Collection[str] = (),
) -> tuple[str, ...]:
    """What to ask this server for: of what is wanted, what it lists, as it spells it.

    A server that lists no right to data at all is asked for every right wanted.
    `online_access` and `offline_access` are asked for only where they are listed, as
    a scope or as a capability.

    Takes: `supported` and `capabilities`, from the discovery document.
    """
    want = Scopes.parse(wanted)
    listed = Scopes.parse(supported)
    rights = listed.within(want) if listed.resources else want
    asked = [
        scope
        for scope in sorted(want.others)
        if scope not in _ACCESS_KINDS
        or scope in listed.others
        or _ACCESS_KINDS[scope] in capabilities
    ]
    asked += _spelled(rights, v2=speaks_v2(supported, capabilities))
    return tuple(asked)


def least_of_own(
    wanted: Iterable[str],
    supported: Collection[str],
    capabilities: Collection[str] = (),
) -> tuple[str, ...]:
    """What an app asks for in its own name: the same, for system scopes alone.

    A server that lists no system scope, as many do that grant them, is asked for all.
    """
    want, own = (_of_the_app(Scopes.parse(scopes)) for scopes in (wanted, supported))
    rights = own.within(want) if own.resources else want
    return tuple(_spelled(rights, v2=speaks_v2(supported, capabilities)))


def _of_the_app(scopes: Scopes) -> Scopes:
    return Scopes(frozenset(one for one in scopes.resources if one.level == "system"))


def _spelled(rights: Scopes, *, v2: bool) -> list[str]:
    resources = sorted(rights.resources, key=str)
    if v2:
        return [str(scope) for scope in resources]
    # In one pass over a dict: several v2 scopes may become one of version 1.
    return list(dict.fromkeys(name for scope in resources for name in scope.as_v1()))


def speaks_v2(supported: Collection[str], capabilities: Collection[str]) -> bool:
    """Whether the server knows the v2 spelling: it says so, or lists such a scope.

    One that says nothing at all is taken to be of today.
    """
    if "permission-v2" in capabilities:
        return True
    if "permission-v1" in capabilities:
        return False
    found = [_RESOURCE_SCOPE.fullmatch(token) for token in supported]
    first = [one["rights"] in _V1 for one in found if one is not None]
    return not all(first) if first else not capabilities
