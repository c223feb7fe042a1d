"""What an EHR's FHIR server says that it can do.

Source: https://hl7.org/fhir/R4/capabilitystatement.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

KEPT_FOR = 600.0  # seconds
_MOST_WORDS = 4_000


@dataclass(frozen=True, slots=True)
class ResourceCapability:
    interactions: frozenset[str] = frozenset()
    search_params: frozenset[str] = frozenset()
    conditional_create: bool = False
    profiles: tuple[str, ...] = ()
    documentation: str = ""


_NOTHING = ResourceCapability()


@dataclass(frozen=True, slots=True)
class CapabilityStatement:
    fhir_version: str
    software: str
    resources: Mapping[str, ResourceCapability]
    system_interactions: frozenset[str] = frozenset()

    def can(self, resource: str, interaction: str) -> bool:
        """Whether the server declares it: "read", "search-type", "create", "update"."""
        return interaction in self.resources.get(resource, _NOTHING).interactions

    def search_params(self, resource: str) -> frozenset[str]:
        return self.resources.get(resource, _NOTHING).search_params

    def conditional_create(self, resource: str) -> bool:
        return self.resources.get(resource, _NOTHING).conditional_create

    def documentation(self, resource: str) -> str:
        """What the server says of a resource, and of creating one, in its own words.

        Gives:  at most 4,000 letters.
        """
        return self.resources.get(resource, _NOTHING).documentation


def read_capabilities(document: Mapping[str, Any]) -> CapabilityStatement:
    """Read tolerantly: what is malformed is not declared."""
    resources: dict[str, ResourceCapability] = {}
    system: set[str] = set()
    for rest in _objects(document.get("rest")):
        if rest.get("mode") != "server":
            continue
        system.update(_codes(rest.get("interaction"), "code"))
        for entry in _objects(rest.get("resource")):
            kind = entry.get("type")
            if isinstance(kind, str):
                resources[kind] = ResourceCapability(
                    interactions=frozenset(_codes(entry.get("interaction"), "code")),
                    search_params=frozenset(_codes(entry.get("searchParam"), "name")),
                    conditional_create=entry.get("conditionalCreate") is True,
                    profiles=_profiles(entry),
                    documentation=_documentation(entry),
                )
    software = document.get("software")
    name = software.get("name") if isinstance(software, dict) else None
    version = document.get("fhirVersion")
    return CapabilityStatement(
        fhir_version=version if isinstance(version, str) else "",
        software=name[:200] if isinstance(name, str) else "",
        resources=resources,
        system_interactions=frozenset(system),
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return (
        [one for one in value if isinstance(one, dict)]
        if isinstance(value, list)
        else []
    )


def _codes(value: Any, key: str) -> list[str]:
    codes = (one.get(key) for one in _objects(value))
    return [code for code in codes if isinstance(code, str)]


def _documentation(entry: Mapping[str, Any]) -> str:
    """The words on the resource itself, then those on its create."""
    interactions = _objects(entry.get("interaction"))
    told = [entry, *(one for one in interactions if one.get("code") == "create")]
    words = [one.get("documentation") for one in told]
    return "\n".join(word for word in words if isinstance(word, str))[:_MOST_WORDS]


def _profiles(entry: Mapping[str, Any]) -> tuple[str, ...]:
    listed = entry.get("supportedProfile")
    every = [entry.get("profile"), *(listed if isinstance(listed, list) else [])]
    return tuple(one for one in every if isinstance(one, str))


@dataclass(slots=True)
class Capabilities:
    """Statements that were read lately, by registration id."""

    monotonic: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, CapabilityStatement]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def recall(self, registration_id: str) -> CapabilityStatement | None:
        with self._lock:
            kept = self._kept.get(registration_id)
        if kept is None or self.monotonic() - kept[0] >= KEPT_FOR:
            return None
        return kept[1]

    def keep(self, registration_id: str, statement: CapabilityStatement) -> None:
        with self._lock:
            self._kept[registration_id] = (self.monotonic(), statement)
