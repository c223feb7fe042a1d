"""The sandbox's own switches and tallies over HTTP, for tests in other processes."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.sandbox.sandbox import Sandbox
from deploy.sandbox.wire import json_answer


def control_routes(sandbox: Sandbox) -> list[Route]:
    """Make the routes under /sandbox."""

    async def faults(request: Request) -> Response:
        match request.method:
            case "DELETE":
                sandbox.faults.clear()
            case "POST":
                try:
                    sandbox.faults.add_json(await _body(request))
                except (ValueError, TypeError) as error:
                    return json_answer({"error": str(error)}, 400)
        return json_answer(sandbox.faults.as_json())

    async def counts(request: Request) -> Response:
        if request.method == "DELETE":
            sandbox.counts.clear()
        return json_answer(sandbox.counts.as_json())

    async def launches(request: Request) -> Response:
        try:
            wanted = await _body(request)
            site = sandbox.site_of(wanted.pop("flavour", sandbox.main.flavour.name))
            launch = site.launch_for(wanted.pop("patient"), **wanted)
        except (LookupError, TypeError, ValueError) as error:
            return json_answer({"error": str(error)}, 400)
        token = site.grants.mint_launch(launch)
        return json_answer({"iss": site.fhir, "launch": token}, 201)

    async def health(_: Request) -> Response:
        return json_answer({"status": "ready"})

    return [
        Route("/sandbox/faults", faults, methods=["GET", "POST", "DELETE"]),
        Route("/sandbox/counts", counts, methods=["GET", "DELETE"]),
        Route("/sandbox/launches", launches, methods=["POST"]),
        Route("/sandbox/health", health),
    ]


async def _body(request: Request) -> dict[str, Any]:
    body = orjson.loads(await request.body())
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body
