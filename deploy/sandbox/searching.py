"""Answers searches: matching, compartment, paging, links."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from deploy.sandbox.access import Access
from deploy.sandbox.matching import matches, reached
from deploy.sandbox.parameters import PARAMETERS, Parameter
from deploy.sandbox.refusals import Issue, outcome, refuse
from deploy.sandbox.wire import Json

Pairs = Sequence[tuple[str, str]]

_DEFAULT_COUNT = 50
_CONTROLS = frozenset({"_count", "_sort", "_cursor", "_total", "_format"})
# These reach their patient through what they point at.
_INDIRECT = frozenset({"Provenance", "AuditEvent"})
_PATIENT_NAMES = frozenset({"patient", "subject"})


@dataclass(frozen=True, slots=True)
class Query:
    """A search as it was understood."""

    kind: str
    criteria: Pairs
    count: int
    offset: int
    sort: str
    kept: Pairs  # the parameters that links repeat, the cursor aside


def read_query(kind: str, pairs: Pairs, most: int, ignored: Iterable[str]) -> Query:
    """Understand the parameters. Raises: FhirRefusal (400) for what is not known."""
    left_out = set(ignored)
    pairs = [pair for pair in pairs if pair[0] not in left_out]
    known = PARAMETERS[kind]
    for name, value in pairs:
        if name not in known and name not in _CONTROLS:
            raise refuse(400, "not-supported", f"unknown search parameter {name}")
        if not value:
            raise refuse(400, "value", f"search parameter {name} has no value")
    last = dict(pairs)
    return Query(
        kind=kind,
        criteria=[pair for pair in pairs if pair[0] in known],
        count=min(_count(last), most),
        offset=_offset(last.get("_cursor", "")),
        sort=_sort(last.get("_sort", ""), known),
        kept=[pair for pair in pairs if pair[0] != "_cursor"],
    )


def search(query: Query, access: Access, base: str) -> Json:
    """Give the page of the searchset that was asked for."""
    _check_patient(query, access)
    found = found_by(query, access)
    page = _sorted(found, query)[query.offset : query.offset + query.count]
    flavour = access.site.flavour
    bundle: Json = {"resourceType": "Bundle", "type": "searchset"}
    if flavour.tells_total:
        bundle["total"] = len(found)
    bundle["link"] = _links(query, len(found), base)
    entries = [
        {
            "fullUrl": f"{access.site.fhir}/{query.kind}/{resource['id']}",
            "resource": resource,
            "search": {"mode": "match"},
        }
        for resource in page
    ]
    if flavour.adds_outcome:
        entries.append(_advice(access))
    if entries:
        bundle["entry"] = entries
    return bundle


def found_by(query: Query, access: Access) -> list[Json]:
    """Give every match, for conditional creates."""
    return [
        resource
        for resource in access.site.records.all(query.kind)
        if _matches_all(resource, query, access) and access.may(resource, "s")
    ]


def _check_patient(query: Query, access: Access) -> None:
    if not access.bound_to_patient(query.kind, "s"):
        return
    for name, value in query.criteria:
        asked = value.removeprefix("Patient/")
        if name in _PATIENT_NAMES and asked != access.patient:
            raise access.wrong_patient()


def _matches_all(resource: Json, query: Query, access: Access) -> bool:
    known = PARAMETERS[query.kind]
    for name, value in query.criteria:
        if name == "patient" and query.kind in _INDIRECT:
            patients = access.site.records.patients_of(resource)
            if value.removeprefix("Patient/") not in patients:
                return False
        elif not matches(resource, known[name], value):
            return False
    return True


def _sorted(found: list[Json], query: Query) -> list[Json]:
    name = query.sort.removeprefix("-")
    if not name:
        return found
    parameter = PARAMETERS[query.kind][name]

    def first(resource: Json) -> str:
        return min(_texts(resource, parameter), default="")

    return sorted(found, key=first, reverse=query.sort.startswith("-"))


def _texts(resource: Json, parameter: Parameter) -> list[str]:
    values = [v for path in parameter.elements for v in reached(resource, path)]
    return [str(v.get("start", "")) if isinstance(v, dict) else str(v) for v in values]


def _links(query: Query, total: int, base: str) -> list[Json]:
    address = f"{base}/{query.kind}"
    own = _address(address, query.kept, query.offset)
    links = [{"relation": "self", "url": own}]
    after = query.offset + query.count
    if after < total:
        links.append({"relation": "next", "url": _address(address, query.kept, after)})
    return links


def _address(address: str, pairs: Pairs, offset: int) -> str:
    cursor = base64.urlsafe_b64encode(str(offset).encode()).decode().rstrip("=")
    asked = [*pairs, *([("_cursor", cursor)] if offset else [])]
    return f"{address}?{urlencode(asked)}" if asked else address


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return max(0, int(text))
    except (binascii.Error, ValueError):
        return 0


def _count(last: dict[str, str]) -> int:
    text = last.get("_count", str(_DEFAULT_COUNT))
    if not text.isdigit() or int(text) < 1:
        raise refuse(400, "value", "_count must be a whole number above 0")
    return int(text)


def _sort(text: str, known: dict[str, Parameter] | object) -> str:
    name = text.removeprefix("-")
    if name and (not isinstance(known, dict) or name not in known):
        raise refuse(400, "not-supported", f"cannot sort by {name}")
    return text


def _advice(access: Access) -> Json:
    text = "The answer holds only what this user may see."
    return {
        "fullUrl": f"{access.site.fhir}/OperationOutcome/advice",
        "resource": outcome(Issue("informational", text), severity="information"),
        "search": {"mode": "outcome"},
    }
