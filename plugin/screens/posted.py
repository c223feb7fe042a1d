"""Forms and JSON bodies as they arrive: read once, within limits, as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request

from plugin.screens.errors import BodyUnreadable, NotJson

MOST_FIELDS = 400
LONGEST_FIELD = 64 * 1024  # bytes
LONGEST_BODY = 200 * 1024  # bytes: a long note in any script, and room to spare


@dataclass(frozen=True, slots=True)
class Posted:
    """The fields of a form, in the order in which they stand on the page."""

    fields: Sequence[tuple[str, str]]

    def one(self, name: str, default: str = "") -> str:
        return next((v for n, v in self.fields if n == name), default)

    def every(self, name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(v for n, v in self.fields if n == name))

    def starting(self, prefix: str) -> Mapping[str, str]:
        """Fields of one family, such as `did-S1`, by what follows the prefix."""
        return {
            n.removeprefix(prefix): v for n, v in self.fields if n.startswith(prefix)
        }


async def form_of(request: Request) -> Posted:
    """The posted form.

    Raises: BodyUnreadable for what is no form, 413 for one that is too large.
    """
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise BodyUnreadable("a form was expected")
    await body_of(request)
    try:
        form = await request.form(
            max_files=0, max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD
        )
    except HTTPException:
        raise BodyUnreadable("the form cannot be read") from None
    return Posted([(n, plain(v)) for n, v in form.multi_items() if isinstance(v, str)])


async def json_of(request: Request) -> dict[str, Any]:
    """The JSON object in the body, strictly declared as such.

    Raises: NotJson for another content type, BodyUnreadable for what is no object.
    """
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if kind != "application/json":
        raise NotJson("the content type is not application/json")
    try:
        value = orjson.loads(await body_of(request))
    except orjson.JSONDecodeError:
        raise BodyUnreadable("the body is not JSON") from None
    if not isinstance(value, dict):
        raise BodyUnreadable("the body is not a JSON object")
    return value


async def body_of(request: Request) -> bytes:
    """The body, read no further than it may be long.

    Raises: HTTPException 413.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > LONGEST_BODY:
        raise HTTPException(413)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise HTTPException(413)
    # Kept where Starlette keeps it, so that the form parser finds it too.
    request._body = bytes(body)
    return request._body


def plain(text: str) -> str:
    """Without what no database and no reader takes; line ends as LF."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")


Form = Annotated[Posted, Depends(form_of)]
JsonBody = Annotated[dict[str, Any], Depends(json_of)]
