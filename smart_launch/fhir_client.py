"""The FHIR API of one EHR, for one patient's launch.

Reads are tried again within a budget of time. Writes never are: where the answer to
one is lost, that is what the caller is told.

Source: https://hl7.org/fhir/R4/http.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from smart_launch.capability import (
    Capabilities,
    CapabilityStatement,
    read_capabilities,
)
from smart_launch.compartment import in_compartment
from smart_launch.context import is_fhir_id
from smart_launch.errors import (
    AnswerLost,
    AnswerTooLong,
    EhrBusy,
    EhrUnavailable,
    FhirBusy,
    FhirError,
    FhirUnavailable,
    NotPermitted,
    RelaunchNeeded,
    UnreadableAnswer,
)
from smart_launch.fhir_reply import (
    Created,
    Entry,
    error_of,
    read_created,
    read_entry,
    resource_of,
)
from smart_launch.grant_access import Access
from smart_launch.outbound import Outbound, Reply
from smart_launch.registration import Registration
from smart_launch.search_result import PageReader, SearchResult, next_address
from smart_launch.secret import Secret

__all__ = [
    "Created",
    "Entry",
    "FhirClient",
    "ReadLimits",
    "SearchResult",
    "in_compartment",
]

_JSON = "application/fhir+json"
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_OPERATION = re.compile(r"[a-z][A-Za-z0-9-]{0,63}")
# A gateway's 502 or 504, and a 500, leave open whether the write was done.
_WRITE_UNKNOWN = frozenset({408, 500, 502, 504})

Parameters = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """Bounds of one read or one whole search; times in seconds."""

    budget: float = 10.0
    attempts: int = 3
    most_wait: float = 3.0  # a longer Retry-After is the caller's to decide on
    first_wait: float = 0.2
    pages: int = 40
    entries: int = 5_000
    page_bytes: int = 10 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirClient:
    """Thread-safe: reads may run side by side."""

    registration: Registration
    patient: str = field(repr=False)
    access: Access
    outbound: Outbound
    capability_cache: Capabilities = field(default_factory=Capabilities, repr=False)
    limits: ReadLimits = field(default_factory=ReadLimits)
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    write_deadline: float = 10.0

    def read(self, resource_type: str, resource_id: str) -> Entry:
        """Raises: FhirError and its kinds; RelaunchNeeded."""
        url = self._url(resource_type, resource_id)
        reply = self._get(url, self.monotonic() + self.limits.budget)
        return read_entry(reply, resource_type, resource_id)

    def search(self, resource_type: str, params: Parameters) -> SearchResult:
        """Read every page that can be read.

        A failure on the first page is raised; on a later one it makes the result
        `incomplete`, and so do the limits, a cycle and a link to another server.

        Raises: FhirError and its kinds; RelaunchNeeded.
        """
        until = self.monotonic() + self.limits.budget
        pairs = list(params.items() if isinstance(params, Mapping) else params)
        url = self._url(resource_type) + (f"?{urlencode(pairs)}" if pairs else "")
        reader = PageReader(resource_type, self.limits.entries)
        bundle = resource_of(self._get(url, until))
        reader.add(bundle)
        visited = {url}
        while not reader.result.incomplete:
            try:
                following = next_address(bundle, url, self.registration)
                if following is None:
                    break
                if following in visited:
                    raise UnreadableAnswer("the pages go round in a circle")
                if len(visited) >= self.limits.pages:
                    raise UnreadableAnswer("there are more pages than are read")
                visited.add(following)
                url = following
                bundle = resource_of(self._get(url, until))
                reader.add(bundle)
            except FhirError as error:
                reader.result.stop(str(error))
        return reader.result

    def operation(
        self,
        resource_type: str,
        name: str,
        params: Mapping[str, str],
        seconds: float,
    ) -> dict[str, Any]:
        """Ask an operation on a type that only reads, as `ValueSet/$expand` does.

        Takes:  `seconds`, the most that it may take.
        Raises: FhirError and its kinds; RelaunchNeeded.
        """
        if _OPERATION.fullmatch(name) is None:
            raise ValueError("not an operation")
        url = f"{self._url(resource_type)}/${name}?{urlencode(params)}"
        budget = min(seconds, self.limits.budget)
        return resource_of(self._get(url, self.monotonic() + budget))

    def create(
        self, resource_type: str, body: bytes, *, if_none_exist: str | None = None
    ) -> Created:
        """Create a resource from exactly these bytes; tried once.

        Takes:  `if_none_exist`, a search (`identifier=system|value`) that makes the
                create conditional, where the server honours it.
        Raises: AnswerLost, where it may have happened; FhirError and its kinds, where
                it did not; RelaunchNeeded.
        """
        headers = {"If-None-Exist": if_none_exist} if if_none_exist else {}
        return self._write(
            "POST", self._url(resource_type), resource_type, body, headers
        )

    def update(
        self,
        resource_type: str,
        resource_id: str,
        body: bytes,
        *,
        if_match: str | None = None,
    ) -> Created:
        """Replace a resource; like `create`. `if_match` is the version it must have."""
        headers = {"If-Match": f'W/"{if_match}"'} if if_match else {}
        url = self._url(resource_type, resource_id)
        return self._write("PUT", url, resource_type, body, headers)

    def capabilities(self) -> CapabilityStatement:
        """The server's CapabilityStatement; kept for ten minutes."""
        kept = self.capability_cache.recall(self.registration.id)
        if kept is not None:
            return kept
        url = f"{self.registration.base}/metadata"
        reply = self._get(url, self.monotonic() + self.limits.budget)
        document = resource_of(reply)
        if document["resourceType"] != "CapabilityStatement":
            raise UnreadableAnswer("the answer is not a CapabilityStatement")
        statement = read_capabilities(document)
        self.capability_cache.keep(self.registration.id, statement)
        return statement

    def concerns_patient(self, resource: Mapping[str, Any]) -> bool:
        """`in_compartment`, for this client's patient and server."""
        return in_compartment(resource, self.patient, self.registration.base)

    def _url(self, resource_type: str, resource_id: str | None = None) -> str:
        if _TYPE.fullmatch(resource_type) is None:
            raise ValueError("not a resource type")
        if resource_id is None:
            return f"{self.registration.base}/{resource_type}"
        if not is_fhir_id(resource_id):
            raise ValueError("not a resource id")
        return f"{self.registration.base}/{resource_type}/{resource_id}"

    def _get(self, url: str, until: float) -> Reply:
        """Read, again after a passing failure, and once with a new token after 401."""
        token = self._token(fresh=False)
        renewed = False
        attempt = 1
        while True:
            try:
                return self._read_once(url, token, until)
            except NotPermitted as error:
                if error.http_status != 401:
                    raise
                if renewed:
                    raise RelaunchNeeded("the EHR refuses a new token too") from error
                token, renewed = self._renewed(token), True
            except (FhirBusy, FhirUnavailable) as error:
                wait = self._wait_before(attempt, error)
                last = attempt >= self.limits.attempts
                if last or self.monotonic() + wait >= until:
                    raise
                self.sleep(wait)
                attempt += 1

    def _wait_before(self, attempt: int, error: FhirError) -> float:
        """Seconds to the next attempt; endless, where there must not be one."""
        if isinstance(error, FhirBusy):
            if error.http_status is None:
                return float("inf")  # our own gate is closed; knocking does not help
            if error.retry_after is not None:
                short = error.retry_after <= self.limits.most_wait
                return error.retry_after if short else float("inf")
        return float(self.limits.first_wait * 2 ** (attempt - 1))

    def _read_once(self, url: str, token: Secret, until: float) -> Reply:
        left = until - self.monotonic()
        if left <= 0:
            raise FhirUnavailable("the time for this read is used up")
        try:
            reply = self.outbound.request(
                self.registration,
                "GET",
                url,
                headers=_bearer(token),
                deadline=left,
                max_bytes=self.limits.page_bytes,
                accept=_JSON,
            )
        except AnswerTooLong as error:
            raise UnreadableAnswer(str(error)) from None
        except EhrUnavailable as error:
            raise _as_fhir(error) from None
        if 200 <= reply.status < 300:
            return reply
        raise error_of(reply, secret=token.reveal(), now=datetime.now(UTC))

    def _write(
        self,
        method: str,
        url: str,
        resource_type: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> Created:
        token = self._token(fresh=True)
        try:
            reply = self.outbound.request(
                self.registration,
                method,
                url,
                headers={
                    "Content-Type": _JSON,
                    "Prefer": "return=representation",
                    **headers,
                    **_bearer(token),
                },
                body=body,
                deadline=self.write_deadline,
                accept=_JSON,
            )
        except EhrUnavailable as error:
            return _write_without_answer(error, resource_type)
        if 200 <= reply.status < 300:
            return read_created(reply.status, reply.headers, reply, resource_type)
        if reply.status == 401:
            # Refused before anything was done. The token is renewed here, and the
            # caller, who knows what has happened so far, decides to try again.
            self._renewed(token)
            raise FhirBusy("the token was renewed", http_status=401, retry_after=0.0)
        refused = error_of(reply, secret=token.reveal(), now=datetime.now(UTC))
        if reply.status in _WRITE_UNKNOWN:
            raise AnswerLost(
                f"a write was answered with {reply.status}",
                http_status=reply.status,
                outcome=refused.outcome,
            )
        raise refused

    def _token(self, *, fresh: bool) -> Secret:
        try:
            return self.access.token(fresh=fresh)
        except EhrUnavailable as error:
            raise _as_fhir(error) from error

    def _renewed(self, refused: Secret) -> Secret:
        try:
            return self.access.renewed(refused)
        except EhrUnavailable as error:
            raise _as_fhir(error) from error


def _bearer(token: Secret) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.reveal()}"}


def _as_fhir(error: EhrUnavailable) -> FhirError:
    if isinstance(error, EhrBusy):
        return FhirBusy(str(error))
    return FhirUnavailable(str(error))


def _write_without_answer(error: EhrUnavailable, resource_type: str) -> Created:
    """What a write without a whole answer means: done, not done, or unknown."""
    status = error.reply_status
    if status is not None and 200 <= status < 300:
        # The server said that it is done; only the courtesy copy was cut short.
        return read_created(status, error.reply_headers, None, resource_type)
    if error.sent:
        raise AnswerLost("the answer to a write was lost") from error
    raise _as_fhir(error) from error
