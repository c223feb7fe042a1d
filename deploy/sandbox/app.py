"""The sandbox as an ASGI app: which address is served by what."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.sandbox import discovery_routes
from deploy.sandbox.control_routes import control_routes
from deploy.sandbox.counts import Call
from deploy.sandbox.effects import Arrival, Handler, served
from deploy.sandbox.fhir_routes import Fhir
from deploy.sandbox.oauth_routes import OAuth
from deploy.sandbox.page_routes import page_routes
from deploy.sandbox.refusals import OAuthRefusal, Refusal
from deploy.sandbox.sandbox import Sandbox
from deploy.sandbox.staff_login import staff_routes

Endpoint = Callable[[Request], Awaitable[Response]]

_FORM = "application/x-www-form-urlencoded"


def create_sandbox(sandbox: Sandbox) -> Starlette:
    """Put the routes of every site together."""
    routes: list[BaseRoute] = [
        *control_routes(sandbox),
        *staff_routes(sandbox.staff_login),
    ]
    for prefix in ("", "/{site}"):
        routes += _site_routes(sandbox, prefix)
    routes += page_routes(sandbox)
    return Starlette(routes=routes)


def _site_routes(sandbox: Sandbox, prefix: str) -> Sequence[BaseRoute]:
    fhir = Fhir(sandbox.counts)
    oauth = OAuth(sandbox.clients, sandbox.key, sandbox.clock)

    async def jwks(_: Arrival) -> Response:
        return discovery_routes.jwks_answer(sandbox.key)

    def route(
        path: str, kind: str, handler: Handler, methods: Sequence[str] = ("GET",)
    ) -> Route:
        endpoint = _endpoint(sandbox, kind, handler)
        return Route(prefix + path, endpoint, methods=list(methods))

    smart = discovery_routes.smart_configuration
    openid = discovery_routes.openid_configuration
    return [
        route("/r4/.well-known/smart-configuration", "discovery", smart),
        route("/r4/.well-known/openid-configuration", "discovery", openid),
        route("/oauth/jwks", "jwks", jwks),
        route("/smart-style.json", "style", discovery_routes.smart_style),
        route("/oauth/authorize", "authorize", oauth.authorize, ("GET", "POST")),
        route("/oauth/token", "token", oauth.token, ("POST",)),
        route("/oauth/revoke", "revoke", oauth.revoke, ("POST",)),
        route("/r4/metadata", "metadata", discovery_routes.metadata),
        route("/r4/{type}/_search", "search", fhir.search, ("POST",)),
        route("/r4/{type}", "search", fhir.search),
        route("/r4/{type}", "create", fhir.create, ("POST",)),
        route("/r4/{type}/{id}", "read", fhir.read),
        route("/r4/{type}/{id}", "update", fhir.update, ("PUT",)),
    ]


def _endpoint(sandbox: Sandbox, kind: str, handler: Handler) -> Endpoint:
    async def serve(request: Request) -> Response:
        site = sandbox.sites.get(request.path_params.get("site", ""))
        if site is None:
            return PlainTextResponse("There is no such hospital here.", 404)
        arrival = Arrival(
            request,
            site,
            kind,
            type=request.path_params.get("type", ""),
            id=request.path_params.get("id", ""),
        )
        sandbox.counts.arrive()
        try:
            response = await _response(sandbox, arrival, handler)
        finally:
            sandbox.counts.leave()
        _count(sandbox, arrival, response)
        return response

    return serve


async def _response(sandbox: Sandbox, arrival: Arrival, handler: Handler) -> Response:
    try:
        await arrival.request.body()  # kept on the request: it may be served late
        await _read_form(arrival)
    except Refusal as refusal:
        return refusal.answer()
    arrival.faults = sandbox.faults.take(arrival.kind, arrival.type, arrival.site.name)
    return await served(arrival, _guarded(handler))


def _guarded(handler: Handler) -> Handler:
    """Turn refusals into answers, so that faults work on them too."""

    async def guarded(arrival: Arrival) -> Response:
        try:
            return await handler(arrival)
        except Refusal as refusal:
            return refusal.answer()

    return guarded


async def _read_form(arrival: Arrival) -> None:
    """Read the parameters of an OAuth call; one that is given twice is refused."""
    request = arrival.request
    if arrival.kind not in {"authorize", "token", "revoke"}:
        return
    if request.method == "POST":
        content_type = request.headers.get("content-type", "").partition(";")[0]
        if content_type.strip() != _FORM:
            raise OAuthRefusal("invalid_request", f"Content-Type must be {_FORM}")
        text = (await request.body()).decode(errors="replace")
    else:
        text = request.url.query
    pairs = parse_qsl(text, keep_blank_values=True)
    arrival.form = dict(pairs)
    if arrival.form.get("grant_type") == "refresh_token":
        arrival.kind = "refresh"
    if len(arrival.form) != len(pairs):
        raise OAuthRefusal("invalid_request", "a parameter is given twice")


def _count(sandbox: Sandbox, arrival: Arrival, response: Response) -> None:
    url = arrival.request.url
    sandbox.counts.add_call(
        Call(
            site=arrival.site.name,
            kind=arrival.kind,
            type=arrival.type,
            method=arrival.request.method,
            path=url.path,
            query=url.query if arrival.kind != "authorize" else "",
            status=response.status_code,
        )
    )
