"""The one import surface for fhir.resources: what we write is checked here.

The models are those of R4B, which for the resources below is R4 (4.0.1) with nothing
of ours changed. They load in some 300 ms, so they are imported by the first resource
that is checked and never at start-up.

    InvalidResource
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

import orjson

# SMART's reference launcher stops at about 1 MB; nothing of ours comes near it.
MAX_BYTES: Final = 1_000_000

# What we write, and the required bindings that the models do not check.
# Source: FHIR R4 (4.0.1), the value sets request-status, request-intent,
# document-reference-status, composition-status, task-status, task-intent.
_REQUEST_STATUS = frozenset(
    {
        "draft",
        "active",
        "on-hold",
        "revoked",
        "completed",
        "entered-in-error",
        "unknown",
    }
)
# Task takes all of these, ServiceRequest a directive too.
_TASK_INTENT = frozenset(
    {
        "unknown",
        "proposal",
        "plan",
        "order",
        "original-order",
        "reflex-order",
        "filler-order",
        "instance-order",
        "option",
    }
)
_PRIORITY = frozenset({"routine", "urgent", "asap", "stat"})
_TASK_STATUS = frozenset(
    {
        "draft",
        "requested",
        "received",
        "accepted",
        "rejected",
        "ready",
        "cancelled",
        "in-progress",
        "on-hold",
        "failed",
        "completed",
        "entered-in-error",
    }
)
_BINDINGS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "ServiceRequest": {
        "status": _REQUEST_STATUS,
        "intent": (_TASK_INTENT - {"unknown"}) | {"directive"},
        "priority": _PRIORITY,
    },
    "DocumentReference": {
        "status": frozenset({"current", "superseded", "entered-in-error"}),
        "docStatus": frozenset({"preliminary", "final", "amended", "entered-in-error"}),
    },
    "Provenance": {},
    "AuditEvent": {
        "action": frozenset("CRUDE"),
        "outcome": frozenset({"0", "4", "8", "12"}),
    },
    "Task": {"status": _TASK_STATUS, "intent": _TASK_INTENT, "priority": _PRIORITY},
    "QuestionnaireResponse": {
        "status": frozenset(
            {"in-progress", "completed", "amended", "entered-in-error", "stopped"}
        ),
    },
}

_PEOPLE = frozenset({"Practitioner", "PractitionerRole"})
# Which resources a reference may point at: narrower than R4 where we are narrower.
_TARGETS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "ServiceRequest": {
        "subject": frozenset({"Patient"}),
        "encounter": frozenset({"Encounter"}),
        "requester": _PEOPLE,
        "reasonReference": frozenset({"Condition"}),
    },
    "DocumentReference": {
        "subject": frozenset({"Patient"}),
        "author": _PEOPLE,
        "context.encounter": frozenset({"Encounter"}),
        "context.related": frozenset({"ServiceRequest"}),
    },
    "Provenance": {
        "target": frozenset(
            {"ServiceRequest", "DocumentReference", "Task", "QuestionnaireResponse"}
        ),
    },
    "Task": {
        "focus": frozenset({"ServiceRequest"}),
        "for": frozenset({"Patient"}),
        "encounter": frozenset({"Encounter"}),
        "requester": _PEOPLE,
        "owner": _PEOPLE,
    },
    "AuditEvent": {"agent.who": _PEOPLE},
    "QuestionnaireResponse": {
        "basedOn": frozenset({"ServiceRequest"}),
        "subject": frozenset({"Patient"}),
        "encounter": frozenset({"Encounter"}),
        "author": _PEOPLE,
        "source": frozenset({"Patient"}),
    },
}

# FHIR limits an id to 64 letters, digits, "-" and "."; some EHRs give longer ones, or
# "_", and what a server named itself must be sent back as it is.
_REFERENCE = re.compile(r"([A-Z][A-Za-z]{2,40})/[A-Za-z0-9\-._]{1,128}")
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


class InvalidResource(ValueError):
    """A resource that must not be sent. Its text names places, never values."""

    status = 500
    public = (
        "The referral could not be put into the form that the EHR takes, so nothing"
        " was sent. Please tell the people who look after this app."
    )


def checked(resource: Mapping[str, Any]) -> bytes:
    """Give the bytes of a resource, exactly as they are stored and sent.

    Takes:  a resource as plain JSON values. A Provenance may still lack its targets,
            which are known only when all else is written.
    Raises: InvalidResource where R4 or our own rules are broken.
    """
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in _BINDINGS:
        raise InvalidResource("not a resource that this app writes")
    _check_against_model(kind, resource)
    for path, value in _leaves(resource, kind):
        _check_leaf(path, value)
    _check_bindings(kind, resource)
    _check_references(kind, resource)
    body = orjson.dumps(resource)
    if len(body) > MAX_BYTES:
        raise InvalidResource(f"{kind}: longer than {MAX_BYTES} bytes")
    return body


def warm() -> None:
    """Load the models before they are needed, in a thread that has the time."""
    for kind in _BINDINGS:
        _model(kind)


@cache
def _model(kind: str) -> Any:
    return getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)


def _check_against_model(kind: str, resource: Mapping[str, Any]) -> None:
    from pydantic import ValidationError  # noqa: PLC0415 - with the models

    whole = dict(resource)
    if kind == "Provenance":
        whole.setdefault("target", [{"reference": "DocumentReference/to-come"}])
    try:
        _model(kind).model_validate(whole)
    except ValidationError as error:
        # pydantic's own text quotes the input, which is a patient's record.
        places = sorted(
            ".".join(str(part) for part in problem["loc"])
            for problem in error.errors(
                include_input=False, include_url=False, include_context=False
            )
        )
        raise InvalidResource(f"{kind}: not R4 at {', '.join(places)}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InvalidResource(f"{kind}: not R4") from None


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        if not value:
            yield path, value
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        if not value:
            yield path, value
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


def _check_leaf(path: str, value: object) -> None:
    if value is None or value in ({}, [], ()):
        raise InvalidResource(f"{path}: empty")
    if isinstance(value, str):
        if not value.strip():
            raise InvalidResource(f"{path}: blank text")
        if _FORBIDDEN.search(value):
            raise InvalidResource(f"{path}: a control character")


def _check_bindings(kind: str, resource: Mapping[str, Any]) -> None:
    for element, allowed in _BINDINGS[kind].items():
        if element in resource and resource[element] not in allowed:
            raise InvalidResource(f"{kind}.{element}: a code outside its value set")


def _check_references(kind: str, resource: Mapping[str, Any]) -> None:
    for path, value in _leaves(resource, ""):
        if not path.endswith(".reference"):
            continue
        found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise InvalidResource(f"{kind}{path}: not a relative reference")
        element = path.removesuffix(".reference").lstrip(".")
        allowed = _TARGETS[kind].get(element)
        if allowed is not None and found[1] not in allowed:
            raise InvalidResource(f"{kind}.{element}: points at a {found[1]}")
