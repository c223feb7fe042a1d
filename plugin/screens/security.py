"""What every answer carries, and which requests are not answered at all.

This stands around the whole app: also around its errors, so that no page goes out
without its headers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugin.audit.trail import NO_TENANT
from plugin.logs import log
from plugin.screens.errors import UnknownHost, failed, told
from plugin.settings import Ehr, Settings

# Probes come from the platform under whatever name it uses.
ANY_HOST = frozenset({"/healthz", "/readyz"})
DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Guarded:
    """ASGI middleware: the host, the headers, the last resort for an error."""

    app: ASGIApp
    settings: Settings
    _hosts: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hosts", hosts_of(self.settings.public_url))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(raw=message["headers"])
                self._dress(headers, scope)
                message["headers"] = headers.raw
            await send(message)

        request = Request(scope, receive)
        if not self._host_is_ours(scope):
            answer = told(request, UnknownHost())
            await answer(scope, receive, send_guarded)
            return
        try:
            await self.app(scope, receive, send_guarded)
        except Exception as error:
            log().exception("request.failed", error=type(error).__name__)
            if started:
                raise
            await failed(request)(scope, receive, send_guarded)

    def _host_is_ours(self, scope: Scope) -> bool:
        if scope["path"] in ANY_HOST or self._shows_its_token(scope):
            return True
        named = Headers(scope=scope).getlist("host")
        return len(named) == 1 and named[0].lower() in self._hosts

    def _shows_its_token(self, scope: Scope) -> bool:
        """Prometheus asks each process by its own address, and shows a token."""
        return scope["path"] == "/metrics" and self.settings.metrics_token is not None

    def _dress(self, headers: MutableHeaders, scope: Scope) -> None:
        tenant = scope.get("state", {}).get("tenant")
        if tenant is None and scope["path"].startswith("/audit/"):
            tenant = NO_TENANT  # no EHR: an address that there is not is framed by none
        headers["Content-Security-Policy"] = policy(self.settings, tenant)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Strict-Transport-Security"] = "max-age=31536000"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        # In a frame this says nothing; in a window of its own it keeps openers out.
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        headers.setdefault("Cache-Control", "no-store")


def hosts_of(public_url: str) -> frozenset[str]:
    """The Host headers by which the app may be called."""
    parts = urlsplit(public_url)
    named = parts.netloc.lower()
    default = DEFAULT_PORTS.get(parts.scheme)
    if parts.port == default:
        return frozenset({named, named.rsplit(":", 1)[0]})
    if parts.port is None:
        return frozenset({named, f"{named}:{default}"})
    return frozenset({named})


def policy(settings: Settings, tenant: str | None) -> str:
    """The content security policy of one answer.

    A page of a launch may be framed by that tenant's EHR only. A page that belongs to
    no launch holds nothing of anybody, and may be framed by every registered EHR:
    otherwise a clinician would see an empty frame instead of what went wrong.
    """
    ehrs = [e for e in settings.ehrs if tenant in (None, e.id)]
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            " ".join(["form-action 'self'", *authorise_origins(ehrs)]),
            "frame-ancestors " + (" ".join(_framers(ehrs)) or "'none'"),
            "base-uri 'none'",
            "object-src 'none'",
        )
    )


def _framers(ehrs: Iterable[Ehr]) -> list[str]:
    return list(dict.fromkeys(origin for ehr in ehrs for origin in ehr.frame_ancestors))


def authorise_origins(ehrs: Iterable[Ehr]) -> list[str]:
    """Where a sign-in may lead: the EHR's own origin and the hosts it may name."""
    found: dict[str, None] = {}
    for ehr in ehrs:
        parts = urlsplit(ehr.issuer)
        found[f"{parts.scheme}://{parts.netloc}"] = None
        for host in ehr.allowed_hosts:
            found[f"https://{host}"] = None
    return list(found)
