"""The door out, with a count of what came of each call, by EHR."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from smart_launch.errors import (
    AddressRefused,
    AnswerTooLong,
    EhrBusy,
    EhrUnavailable,
)
from smart_launch.outbound import DEADLINE, MAX_BYTES, Outbound, Reply
from smart_launch.registration import Registration

# tenant, outcome, seconds
Called = Callable[[str, str, float], None]

_NAMED: tuple[tuple[type[EhrUnavailable], str], ...] = (
    (EhrBusy, "busy"),
    (AnswerTooLong, "too_long"),
    (AddressRefused, "refused"),
)


@dataclass(slots=True, kw_only=True)
class CountedOutbound(Outbound):
    """Outcomes: `ok`, `client_error` and `server_error` by the status that came back;
    `busy` where the EHR was left alone, `refused` where its address was, `too_long`,
    `unavailable`.
    """

    called: Called

    def request(
        self,
        registration: Registration,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: float = DEADLINE,
        max_bytes: int = MAX_BYTES,
        accept: str = "application/json",
        compressed: bool = True,
    ) -> Reply:
        started, outcome = time.perf_counter(), "unavailable"
        try:
            reply = Outbound.request(
                self,
                registration,
                method,
                url,
                headers=headers,
                body=body,
                deadline=deadline,
                max_bytes=max_bytes,
                accept=accept,
                compressed=compressed,
            )
            outcome = _of_status(reply.status)
        except EhrUnavailable as error:
            outcome = _of_error(error)
            raise
        finally:
            self.called(registration.id, outcome, time.perf_counter() - started)
        return reply


def _of_status(status: int) -> str:
    if status < 400:
        return "ok"
    return "client_error" if status < 500 else "server_error"


def _of_error(error: EhrUnavailable) -> str:
    for kind, name in _NAMED:
        if isinstance(error, kind):
            return name
    return "unavailable"
