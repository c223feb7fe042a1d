"""What the sandbox refuses, and how it says so.

Refusal
├── FhirRefusal    answered as an OperationOutcome
└── OAuthRefusal   answered as RFC 6749 section 5.2 error JSON
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from deploy.sandbox.wire import fhir_answer, json_answer


class Refusal(Exception):
    """A request that the sandbox does not serve."""

    def answer(self) -> Response:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Issue:
    """One line of an OperationOutcome. `code` is of the issue-type value set."""

    code: str
    text: str
    path: str = ""


class FhirRefusal(Refusal):
    """A FHIR request refused, with its HTTP status and its reasons."""

    def __init__(self, status: int, *issues: Issue) -> None:
        super().__init__("; ".join(issue.text for issue in issues))
        self.status = status
        self.issues = issues

    def answer(self) -> Response:
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return fhir_answer(outcome(*self.issues), self.status, headers)


class OAuthRefusal(Refusal):
    """A token request refused. Source: RFC 6749, section 5.2."""

    def __init__(self, error: str, text: str, status: int = 400) -> None:
        super().__init__(f"{error}: {text}")
        self.error = error
        self.text = text
        self.status = status

    def answer(self) -> Response:
        body = {"error": self.error, "error_description": self.text}
        return json_answer(body, self.status, NOT_STORED)


NOT_STORED: Mapping[str, str] = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def refuse(status: int, code: str, text: str, path: str = "") -> FhirRefusal:
    """Make the refusal with one reason."""
    return FhirRefusal(status, Issue(code, text, path))


def outcome(*issues: Issue, severity: str = "error") -> dict[str, Any]:
    """Draw up an OperationOutcome."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [_issue(issue, severity) for issue in issues],
    }


def _issue(issue: Issue, severity: str) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "severity": severity,
        "code": issue.code,
        "diagnostics": issue.text,
    }
    if issue.path:
        drawn["expression"] = [issue.path]
    return drawn
