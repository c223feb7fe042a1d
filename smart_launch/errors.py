"""What can go wrong, and the one sentence a user is shown.

    SmartError
    ├── LaunchRefused            the launch or the callback was not acceptable
    │   ├── UnknownIssuer        no registration has this issuer
    │   ├── BadLaunchRequest     a parameter is missing, repeated, too long or odd
    │   ├── StateRejected        the callback belongs to no launch of this browser
    │   ├── LaunchExpired        it does, but came too late
    │   ├── AuthorizationDenied  the EHR or the user said no
    │   └── PatientMissing       the EHR gave no usable patient
    ├── TokenRejected            the token endpoint's answer cannot be used
    │   ├── CodeRejected         the token endpoint refused the code
    │   └── RefreshRejected      the token endpoint refused the refresh token
    ├── IdentityRejected         who the user is could not be proven
    │   └── NotAClinician        it was proven, and is no practitioner
    ├── RelaunchNeeded           the grant or the session is over
    │   ├── ContextEnded
    │   ├── ContextUnknown
    │   └── GrantRevoked         the EHR changed patient or scope under us
    ├── EhrUnavailable           the EHR did not give a usable answer
    │   ├── EhrBusy              too many calls under way, or it failed too often
    │   ├── AnswerTooLong        longer than allowed, or packed in an unknown way
    │   ├── DiscoveryRefused     its configuration contradicts the registration
    │   └── AddressRefused       the address is not one the registration allows
    ├── FhirError                the FHIR API said no, or nothing
    │   ├── NotPermitted
    │   ├── NotFound
    │   ├── FhirRefused
    │   ├── FhirBusy
    │   ├── FhirUnavailable
    │   ├── AnswerLost           a write whose outcome is unknown
    │   └── UnreadableAnswer
    ├── SealBroken               sealed data was changed, moved or has no key
    └── RegistrationInvalid      a registration that cannot be safe

`status` is the HTTP status (in a launch, an EHR that fails is told as 400), and
`public` the only text that a user may see. The exception's own message is for the log:
it never holds a token, a secret or anything about a patient.
"""

from __future__ import annotations

from collections.abc import Mapping

_RELAUNCH = "Please open the app again from the patient's chart."


class SmartError(Exception):
    """`tenant` is the registration's id, where a launch got as far as one."""

    status = 500
    public = f"Something went wrong in this app. {_RELAUNCH}"
    tenant = ""


class LaunchRefused(SmartError):
    status = 400
    public = f"This app could not be opened. {_RELAUNCH}"


class UnknownIssuer(LaunchRefused):
    public = (
        "This app is not registered with the record system that opened it. "
        "Please tell your system administrator."
    )


class BadLaunchRequest(LaunchRefused):
    public = f"The request to open this app was not well formed. {_RELAUNCH}"


class StateRejected(LaunchRefused):
    public = (
        "This sign-in was not started in this browser, or was already used. "
        f"{_RELAUNCH}"
    )


class LaunchExpired(LaunchRefused):
    public = f"Signing in took too long. {_RELAUNCH}"


class AuthorizationDenied(LaunchRefused):
    """The authorization server answered with an error; `reason` is its code."""

    public = (
        "The record system did not give this app permission. "
        "Nothing was read or changed. You may close this page, or open the app again "
        "from the patient's chart."
    )

    def __init__(self, message: str, *, reason: str = "unknown") -> None:
        super().__init__(message)
        self.reason = reason


class PatientMissing(LaunchRefused):
    public = (
        "The record system did not say which patient this is about. "
        "Please open a patient's chart first, and then this app."
    )


class TokenRejected(SmartError):
    status = 502
    public = f"The record system's answer to the sign-in was not usable. {_RELAUNCH}"


class CodeRejected(TokenRejected):
    status = 400
    public = f"The record system did not accept the sign-in. {_RELAUNCH}"


class RefreshRejected(TokenRejected):
    status = 401
    public = f"Your session has ended. {_RELAUNCH}"


class IdentityRejected(SmartError):
    status = 403
    public = f"The record system could not prove who you are. {_RELAUNCH}"


class NotAClinician(IdentityRejected):
    public = "This app is for clinicians. Your account is not one of a practitioner."


class RelaunchNeeded(SmartError):
    status = 401
    public = f"Your session has ended. {_RELAUNCH}"


class ContextEnded(RelaunchNeeded):
    """The context was closed; `reason` says by what."""

    status = 409

    def __init__(self, message: str, *, reason: str = "ended") -> None:
        super().__init__(message)
        self.reason = reason


class ContextUnknown(RelaunchNeeded):
    status = 404
    public = f"There is no such session. {_RELAUNCH}"


class GrantRevoked(RelaunchNeeded):
    status = 409
    public = (
        "The record system changed what this session is about, so it was closed. "
        f"{_RELAUNCH}"
    )


class EhrUnavailable(SmartError):
    """No usable answer.

    `sent` is false only where it is certain that nothing of the request left this
    machine. `reply_status` and `reply_headers` are there where an answer began and
    was cut short.
    """

    status = 502
    public = (
        "The record system does not answer at the moment. "
        "Please try again in a few minutes."
    )

    def __init__(
        self,
        message: str,
        *,
        sent: bool = False,
        reply_status: int | None = None,
        reply_headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.reply_status = reply_status
        self.reply_headers: Mapping[str, str] = reply_headers or {}


class EhrBusy(EhrUnavailable):
    status = 503
    public = "The record system is busy. Please try again in a minute."


class AnswerTooLong(EhrUnavailable):
    public = "The record system's answer could not be read."


class DiscoveryRefused(EhrUnavailable):
    public = (
        "The record system's configuration does not match what this app expects. "
        "Please tell your system administrator."
    )


class AddressRefused(EhrUnavailable):
    public = DiscoveryRefused.public


class FhirError(SmartError):
    """`http_status` is the server's, where it gave one; `outcome` are its words.

    The words come from an OperationOutcome, at most 500 characters in one line, and
    may speak about the patient: show them escaped, and never log them.
    """

    status = 502
    public = "The record system could not do what was asked."

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        outcome: str | None = None,
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.outcome = outcome


class NotPermitted(FhirError):
    """403, or a refused token: no permission is not the same as nothing there."""

    status = 403
    public = "The record system does not give permission for this."


class NotFound(FhirError):
    status = 404
    public = "The record system does not have this entry."


class FhirRefused(FhirError):
    """Another 4xx: trying again does not help."""

    status = 422
    public = "The record system refused this."


class FhirBusy(FhirError):
    """429 or 503, or too much under way already: try again later.

    `retry_after` is in seconds, where the server gave it, and at most a day.
    """

    status = 503
    public = "The record system is busy. Please try again in a minute."

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        outcome: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, http_status=http_status, outcome=outcome)
        self.retry_after = retry_after


class FhirUnavailable(FhirError):
    """Nothing was done: the request did not go out, or was a read."""

    public = EhrUnavailable.public


class AnswerLost(FhirError):
    """A write may or may not have happened: look before trying again."""

    public = (
        "The record system's answer was lost, so it is not known yet whether this was "
        "saved."
    )


class UnreadableAnswer(FhirError):
    """An answer that came but cannot be read: never the same as an empty one."""

    public = "The record system's answer could not be read."


class SealBroken(SmartError):
    public = f"A stored entry could not be opened. {_RELAUNCH}"


class RegistrationInvalid(SmartError):
    """A registration refused at start; the message says what to mend."""

    public = "This app is not set up correctly."
