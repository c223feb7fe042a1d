"""What the EHR's answer means for a write job."""

from datetime import timedelta

from plugin.referral.jobs import Job
from plugin.referral.results import LOOK_AFTER, LOOKS, Result, backoff
from smart_launch.errors import (
    AnswerLost,
    FhirBusy,
    FhirError,
    FhirRefused,
    FhirUnavailable,
    NotFound,
    NotPermitted,
)
from smart_launch.fhir_client import Created

# Another writer is at the same record, or it is locked: that passes.
# Source: RFC 9110 (409), RFC 4918 (423).
_PASSING = frozenset({409, 423})
_SEVERAL = 412  # to a conditional create: more than one is there already
_HTTP_ACCEPTED = 202
# A new token is tried at once, but not for ever.
_AT_ONCE = 3


def alarm(code: str, reason: str, reference: str = "") -> Result:
    """Something that must never happen: nothing goes on until a person has looked."""
    return Result("held", code, reason, reference=reference, alarm=True)


def written(reference: str, code: str = "created", reason: str = "") -> Result:
    return Result("written", code, reason, reference=reference, looks_owed=0)


def accepted() -> Result:
    """202: the server will do it, and does not say when. It is never sent again."""
    return Result(
        "unknown",
        "accepted",
        "The record system took it and has not said yet that it is filed.",
        wait=LOOK_AFTER,
        looks_owed=LOOKS,
        answered=True,
        http_status=_HTTP_ACCEPTED,
    )


def is_accepted(created: Created) -> bool:
    return created.status == _HTTP_ACCEPTED


def of_error(job: Job, error: FhirError) -> Result:
    """The create was answered with an error, or not at all."""
    status = error.http_status
    if isinstance(error, AnswerLost):
        return Result(
            "unknown",
            "answer_lost",
            "The answer was lost. It is looked for before anything is sent again.",
            wait=LOOK_AFTER,
            looks_owed=LOOKS,
            http_status=status,
        )
    if isinstance(error, FhirBusy | FhirUnavailable) or status in _PASSING:
        return waiting(job, error)
    if isinstance(error, NotPermitted | NotFound):
        return _refused(error)
    if isinstance(error, FhirRefused) and status != _SEVERAL:
        return _refused(error)
    code = "several" if status == _SEVERAL else "strange_answer"
    return Result(
        "held",
        code,
        _words("The record system gave an answer that a person must look at", error),
        http_status=status,
    )


def waiting(job: Job, error: FhirError) -> Result:
    """Nothing was done: the same again, later."""
    wait, told = backoff(job.attempts + 1), False
    after = error.retry_after if isinstance(error, FhirBusy) else None
    if after is not None and (after > 0 or job.attempts < _AT_ONCE):
        wait, told = timedelta(seconds=after), after > 0
    return Result(
        job.open_status,
        "busy" if isinstance(error, FhirBusy) else "unavailable",
        "The record system is busy or does not answer. It is tried again by itself.",
        wait=wait,
        told_to_wait=told,
        http_status=error.http_status,
    )


def of_change(job: Job, error: FhirError) -> Result:
    """What an error means that answers the change of what stands in the record.

    Another version than was read is no failure: it is read again, and changed as it
    stands then.
    """
    if error.http_status in _PASSING | {_SEVERAL}:
        return Result(
            job.open_status,
            "changed_meanwhile",
            "It was changed in the EHR just now. It is looked at again by itself.",
            wait=backoff(job.attempts + 1),
            http_status=error.http_status,
        )
    return of_error(job, error)


def not_there(job: Job, *, sure: bool) -> Result:
    """It was looked for and not found."""
    owed = job.looks_owed
    if sure and not job.answered and owed > 1:
        return Result(
            "waiting",
            "not_there",
            "It was looked for and is not there. It is looked for once more and sent.",
            wait=backoff(job.attempts),
            looks_owed=owed - 1,
        )
    return Result(
        "unknown",
        "not_found_yet",
        "It was looked for and not found yet. It is looked for again.",
        wait=backoff(job.attempts + 1),
        answered=job.answered,
    )


def cannot_look(job: Job) -> Result:
    if job.answered:
        return written(
            "", "place_unknown", "The record system filed it and did not say where."
        )
    return Result(
        "unknown",
        "cannot_look",
        "The answer was lost, and this record system cannot be searched for it. "
        "Please look in the chart, and say whether it is there.",
        wait=None,
    )


def patient_gone(http_status: int | None = None) -> Result:
    """The patient's record is not there any more, or was merged into another."""
    return Result(
        "held",
        "patient_gone",
        "The patient's record was merged or removed. A person must look at it.",
        alarm=True,
        http_status=http_status,
    )


def may_be_about_patient(refusal: FhirError) -> bool:
    """Servers say 404, 410, 400 or 422 of a subject that is not there any more."""
    if isinstance(refusal, NotFound):
        return True
    return isinstance(refusal, FhirRefused) and refusal.http_status in (400, 422)


def _refused(error: FhirError) -> Result:
    return Result(
        "refused",
        "refused",
        _words("The record system refused it", error),
        http_status=error.http_status,
    )


def _words(said: str, error: FhirError) -> str:
    status = f" ({error.http_status})" if error.http_status else ""
    return f"{said}{status}: {error.outcome}" if error.outcome else f"{said}{status}."
