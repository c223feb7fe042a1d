"""Carries the faults out: before a call is served, and on its answer after."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from deploy.sandbox.connection import Dripping, Dropped, Flood, Truncated
from deploy.sandbox.entry_effects import FHIR_EFFECTS
from deploy.sandbox.faults import Fault
from deploy.sandbox.refusals import Issue, outcome
from deploy.sandbox.site import Site
from deploy.sandbox.wire import FHIR_JSON, Json, fhir_answer


@dataclass(slots=True)
class Arrival:
    """One request as the handlers see it, with the faults that work on it."""

    request: Request
    site: Site
    kind: str
    type: str = ""
    id: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[Fault] = ()

    def fault(self, effect: str) -> Fault | None:
        return next((fault for fault in self.faults if fault.effect == effect), None)


Handler = Callable[[Arrival], Awaitable[Response]]

# Late commits, held so that they are not collected before they are done.
_late: set[asyncio.Task[Response]] = set()


async def served(arrival: Arrival, handler: Handler) -> Response:
    """Serve a call with its faults."""
    for fault in arrival.faults:
        early = await _before(fault, arrival, handler)
        if early is not None:
            return early
    response = await handler(arrival)
    for fault in arrival.faults:
        response = _after(fault, arrival, response)
    return response


async def _before(fault: Fault, arrival: Arrival, handler: Handler) -> Response | None:
    detail = fault.detail
    match fault.effect:
        case "delay":
            await asyncio.sleep(float(detail["seconds"]))
        case "hang":
            return Dropped(float(detail.get("seconds", 60)))
        case "drop_before":
            return Dropped()
        case "commit_late":
            task = asyncio.create_task(
                _later(float(detail["seconds"]), arrival, handler)
            )
            _late.add(task)
            task.add_done_callback(_late.discard)
            return Dropped()
        case "status" if not detail.get("commit"):
            return _status(detail)
        case "redirect":
            place = {"Location": str(detail["location"])}
            return Response(b"", int(detail.get("code", 302)), place)
        case "body":
            content = str(detail["text"]).encode()
            kind = str(detail.get("content_type", FHIR_JSON))
            return Response(content, int(detail.get("code", 200)), media_type=kind)
    return None


async def _later(seconds: float, arrival: Arrival, handler: Handler) -> Response:
    await asyncio.sleep(seconds)
    return await handler(arrival)


def _status(detail: Mapping[str, Any]) -> Response:
    headers = {}
    if "retry_after" in detail:
        headers["Retry-After"] = str(detail["retry_after"])
    text = str(detail.get("text", "the server cannot serve this now"))
    issue = Issue(str(detail.get("issue", "transient")), text)
    return fhir_answer(outcome(issue), int(detail["code"]), headers)


def _after(fault: Fault, arrival: Arrival, response: Response) -> Response:
    detail = fault.detail
    match fault.effect:
        case "drop_after":
            return Dropped()
        case "status":
            return _status(detail)
        case "truncate":
            close = bool(detail.get("close_delimited"))
            keep = float(detail.get("keep", 0.5))
            return Truncated(response, keep, close_delimited=close)
        case "drip":
            return Dripping(response, float(detail.get("seconds", 1)))
        case "flood":
            return Flood(response, int(detail.get("megabytes", 20)))
        case "headers":
            for name in detail.get("remove", ()):
                if name in response.headers:
                    del response.headers[name]
            response.headers.update(detail.get("set", {}))
            return response
        case "change":
            return _changed(response, lambda body: changed(body, detail))
    if fault.effect in FHIR_EFFECTS:
        effect = FHIR_EFFECTS[fault.effect]
        return _changed(
            response, lambda body: effect(body, detail, arrival.site, arrival.request)
        )
    return response


def changed(body: Json, detail: Mapping[str, Any]) -> Json:
    """Put members in and take members out of a JSON object."""
    gone = set(detail.get("remove", ()))
    kept = {name: value for name, value in body.items() if name not in gone}
    return kept | dict(detail.get("set", {}))


def _changed(response: Response, change: Callable[[Json], Json]) -> Response:
    if not 200 <= response.status_code < 300 or not response.body:
        return response
    body = change(orjson.loads(bytes(response.body)))
    fresh = Response(orjson.dumps(body), response.status_code)
    length = (b"content-length", str(len(fresh.body)).encode())
    kept = [pair for pair in response.raw_headers if pair[0] != b"content-length"]
    fresh.raw_headers = [*kept, length]
    return fresh
