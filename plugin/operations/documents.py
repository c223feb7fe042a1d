"""`/openapi.json` and `/docs`: the interface, described. In demonstrations only.

The page is our own and plain: the usual ones load their script from elsewhere, which
the content security policy forbids.
"""

from html import escape

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

routes = APIRouter(include_in_schema=False)


@routes.get("/openapi.json")
async def openapi_json(request: Request) -> Response:
    return JSONResponse(request.app.openapi())


@routes.get("/docs")
async def docs(request: Request) -> Response:
    document = request.app.openapi()
    rows = [
        f"<tr><td>{escape(method.upper())}</td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('summary', ''))}</td></tr>"
        for path, operations in sorted(document["paths"].items())
        for method, operation in operations.items()
    ]
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{escape(document['info']['title'])}: HTTP interface</title>"
        f"<h1>{escape(document['info']['title'])} {escape(document['info']['version'])}"
        "</h1><p>The whole document: <a href=/openapi.json>openapi.json</a></p>"
        "<table><tr><th>Method<th>Path<th>Does</tr>" + "".join(rows) + "</table></html>"
    )
