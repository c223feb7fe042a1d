"""What the CDS service refuses, and how it says so.

CdsError
├── NotAuthenticated   no JWT that holds (401)
├── KeysUnavailable    the caller's keys cannot be had just now (503)
├── TooSlow            the answer was not ready in time (503)
├── BadCall            the call is not of its hook's form (400)
├── UnknownServer      fhirServer is no tenant's (400)
├── OtherTenant        fhirServer is a tenant's that this caller may not speak for (403)
├── NoService          there is no such service (404)
├── CardUnknown        there is no such card of this caller's (404)
├── DataMissing        neither prefetch nor a readable FHIR server (412)
├── TooLarge           more than is read (413)
└── NotJson            the body is not declared as JSON (415)

`public` is the only text that a caller sees; the message is for the log's reader.
"""

import orjson
from starlette.requests import Request
from starlette.responses import Response


class CdsError(Exception):
    status = 400
    issue = "invalid"  # FHIR issue-type
    public = "The call is not in the form of its hook. Nothing was done."


class NotAuthenticated(CdsError):
    status = 401
    issue = "login"
    public = "The call brings no token that is accepted here."


class KeysUnavailable(CdsError):
    status = 503
    issue = "transient"
    public = "The caller's keys cannot be read just now. Try again later."


class TooSlow(CdsError):
    status = 503
    issue = "timeout"
    public = "There was no answer in time. Try again later."


class BadCall(CdsError):
    pass


class UnknownServer(CdsError):
    public = "fhirServer is not an EHR that is registered here."


class OtherTenant(CdsError):
    status = 403
    issue = "forbidden"
    public = "This caller may not speak for that fhirServer."


class NoService(CdsError):
    status = 404
    issue = "not-found"
    public = "There is no such service. GET /cds-services lists those there are."


class CardUnknown(CdsError):
    status = 404
    issue = "not-found"
    public = "There is no such card. Nothing was recorded."


class DataMissing(CdsError):
    status = 412
    issue = "processing"
    public = (
        "The patient and the problems came neither as prefetch nor from the FHIR "
        "server."
    )


class TooLarge(CdsError):
    status = 413
    issue = "too-long"
    public = "The call is larger than is read here."


class NotJson(CdsError):
    status = 415
    issue = "not-supported"
    public = "The body has to be JSON, sent as application/json."


def told(_request: Request, error: CdsError) -> Response:
    """The error as an OperationOutcome with a constant text.

    Source: CDS Hooks 3.0 ballot, "Returning OperationOutcome".
    """
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": error.issue,
                "details": {"text": error.public},
            }
        ],
    }
    answer = Response(
        orjson.dumps(outcome),
        status_code=error.status,
        media_type="application/json",
    )
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if error.status == 503:
        answer.headers["Retry-After"] = "5"
    return answer
