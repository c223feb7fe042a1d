"""A FHIR server that keeps AuditEvents.

Each is put under the id that its record gives it, always the same: sent again after a
lost answer, or by a process that was stopped, it is the same one and no second.

Source: FHIR R4, "update as create"; IHE ITI-20, RESTful ATNA.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from smart_launch.errors import EhrUnavailable, SmartError
from smart_launch.fhir_reply import error_of
from smart_launch.outbound import Outbound
from smart_launch.registration import Registration
from smart_launch.secret import Secret

_DEADLINE = 10.0  # seconds for one of them
_MAX_BYTES = 64_000
_FHIR_JSON = "application/fhir+json"

# The event itself is not taken; anything else is about the server or the access to it.
_ABOUT_THE_EVENT = frozenset({400, 409, 410, 412, 413, 415, 422})


class EventRefused(Exception):
    """The repository does not take this one. The message is its status alone."""


class RepositoryAway(Exception):
    """None can be sent now. The message holds no word of the server's.

    Takes: `retry_after`, seconds, where the server said so.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Repository:
    registration: Registration
    outbound: Outbound
    token: Secret | None = field(default=None, repr=False)

    def put(self, event_id: str, body: bytes) -> None:
        """Raises: EventRefused; RepositoryAway."""
        headers = {"content-type": _FHIR_JSON}
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token.reveal()}"
        try:
            reply = self.outbound.request(
                self.registration,
                "PUT",
                f"{self.registration.base}/AuditEvent/{event_id}",
                headers=headers,
                body=body,
                deadline=_DEADLINE,
                max_bytes=_MAX_BYTES,
                accept=_FHIR_JSON,
            )
        except EhrUnavailable:
            raise RepositoryAway("no answer") from None
        except SmartError as error:
            raise RepositoryAway(type(error).__name__) from None
        if 200 <= reply.status < 300:
            return
        if reply.status in _ABOUT_THE_EVENT:
            raise EventRefused(f"status {reply.status}")
        told = error_of(reply, secret="", now=datetime.now(UTC))
        wait = float(getattr(told, "retry_after", None) or 0.0)
        raise RepositoryAway(f"status {reply.status}", wait)
