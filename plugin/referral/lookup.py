"""Is it in the record already? Asked before anything is sent a second time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson

from smart_launch.fhir_client import Created, SearchResult
from smart_launch.scopes import Scopes

Json = dict[str, Any]


class Capabilities(Protocol):
    def can(self, resource: str, interaction: str) -> bool: ...

    def search_params(self, resource: str) -> Collection[str]: ...

    def conditional_create(self, resource: str) -> bool: ...


class Fhir(Protocol):
    """The part of smart_launch's FhirClient that the writer uses."""

    @property
    def patient(self) -> str: ...

    def read(self, resource_type: str, resource_id: str) -> Any: ...

    def search(
        self, resource_type: str, params: Sequence[tuple[str, str]]
    ) -> SearchResult: ...

    def create(
        self, resource_type: str, body: bytes, *, if_none_exist: str | None = None
    ) -> Created: ...

    def update(
        self,
        resource_type: str,
        resource_id: str,
        body: bytes,
        *,
        if_match: str | None = None,
    ) -> Created: ...

    def capabilities(self) -> Any: ...

    def concerns_patient(self, resource: Json) -> bool: ...


@dataclass(frozen=True, slots=True)
class Looked:
    """What a search found. `sure` is false where it may have missed something."""

    references: tuple[str, ...]
    version: str = ""
    sure: bool = True
    another_patient: bool = False


def can_look(capabilities: Capabilities, scopes: Scopes, kind: str) -> bool:
    """Whether this server, with these rights, tells what is there."""
    by = "target" if kind == "Provenance" else "identifier"
    return (
        capabilities.can(kind, "search-type")
        and by in capabilities.search_params(kind)
        and scopes.covers(kind, "s")
    )


def look(fhir: Fhir, kind: str, system: str, value: str, body: bytes) -> Looked:
    """Search for what was sent: by our identifier, or a Provenance by its target.

    Some servers ignore a filter, so each entry is compared here as well.

    Takes:  `body`, the bytes that were sent or are about to be.
    Raises: FhirError and its kinds; RelaunchNeeded.
    """
    sent: Json = orjson.loads(body)
    if kind == "Provenance":
        target = sent["target"][0]["reference"]
        result = fhir.search(kind, [("target", target)])
        same = [entry for entry in result.entries if _same_act(entry, sent)]
        return _looked(result, kind, same)
    result = fhir.search(kind, [("identifier", f"{system}|{value}")])
    same = [entry for entry in result.entries if _named(entry, system, value)]
    ours = [entry for entry in same if fhir.concerns_patient(entry)]
    return _looked(result, kind, ours, another_patient=len(ours) < len(same))


def _looked(
    result: SearchResult, kind: str, found: list[Json], *, another_patient: bool = False
) -> Looked:
    references = tuple(
        f"{kind}/{entry['id']}" for entry in found if isinstance(entry.get("id"), str)
    )
    return Looked(
        references,
        sure=not result.incomplete and not result.unreadable,
        another_patient=another_patient,
    )


def _named(entry: Json, system: str, value: str) -> bool:
    identifiers = entry.get("identifier")
    return isinstance(identifiers, list) and any(
        isinstance(one, dict)
        and (one.get("system"), one.get("value")) == (system, value)
        for one in identifiers
    )


def _same_act(entry: Json, sent: Json) -> bool:
    """Whether a Provenance tells the same act: its targets, and when."""
    return _targets(entry) == _targets(sent) and _when(entry) == _when(sent)


def _targets(provenance: Json) -> set[str]:
    """The targets as `Type/id`, whatever address or version stands around them."""
    targets = provenance.get("target")
    found = set()
    for one in targets if isinstance(targets, list) else []:
        reference = one.get("reference") if isinstance(one, dict) else None
        if isinstance(reference, str):
            found.add("/".join(reference.split("/_history/")[0].split("/")[-2:]))
    return found


def _when(provenance: Json) -> datetime | None:
    try:
        return datetime.fromisoformat(str(provenance.get("recorded")))
    except ValueError:
        return None
