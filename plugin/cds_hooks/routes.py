"""`/cds-services`: discovery, the services, their feedback; and the rule sheets.

The routes are `async`: a call waits for its turn without a thread, and those that ask
a slow EHR have threads of their own.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import anyio
import orjson
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response

from plugin.cds_hooks.admission import Admission, Admitted, Request
from plugin.cds_hooks.cors import Cors
from plugin.cds_hooks.desk import Desk
from plugin.cds_hooks.errors import CdsError, TooLarge, TooSlow, told
from plugin.cds_hooks.reporting import Reporting
from plugin.cds_hooks.rule_sheets import RuleSheets
from plugin.cds_hooks.services import discovery
from plugin.cds_hooks.shapes import CALL, FEEDBACK, answers, body

T = TypeVar("T")

MOST_BYTES = 16 * 2**20
PATIENCE = 2.1  # seconds; an answer is due after 2.5


@dataclass(frozen=True, slots=True)
class CdsService:
    """What these routes need. Prefetched calls and calls that read share no threads."""

    admission: Admission
    desk: Desk
    reporting: Reporting
    cors: Cors
    rule_sheets: RuleSheets
    public_url: str
    quick: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(8))
    slow: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(8))


router = APIRouter(tags=["cds-hooks"])


def _of(request: HttpRequest) -> CdsService:
    service = request.app.state.house.cds
    assert isinstance(service, CdsService)
    return service


@router.get("/cds-services", responses=answers(200), summary="The services")
async def services(request: HttpRequest) -> Response:
    return _of(request).cors.dressed(request, _json(discovery()))


@router.post(
    "/cds-services/{service_id}",
    responses=answers(200, 400, 401, 403, 404, 412, 413, 415, 503),
    openapi_extra=body(CALL),
    summary="Cards for a call",
)
async def call(request: HttpRequest, service_id: str) -> Response:
    cds = _of(request)

    async def answered() -> Response:
        asked = await _asked(request, service_id, f"/cds-services/{service_id}")
        found = await _run(cds.quick, partial(_quickly, cds, asked))
        if isinstance(found, Admitted):
            found = await _run(cds.slow, partial(cds.desk.answer, found))
        return _json(found)

    return await _in_time(request, answered)


@router.post(
    "/cds-services/{service_id}/feedback",
    responses=answers(200, 400, 401, 404, 413, 415, 503),
    openapi_extra=body(FEEDBACK),
    summary="What became of cards",
)
async def feedback(request: HttpRequest, service_id: str) -> Response:
    cds = _of(request)

    async def answered() -> Response:
        path = f"/cds-services/{service_id}/feedback"
        asked = await _asked(request, service_id, path)
        await _run(cds.quick, partial(cds.reporting.take_feedback, asked))
        return _json({})

    return await _in_time(request, answered)


@router.options("/cds-services", include_in_schema=False)
@router.options("/cds-services/{service_id}", include_in_schema=False)
@router.options("/cds-services/{service_id}/feedback", include_in_schema=False)
async def preflight(request: HttpRequest) -> Response:
    return _of(request).cors.preflight(request)


@router.get(
    "/rules/{rule_id}",
    summary="What a rule rests on",
    response_class=PlainTextResponse,
    responses=answers(404),
)
async def rule_sheet(request: HttpRequest, rule_id: str) -> Response:
    """Public: it says nothing of a patient."""
    return _of(request).rule_sheets.answer(rule_id)


async def _in_time(
    request: HttpRequest, answer: Callable[[], Awaitable[Response]]
) -> Response:
    cors = _of(request).cors
    try:
        with anyio.fail_after(PATIENCE):
            return cors.dressed(request, await answer())
    except TimeoutError:
        return cors.dressed(request, told(request, TooSlow("not ready in time")))
    except CdsError as error:
        return cors.dressed(request, told(request, error))


def _quickly(cds: CdsService, asked: Request) -> Admitted | dict[str, Any]:
    """The answer; or what is admitted, where the EHR has to be asked for it first."""
    admitted = cds.admission.admit(asked)
    return admitted if admitted.reads else cds.desk.answer(admitted)


async def _run(limiter: CapacityLimiter, work: Callable[[], T]) -> T:
    return await to_thread.run_sync(work, limiter=limiter, abandon_on_cancel=True)


async def _asked(request: HttpRequest, service_id: str, path: str) -> Request:
    """Raises: TooLarge."""
    return Request(
        service=service_id,
        audience=_of(request).public_url + path,
        authorization=request.headers.getlist("authorization"),
        content_type=request.headers.get("content-type", ""),
        body=await _body(request),
    )


async def _body(request: HttpRequest) -> bytes:
    """Raises: TooLarge."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MOST_BYTES:
        raise TooLarge("the declared length is too large")
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > MOST_BYTES:
            raise TooLarge("the body is too large")
    return bytes(read)


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
