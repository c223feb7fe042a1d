"""The records of one issuer: what is kept, in which version, and whose it is."""

import copy
import threading
from collections.abc import Iterable, Sequence

from deploy.sandbox.moments import Clock
from deploy.sandbox.wire import Json

# The element that names the patient, where it is not `subject`.
_PATIENT_ELEMENT = {"Consent": "patient", "Task": "for"}
_SEVERAL = {"Provenance": "target"}


class Records:
    """Resources by type and id. Every method may be called from any thread."""

    def __init__(self, clock: Clock, resources: Iterable[Json] = ()) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._kept: dict[str, dict[str, Json]] = {}
        self._number = 1000
        for resource in resources:
            self.keep(copy.deepcopy(resource))

    def read(self, kind: str, identity: str) -> Json | None:
        with self._lock:
            found = self._kept.get(kind, {}).get(identity)
            return copy.deepcopy(found)

    def all(self, kind: str) -> list[Json]:
        """Give every resource of a type, in the order in which they were kept."""
        with self._lock:
            return list(self._kept.get(kind, {}).values())

    def of_patient(self, kind: str, patient: str) -> list[Json]:
        return [
            copy.deepcopy(found)
            for found in self.all(kind)
            if patient in self.patients_of(found)
        ]

    def keep(self, resource: Json) -> Json:
        """Keep a resource as a new version, under a new id where it has none."""
        with self._lock:
            kind = resource["resourceType"]
            identity = resource.get("id") or self._new_id(kind)
            before = self._kept.setdefault(kind, {}).get(identity)
            version = int(before["meta"]["versionId"]) + 1 if before else 1
            now = self._clock().isoformat(timespec="milliseconds")
            meta = {**resource.get("meta", {})}
            meta |= {"versionId": str(version), "lastUpdated": now}
            kept = {"resourceType": kind, "id": identity, "meta": meta}
            kept |= {k: v for k, v in resource.items() if k not in kept}
            self._kept[kind][identity] = kept
            return copy.deepcopy(kept)

    def remove(self, kind: str, identity: str) -> None:
        with self._lock:
            self._kept.get(kind, {}).pop(identity, None)

    def holds(self, reference: str) -> bool:
        """Does this relative reference point at a resource that is here?"""
        kind, _, identity = reference.partition("/_history/")[0].partition("/")
        with self._lock:
            return identity in self._kept.get(kind, {})

    def patients_of(self, resource: Json) -> frozenset[str]:
        """Give the ids of the patients whose compartment a resource is in."""
        kind = resource.get("resourceType", "")
        if kind == "Patient":
            return frozenset({str(resource.get("id"))})
        if kind == "AuditEvent":
            return self._named(_whats(resource))
        if kind in _SEVERAL:
            return self._named(resource.get(_SEVERAL[kind]))
        return self._named([resource.get(_PATIENT_ELEMENT.get(kind, "subject"))])

    def _named(self, references: object) -> frozenset[str]:
        found: set[str] = set()
        for reference in references if isinstance(references, list) else []:
            literal = reference.get("reference") if isinstance(reference, dict) else ""
            kind, _, identity = str(literal or "").partition("/")
            if kind == "Patient":
                found.add(identity)
            elif kind != "Provenance" and (target := self.read(kind, identity)):
                found |= self.patients_of(target)
        return frozenset(found)

    def _new_id(self, kind: str) -> str:
        self._number += 1
        return f"{_initials(kind)}{self._number}"


def _whats(resource: Json) -> Sequence[object]:
    entities = resource.get("entity")
    return [
        entity.get("what")
        for entity in (entities if isinstance(entities, list) else [])
        if isinstance(entity, dict)
    ]


def _initials(kind: str) -> str:
    return "".join(letter for letter in kind if letter.isupper()).lower()
