"""The JSON Schemas of the data files. Not needed to load them: to check them."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft202012Validator, ValidationError

SCHEMAS = Path(__file__).parent / "schema"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a data file does not keep of its schema."""

    path: tuple[str | int, ...]
    what: str

    def __str__(self) -> str:
        return f"{'/'.join(map(str, self.path)) or 'the file'}: {self.what}"


def problems(name: str, data: Any) -> list[Problem]:
    """Takes: the name of the schema; decoded JSON."""
    return list(_problems(name, orjson.dumps(data)))


@lru_cache(maxsize=64)
def _problems(name: str, text: bytes) -> tuple[Problem, ...]:
    """What was looked at once is not looked at again."""
    schema = orjson.loads((SCHEMAS / f"{name}.schema.json").read_bytes())
    found = [
        Problem((*error.absolute_path, *_unknown(error)), error.message[:200])
        for error in Draft202012Validator(schema).iter_errors(orjson.loads(text))
    ]
    found.sort(key=lambda problem: [str(part) for part in problem.path])
    return tuple(found)


def _unknown(error: ValidationError) -> list[str]:
    """The key that is not known, where this is what is wrong."""
    if error.validator != "additionalProperties" or not isinstance(error.schema, dict):
        return []
    known = error.schema.get("properties", {})
    said: Any = error.instance
    return [key for key in said if key not in known][:1]
