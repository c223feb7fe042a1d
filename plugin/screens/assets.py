"""The app's own style sheet, script and pictures, each named by its content.

A name carries a digest of what it names, so a browser may keep the file for ever and
never sees an old one after an update.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

HERE = Path(__file__).parent / "static"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    path: str
    kind: str
    body: bytes


@cache
def assets() -> dict[str, Asset]:
    """Every file of `static/`, by its name."""
    return {
        file.name: _asset(file)
        for file in sorted(HERE.iterdir())
        if file.suffix in KINDS
    }


def _asset(file: Path) -> Asset:
    body = file.read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:16]
    name = f"{file.stem}.{digest}{file.suffix}"
    return Asset(f"/static/{name}", KINDS[file.suffix], body)


def asset_path(name: str) -> str:
    return assets()[name].path


router = APIRouter(include_in_schema=False)


@router.get("/static/{name}")
async def static_file(name: str) -> Response:
    for asset in assets().values():
        if asset.path == f"/static/{name}":
            return Response(
                asset.body,
                headers={"content-type": asset.kind, "cache-control": FOR_EVER},
            )
    raise HTTPException(404)
