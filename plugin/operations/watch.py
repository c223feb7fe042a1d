"""Around every request: an id, one log line, its numbers."""

import secrets
import time
from dataclasses import dataclass

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugin.logs import log
from plugin.operations.metrics import Metrics

# Methods that are counted by name; anything else a client makes up is "OTHER".
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
NO_ROUTE = "none"


@dataclass(frozen=True, slots=True)
class Watched:
    """ASGI middleware. It sees the matched route's template and never the path."""

    app: ASGIApp
    metrics: Metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500  # an answer that never began
        started = time.perf_counter()
        request_id = secrets.token_hex(8)
        self.metrics.under_way.inc()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self.app(scope, receive, watched)
            finally:
                self.metrics.under_way.dec()
                self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = template(scope)
        self.metrics.answered(method, route, status, seconds)
        if route in _QUIET and status < 400:
            return
        log().info(
            "request",
            method=method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


def template(scope: Scope) -> str:
    """The route's path with its parameters unfilled; what matched none has no route."""
    return str(getattr(scope.get("route"), "path", NO_ROUTE))
