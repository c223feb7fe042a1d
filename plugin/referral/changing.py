"""Change the state of what this app wrote, as it stands in the record now.

It is read first, so that what others added to it stays; and it is changed only in the
version that was read (If-Match), so that a lost answer does no harm: whatever came of
it, the next reading shows.

Source: FHIR R4, "Managing Resource Contention"; clinical-review R11.
"""

import json
from collections.abc import Callable
from typing import Any, Final, Literal

import orjson

from plugin.referral import answers
from plugin.referral.jobs import Job
from plugin.referral.lookup import Fhir
from plugin.referral.results import LOOK_AFTER, LOOKS, Result
from smart_launch.errors import (
    FhirError,
    FhirRefused,
    NotFound,
    NotPermitted,
    RelaunchNeeded,
)
from smart_launch.fhir_client import Created
from smart_launch.scopes import Scopes

Json = dict[str, Any]

# What is over already is left alone; what was signed in error always says so.
# Source: FHIR R4, request-status and task-status.
_OVER: Final = frozenset(
    {"completed", "revoked", "cancelled", "rejected", "failed", "entered-in-error"}
)
_NOT_DONE: Final = 5  # runs after which a person looks why the EHR keeps it as it is


def change_of(reference: str, patient: str, identifier: Json, changes: Json) -> bytes:
    """What is kept of a change: of what, whose it is, and the elements that it gets."""
    kind, number = reference.split("/")
    return orjson.dumps(
        {
            "resourceType": kind,
            "id": number,
            "identifier": [identifier],
            "for" if kind == "Task" else "subject": {"reference": f"Patient/{patient}"},
            "set": changes,
        }
    )


def change(
    job: Job,
    scopes: Scopes,
    fhir: Fhir,
    may_send: Callable[[], Result | Literal[True] | None],
) -> Result | None:
    """Read it, and change it where it is not yet as it should be.

    Takes:  `may_send`, which notes that it is about to be sent.
    Gives:  None where the lease was lost before anything was sent.
    Raises: FhirError of a reading that may be tried again; RelaunchNeeded.
    """
    payload: Json = orjson.loads(job.payload)
    number, wanted = payload["id"], payload["set"]
    if not (scopes.covers(job.kind, "r") and scopes.covers(job.kind, "u")):
        raise RelaunchNeeded("this sign-in does not allow to change it")
    try:
        entry = fhir.read(job.kind, number)
    except (NotFound, NotPermitted, FhirRefused) as error:
        return answers.of_error(job, error)
    found: Json = entry.resource
    stopped = _not_ours(job, fhir, found) or _done(job, found, wanted)
    if stopped is not None:
        return stopped
    body = exactly(entry.raw, wanted)
    if body is None or entry.version is None:
        return Result(
            "refused",
            "no_version",
            "The record system does not say which version it holds, so it cannot be "
            "changed safely.",
        )
    if job.attempts >= _NOT_DONE and job.open_status == "unknown":
        return Result("held", "not_done", "The record system keeps it as it was.")
    allowed = may_send()
    if allowed is not True:
        return allowed
    try:
        answer = fhir.update(job.kind, number, body, if_match=entry.version)
    except FhirError as error:
        return answers.of_change(job, error)
    return _confirmed(job, fhir, answer, wanted)


def _not_ours(job: Job, fhir: Fhir, found: Json) -> Result | None:
    """Whether what stands there is another patient's, or not what was written."""
    if not fhir.concerns_patient(found):
        return answers.alarm("another_patient", "It is in another patient's record.")
    names = [
        one.get("value")
        for one in found.get("identifier") or ()
        if isinstance(one, dict) and one.get("system") == job.identifier_system
    ]
    # Some servers drop identifiers; another one of ours means another resource.
    if names and job.identifier not in names:
        return answers.alarm("not_ours", "It is not the one that was written here.")
    return None


def _done(job: Job, found: Json, wanted: Json) -> Result | None:
    reference = f"{job.kind}/{found['id']}"
    if _shows(found, wanted):
        return answers.written(reference, "found")
    status = found.get("status")
    over = status in _OVER and status != wanted.get("status")
    if over and wanted.get("status") != "entered-in-error":
        return answers.written(reference, "over", "It was over already.")
    return None


def _shows(resource: Json, wanted: Json) -> bool:
    """Whether all that was to be set is there; a server may add displays and ids."""
    return all(_holds(resource.get(name), value) for name, value in wanted.items())


def _holds(found: Any, value: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(found, dict) and all(
            _holds(found.get(name), one) for name, one in value.items()
        )
    if isinstance(value, list):
        return isinstance(found, list) and all(
            any(_holds(other, one) for other in found) for one in value
        )
    return bool(found == value)


def exactly(raw: bytes, changes: Json) -> bytes | None:
    """All that was read, with these elements set.

    Gives: None where it holds a number that would not be the same afterwards: FHIR
           tells 1.0 from 1.00, and a record is not for us to round.
    """
    try:
        whole: Json = json.loads(raw, parse_float=_exact)
    except ValueError:
        return None
    for name, value in changes.items():
        others = _others(whole.get(name), value) if isinstance(value, list) else []
        whole[name] = [*others, *value] if isinstance(value, list) else value
    return json.dumps(whole, ensure_ascii=False).encode()


def _others(found: Any, ours: list[Json]) -> list[Any]:
    """What others put into a list: all that is not of a type that we set."""
    types = [one.get("type") for one in ours]
    listed = found if isinstance(found, list) else []
    return [
        one
        for one in listed
        if not (isinstance(one, dict) and one.get("type") in types)
    ]


def _exact(text: str) -> float:
    if repr(float(text)) != text:
        raise ValueError("the number cannot be kept as it is")
    return float(text)


def _confirmed(job: Job, fhir: Fhir, answer: Created, wanted: Json) -> Result:
    """A success that shows the change is one; any other is looked at once more."""
    shown = answer.resource
    if shown is not None:
        if not fhir.concerns_patient(shown):
            return answers.alarm(
                "another_patient", "The record system changed another patient's."
            )
        if _shows(shown, wanted):
            return answers.written(f"{job.kind}/{shown['id']}", "changed")
    return Result(
        "unknown",
        "not_shown",
        "The record system took the change and has not shown it yet.",
        wait=LOOK_AFTER,
        looks_owed=LOOKS,
        http_status=answer.status,
    )
