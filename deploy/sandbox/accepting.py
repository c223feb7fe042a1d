"""Decides whether a resource that an app sends is taken into the record."""

from collections.abc import Iterator

import orjson

from deploy.sandbox.access import Access
from deploy.sandbox.note_rules import note_problems, provenance_problems
from deploy.sandbox.refusals import FhirRefusal, Issue, refuse
from deploy.sandbox.validation import problems
from deploy.sandbox.wire import Json

_CONTENT_TYPES = frozenset({"application/fhir+json", "application/json"})
_MOST_BYTES = 2 * 2**20


def parse_body(body: bytes, content_type: str, kind: str) -> Json:
    """Read the body of a create or update. Raises: FhirRefusal (400, 413, 415)."""
    if content_type.partition(";")[0].strip().lower() not in _CONTENT_TYPES:
        raise refuse(415, "not-supported", "Content-Type must be application/fhir+json")
    if len(body) > _MOST_BYTES:
        raise refuse(413, "too-long", "the resource is larger than 2 MB")
    try:
        resource = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise refuse(400, "structure", "the body is no JSON") from error
    if not isinstance(resource, dict) or resource.get("resourceType") != kind:
        raise refuse(400, "structure", f"the body must be a {kind}")
    return resource


def check_resource(resource: Json, access: Access, letter: str) -> None:
    """Refuse what is not valid, not this patient's, or against the site's rules.

    Raises: FhirRefusal: 422 with every reason, 403 for another patient.
    """
    kind = resource["resourceType"]
    _refuse_all(problems(resource, kind))
    dangling, foreign = _references(resource, access)
    if foreign:
        raise access.wrong_patient()
    _refuse_all(dangling)
    if kind == "DocumentReference":
        _refuse_all(note_problems(resource, access))
    if kind == "Provenance":
        _refuse_all(provenance_problems(resource, access))
    access.check_resource(resource, letter)


def _refuse_all(issues: list[Issue]) -> None:
    if issues:
        raise FhirRefusal(422, *issues)


def _references(resource: Json, access: Access) -> tuple[list[Issue], bool]:
    """Find references that point at nothing, and whether one is another patient's."""
    records = access.site.records
    contained = {f"#{inner.get('id')}" for inner in resource.get("contained", [])}
    dangling: list[Issue] = []
    foreign = False
    for reference in _literals(resource):
        if reference.startswith("#"):
            known = reference in contained or reference == "#"
        else:
            known = records.holds(reference)
            kind, _, identity = reference.partition("/_history/")[0].partition("/")
            target = records.read(kind, identity)
            patients = records.patients_of(target) if target else frozenset()
            foreign = foreign or bool(patients - {access.patient})
        if not known:
            text = f"{reference} is not in this record"
            dangling.append(Issue("not-found", text))
    return dangling, foreign and access.bound_to_patient(resource["resourceType"], "c")


def _literals(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        literal = value.get("reference")
        if isinstance(literal, str):
            yield literal
        for inner in value.values():
            yield from _literals(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _literals(inner)
