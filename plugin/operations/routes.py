"""`/healthz`, `/readyz`, `/metrics` and the app's public keys.

All of them are `async`, so that they answer while every worker thread is taken.
"""

import hmac
from dataclasses import dataclass

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from plugin.operations.health import Health
from plugin.operations.metrics import Metrics
from plugin.settings import Settings
from smart_launch.client_keys import JWKS_MAX_AGE, SigningKeys

_PATIENCE = 5.0  # seconds; a platform's probe gives up at about the same time


@dataclass(frozen=True, slots=True)
class Operations:
    """What these routes need. `limiter` is theirs alone."""

    settings: Settings
    health: Health
    metrics: Metrics
    signing_keys: SigningKeys
    limiter: CapacityLimiter


routes = APIRouter(tags=["operations"])


def _of(request: Request) -> Operations:
    operations = request.app.state.operations
    assert isinstance(operations, Operations)
    return operations


@routes.get("/healthz", summary="The process runs")
async def healthz() -> Response:
    return PlainTextResponse("ok\n")


@routes.get("/readyz", summary="The process can do its work")
async def readyz(request: Request) -> Response:
    operations = _of(request)
    try:
        with anyio.fail_after(_PATIENCE):
            checks = await to_thread.run_sync(
                operations.health.checks,
                limiter=operations.limiter,
                abandon_on_cancel=True,
            )
    except TimeoutError:
        checks = {"database": "failed"}
    ready = "failed" not in checks.values()
    return JSONResponse({"ready": ready, "checks": checks}, 200 if ready else 503)


@routes.get("/metrics", summary="Numbers for Prometheus")
async def metrics(request: Request) -> Response:
    operations = _of(request)
    _admit(request, operations.settings)
    text = await to_thread.run_sync(operations.metrics.text, limiter=operations.limiter)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@routes.get("/.well-known/jwks.json", summary="The app's public keys")
async def jwks(request: Request) -> Response:
    operations = _of(request)
    document = await to_thread.run_sync(
        operations.signing_keys.public_jwks, limiter=operations.limiter
    )
    seconds = int(JWKS_MAX_AGE.total_seconds())
    return JSONResponse(document, headers={"Cache-Control": f"max-age={seconds}"})


def _admit(request: Request, settings: Settings) -> None:
    """Only who has the token may see the numbers; as if nothing were there else."""
    if settings.metrics_token is None:
        if settings.allow_loopback_http:
            return
        raise HTTPException(404)
    given = request.headers.get("authorization", "")
    wanted = f"Bearer {settings.metrics_token.get_secret_value()}"
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise HTTPException(404)
