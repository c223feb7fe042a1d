"""HTTP as the load generators speak it: little work of their own, no redirect followed.

The generator shares the machine with what it measures; what it costs is measured too.
"""

import http.client
import select
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

_PATIENCE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Answer:
    status_code: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return orjson.loads(self.content)

    @property
    def cookies(self) -> dict[str, str]:
        """What a browser would keep of it, by name."""
        kept = self.headers.get_all("set-cookie", [])
        pairs = (one.split(";")[0].partition("=") for one in kept)
        return {name: value for name, _, value in pairs}


@dataclass(slots=True)
class Wire:
    """One for all threads: each keeps a connection of its own to each address."""

    _own: threading.local = field(default_factory=threading.local)

    def get(self, url: str, *, params: Any = None, **more: Any) -> Answer:
        query = f"?{urlencode(params)}" if params else ""
        return self._ask("GET", url + query, b"", **more)

    def post(
        self,
        url: str,
        *,
        data: bytes = b"",
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = _PATIENCE,
    ) -> Answer:
        sent = dict(headers or {})
        if json is not None:
            data = orjson.dumps(json)
            sent["content-type"] = "application/json"
        return self._ask("POST", url, data, headers=sent, timeout=timeout)

    def _ask(
        self,
        method: str,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = _PATIENCE,
    ) -> Answer:
        """Raises: OSError, HTTPException."""
        parts = urlsplit(url)
        connection = self._connection(parts.netloc, timeout)
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        try:
            connection.request(method, path, body or None, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def _connection(self, address: str, timeout: float) -> http.client.HTTPConnection:
        kept: dict[str, http.client.HTTPConnection] = self._own.__dict__
        connection = kept.get(address)
        if connection is None:
            connection = kept[address] = http.client.HTTPConnection(address)
        if connection.sock is not None and _is_readable(connection.sock):
            connection.close()  # the server has hung up since
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection


def _is_readable(sock: Any) -> bool:
    asked = select.poll()
    asked.register(sock, select.POLLIN)
    return bool(asked.poll(0))
