"""Answers as bytes: FHIR JSON and plain JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

FHIR_JSON = "application/fhir+json; charset=utf-8"

# The value of a parsed JSON object.
Json = dict[str, Any]


def fhir_answer(
    body: Json | None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a resource, or with nothing."""
    content = b"" if body is None else orjson.dumps(body)
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return Response(content, status, kept, media_type=FHIR_JSON if content else None)


def json_answer(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with plain JSON."""
    return Response(
        orjson.dumps(body), status, dict(headers or {}), media_type="application/json"
    )
