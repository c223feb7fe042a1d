"""The JSON Schemas of the data files. Not needed to load them: to check them."""

from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parent / "schema"


def problems(name: str, data: Any) -> list[str]:
    """What a data file does not keep of its schema: where, and what."""
    schema = orjson.loads((SCHEMAS / f"{name}.schema.json").read_bytes())
    errors = Draft202012Validator(schema).iter_errors(data)
    found = sorted(errors, key=lambda e: [str(part) for part in e.absolute_path])
    return [f"{_where(list(e.absolute_path))}: {e.message[:200]}" for e in found]


def _where(path: list[Any]) -> str:
    return "/".join(str(part) for part in path) or "the file"
