"""From an HTTP answer to a resource, or to the error that it means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from smart_launch.context import is_fhir_id
from smart_launch.errors import (
    FhirBusy,
    FhirError,
    FhirRefused,
    FhirUnavailable,
    NotFound,
    NotPermitted,
    UnreadableAnswer,
)
from smart_launch.outbound import Reply
from smart_launch.parameters import one_line

# What a server may ask us to wait; anything longer is the same as "not today".
MAX_RETRY_AFTER = 24 * 3600.0
_MAX_OUTCOME = 500
_MAX_ISSUES = 20
_LOCATION = re.compile(r"(?:^|/)(?P<type>[A-Z][A-Za-z]+)/(?P<id>[^/?#]+)")
_ETAG = re.compile(r'(?:W/)?"(?P<version>[A-Za-z0-9.\-]{1,64})"')


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource as read, and the very bytes it was read from."""

    resource: dict[str, Any] = field(repr=False)
    raw: bytes = field(repr=False)
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The answer to a create or an update, 200 to 299.

    `location_id` is None where the server does not say which id it gave; 202 means
    that the server has not done it yet.
    """

    status: int
    location_id: str | None
    version: str | None
    resource: dict[str, Any] | None = field(repr=False)


def resource_of(reply: Reply) -> dict[str, Any]:
    """The JSON object of a successful answer.

    Raises: UnreadableAnswer, for anything else, an OperationOutcome included.
    """
    try:
        resource = reply.json()
    except ValueError:
        raise UnreadableAnswer("the answer is not JSON") from None
    if not isinstance(resource, dict) or not isinstance(
        resource.get("resourceType"), str
    ):
        raise UnreadableAnswer("the answer is not a FHIR resource")
    if resource["resourceType"] == "OperationOutcome":
        raise UnreadableAnswer(
            "the answer is an OperationOutcome with a status of success",
            outcome=outcome_text(resource),
        )
    return resource


def read_entry(reply: Reply, resource_type: str, resource_id: str) -> Entry:
    """Raises: UnreadableAnswer, where it is not the resource that was asked for."""
    resource = resource_of(reply)
    if (resource["resourceType"], resource.get("id")) != (resource_type, resource_id):
        raise UnreadableAnswer("the answer is another resource than was asked for")
    return Entry(resource, reply.body, version_of(reply.headers, resource))


def read_created(
    status: int, headers: Mapping[str, str], reply: Reply | None, resource_type: str
) -> Created:
    """Read what a successful write says; its body is a courtesy, and may be broken."""
    resource: dict[str, Any] | None = None
    if reply is not None:
        try:
            resource = resource_of(reply)
        except UnreadableAnswer:
            resource = None
    if resource is not None and resource["resourceType"] != resource_type:
        resource = None
    found = location_id(headers.get("Location", ""), resource_type)
    if found is None and resource is not None and is_fhir_id(resource.get("id")):
        found = str(resource["id"])
    return Created(status, found, version_of(headers, resource), resource)


def location_id(location: str, resource_type: str) -> str | None:
    """The id in a Location header: absolute or relative, with a version or without."""
    for found in _LOCATION.finditer(location[:2048]):
        if found["type"] == resource_type and is_fhir_id(found["id"]):
            return found["id"]
    return None


def version_of(
    headers: Mapping[str, str], resource: Mapping[str, Any] | None
) -> str | None:
    tag = _ETAG.fullmatch(headers.get("ETag", "").strip())
    if tag is not None:
        return tag["version"]
    meta = (resource or {}).get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if is_fhir_id(version) else None


def error_of(reply: Reply, *, secret: str, now: datetime) -> FhirError:
    """The error that an answer other than 2xx means.

    Takes: `secret`, the access token, which must not come back in the server's words.
    """
    status = reply.status
    words = _words(reply, secret)
    message = f"the FHIR server answered {status}"
    if status in (429, 503):
        after = retry_after(reply.headers.get("Retry-After"), now)
        return FhirBusy(message, http_status=status, outcome=words, retry_after=after)
    if status in (401, 403):
        return NotPermitted(message, http_status=status, outcome=words)
    if status in (404, 410):
        return NotFound(message, http_status=status, outcome=words)
    if status == 408 or status >= 500:
        return FhirUnavailable(message, http_status=status, outcome=words)
    if status >= 400:
        return FhirRefused(message, http_status=status, outcome=words)
    return UnreadableAnswer(f"{message}, which is not followed", http_status=status)


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds, between 0 and MAX_RETRY_AFTER; None for what is no such header."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER)


def outcome_text(outcome: Mapping[str, Any]) -> str | None:
    """The words of an OperationOutcome, as one short line; never its narrative."""
    issues = outcome.get("issue")
    if not isinstance(issues, list):
        return None
    words = dict.fromkeys(
        text for issue in issues[:_MAX_ISSUES] for text in _issue_texts(issue)
    )
    return one_line("; ".join(words), _MAX_OUTCOME) or None


def _issue_texts(issue: Any) -> Iterator[str]:
    if not isinstance(issue, dict):
        return
    details = issue.get("details")
    text = details.get("text") if isinstance(details, dict) else None
    said = [one for one in (text, issue.get("diagnostics")) if isinstance(one, str)]
    code = issue.get("code")
    if not said and isinstance(code, str):
        said = [code]
    yield from (one[:_MAX_OUTCOME] for one in said)


def _words(reply: Reply, secret: str) -> str | None:
    """The OperationOutcome's text, if the body is one; a server may echo the token."""
    try:
        body = reply.json()
    except ValueError:
        return None
    if not isinstance(body, dict) or body.get("resourceType") != "OperationOutcome":
        return None
    text = outcome_text(body)
    if text is None or not secret:
        return text
    return text.replace(secret, "(token)")
