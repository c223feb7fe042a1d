"""The only door out.

Every call to an EHR goes through `Outbound.request`: to allowed hosts and checked
addresses only, within a total deadline and a size, without redirects, and within the
EHR's own share of threads.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import orjson
import requests
import urllib3.exceptions
from requests.structures import CaseInsensitiveDict

from smart_launch.connections import (
    Call,
    CheckedAdapter,
    Resolver,
    system_resolver,
    under_way,
)
from smart_launch.errors import AddressRefused, AnswerTooLong, EhrUnavailable
from smart_launch.gate import CallFailed, Gate, Limits
from smart_launch.registration import Registration

_log = logging.getLogger("smart_launch")

DEADLINE = 10.0  # seconds, from the first look-up of the name to the last byte
MAX_BYTES = 10 * 2**20
_CHUNK = 65_536
_USER_AGENT = "smart-launch/1.0"
_HEADER_VALUE = re.compile(r"[ -~]*")
_PLAIN_ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, of any status. Header names are case-insensitive."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON in UTF-8, whatever the Content-Type says.

        Raises: ValueError, for anything that is not strictly JSON.
        """
        return strict_json(self.body)


def strict_json(body: bytes) -> Any:
    """Raises: ValueError. A byte order mark at the beginning does no harm."""
    return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))


@dataclass(frozen=True, slots=True)
class _Line:
    """What one registration has to itself."""

    registration: Registration
    adapter: CheckedAdapter
    gate: Gate


@dataclass(slots=True)
class Outbound:
    """Thread-safe; one for the whole process.

    Takes: `resolve`, which gives a name's addresses (the system's by default);
           `limits`, each EHR's share.
    """

    resolve: Resolver = system_resolver
    limits: Limits = field(default_factory=Limits)
    _lines: dict[str, _Line] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

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
        """Make one call and give its whole answer.

        Takes:  `deadline`, seconds for everything; `max_bytes`, after decompression;
                `compressed`, whether the answer may be.
        Raises: AddressRefused (nothing was sent), AnswerTooLong, EhrBusy, or
                EhrUnavailable, which says whether anything was sent.
        """
        if not registration.allows(url):
            raise AddressRefused("an address outside this EHR's allowed hosts")
        line = self._line(registration)
        request = _prepared(method, url, headers, body, accept, compressed=compressed)
        call = Call(registration, self.resolve, time.monotonic() + deadline)
        with line.gate.passing(call.until), under_way(call):
            return _send(line, request, call, max_bytes)

    def close(self) -> None:
        with self._lock:
            for line in self._lines.values():
                line.adapter.close()
            self._lines.clear()

    def _line(self, registration: Registration) -> _Line:
        line = self._lines.get(registration.id)
        if line is not None and line.registration is registration:
            return line
        with self._lock:
            line = self._lines.get(registration.id)
            if line is None or line.registration != registration:
                line = _Line(
                    registration,
                    CheckedAdapter(registration, self.limits.concurrent),
                    Gate(self.limits),
                )
                self._lines[registration.id] = line
            return line


def _prepared(
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    body: bytes | None,
    accept: str,
    *,
    compressed: bool,
) -> requests.PreparedRequest:
    every = {
        "Accept": accept,
        "Accept-Encoding": "gzip" if compressed else "identity",
        "User-Agent": _USER_AGENT,
        **({} if body is None else {"Content-Length": str(len(body))}),
        **(headers or {}),
    }
    if not all(_HEADER_VALUE.fullmatch(value) for value in every.values()):
        raise AddressRefused("a header that cannot be sent")
    # Filled by hand: the address goes out as it was checked, and is not rewritten.
    request = requests.PreparedRequest()
    request.method, request.url, request.body = method, url, body
    request.headers = CaseInsensitiveDict(every)
    return request


def _send(
    line: _Line, request: requests.PreparedRequest, call: Call, max_bytes: int
) -> Reply:
    response: requests.Response | None = None
    try:
        response = line.adapter.send(
            request,
            stream=True,
            timeout=call.remaining(),
            proxies=line.adapter.proxies,
        )
        return Reply(response.status_code, response.headers, _body(response, max_bytes))
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        failed = EhrUnavailable(
            f"no whole answer: {_kind(error)}",
            sent=call.sent,
            reply_status=None if response is None else response.status_code,
            reply_headers=None if response is None else response.headers,
        )
        _log.warning(
            "no whole answer from the EHR",
            extra={"tenant": line.registration.id, "error": _kind(error)},
        )
        raise CallFailed(failed) from None
    finally:
        if response is not None:
            # Closes the connection only if the answer was not read to its end.
            response.raw.close()


def _body(response: requests.Response, max_bytes: int) -> bytes:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    length = response.headers.get("Content-Length", "")
    if encoding not in _PLAIN_ENCODINGS:
        raise AnswerTooLong(
            "an answer in an encoding that was not asked for", sent=True
        )
    chunks: list[bytes] = []
    size = int(length) if length.isascii() and length.isdigit() else 0
    if size <= max_bytes:
        size = 0
        for chunk in response.raw.stream(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > max_bytes:
                break
            chunks.append(chunk)
    if size > max_bytes:
        raise AnswerTooLong(
            "an answer longer than allowed",
            sent=True,
            reply_status=response.status_code,
            reply_headers=response.headers,
        )
    return b"".join(chunks)


def _kind(error: BaseException) -> str:
    """The innermost known type: its text could hold an address with patient data."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, BaseException) else error).__name__
