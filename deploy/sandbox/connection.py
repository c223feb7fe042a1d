"""Answers that break the connection, and the server protocol that lets them.

uvicorn does not hand the connection to the app; the protocol here does, in the
request's state, so that an answer can be lost on the wire rather than sent as a 500.
"""

import asyncio
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class OpenProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with the transport in the request's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class Dropped(Response):
    """No answer: the connection is cut, after a while where `seconds` are given."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(b"", 0)
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.seconds:
            await _until_gone(receive, self.seconds)
        _transport(scope).abort()
        await _until_gone(receive, 5.0)


class Truncated(Response):
    """An answer of which only the beginning is sent.

    With a Content-Length the client can tell; close-delimited it can only see that
    the JSON stops.
    """

    def __init__(self, whole: Response, keep: float, *, close_delimited: bool) -> None:
        super().__init__(bytes(whole.body), whole.status_code)
        self.raw_headers = list(whole.raw_headers)
        if close_delimited:
            kept = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
            self.raw_headers = [*kept, (b"connection", b"close")]
        self.close_delimited = close_delimited
        self.keep = keep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        part = bytes(self.body)[: int(len(self.body) * self.keep)]
        transport = _transport(scope)
        if self.close_delimited:
            # Raw bytes: the server would frame a body without a length in chunks.
            transport.write(_head(self.status_code, self.raw_headers) + part)
        else:
            await send(_start(self))
            await send({"type": "http.response.body", "body": part, "more_body": True})
        transport.close()
        await _until_gone(receive, 5.0)


class Dripping(Response):
    """An answer sent one byte at a time."""

    def __init__(self, whole: Response, seconds: float) -> None:
        super().__init__(bytes(whole.body), whole.status_code)
        self.raw_headers = list(whole.raw_headers)
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(_start(self))
        gone = asyncio.ensure_future(_until_gone(receive, None))
        for byte in bytes(self.body):
            if gone.done():
                return
            piece = bytes([byte])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(self.seconds)
        gone.cancel()
        await send({"type": "http.response.body", "body": b""})


class Flood(Response):
    """An answer that is followed by megabytes of white space, in chunks."""

    def __init__(self, whole: Response, megabytes: int) -> None:
        super().__init__(bytes(whole.body), whole.status_code)
        self.raw_headers = [
            pair for pair in whole.raw_headers if pair[0] != b"content-length"
        ]
        self.megabytes = megabytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(_start(self))
        space = b" " * 2**20
        for _ in range(self.megabytes):
            await send({"type": "http.response.body", "body": space, "more_body": True})
        await send({"type": "http.response.body", "body": bytes(self.body)})


def _start(response: Response) -> dict[str, Any]:
    return {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }


def _head(status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
    lines = [f"HTTP/1.1 {status} OK".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope.get("state", {}).get("transport")
    if not isinstance(transport, asyncio.Transport):
        raise TypeError("this fault needs the sandbox's own server (serving.py)")
    return transport


async def _until_gone(receive: Receive, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return
