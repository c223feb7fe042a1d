"""The primitive types of FHIR R4: what a value of each may look like.

Source: HL7 FHIR R4 (4.0.1), Data Types, the regular expressions given there.
"""

import base64
import binascii
import re
from collections.abc import Callable

_DATE = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_ZONE = r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"
_FULL_DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"

_PATTERNS = {
    "code": r"[^\s]+(\s[^\s]+)*",
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "oid": r"urn:oid:[0-2](\.(0|[1-9]\d*))+",
    "uri": r"\S+",
    "url": r"\S+",
    "canonical": r"\S+",
    "uuid": r"urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
    "date": _DATE,
    "dateTime": rf"{_DATE}|{_FULL_DATE}T{_CLOCK}{_ZONE}",
    "instant": rf"{_FULL_DATE}T{_CLOCK}{_ZONE}",
    "time": _CLOCK,
}
_COMPILED = {name: re.compile(pattern) for name, pattern in _PATTERNS.items()}
_LOWEST = {"integer": -(2**31), "unsignedInt": 0, "positiveInt": 1}
_HIGHEST = 2**31 - 1
# A string is capped at 1 MB, and carries no control character but tab and line ends.
_LONGEST = 1024 * 1024
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SCRIPT = re.compile(
    r"<\s*(script|iframe|object|form|style|link|meta)|\son\w+\s*=", re.I
)

PRIMITIVES = frozenset(
    {*_PATTERNS, *_LOWEST, "boolean", "decimal", "string", "markdown", "xhtml"}
    | {"base64Binary"}
)


def primitive_problem(kind: str, value: object) -> str:
    """Say what is wrong with a primitive value, or "" where nothing is."""
    if kind == "boolean":
        return "" if isinstance(value, bool) else "must be true or false"
    if kind in _LOWEST:
        return _integer_problem(kind, value)
    if kind == "decimal":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if number else "must be a number"
    return _text_problem(kind, value)


def _integer_problem(kind: str, value: object) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        return "must be a whole number"
    return "" if _LOWEST[kind] <= value <= _HIGHEST else f"is out of range for {kind}"


def _text_problem(kind: str, value: object) -> str:
    if not isinstance(value, str):
        return "must be a string"
    if not value or not value.strip():
        return "must not be empty"
    if len(value) > _LONGEST:
        return "is longer than 1 MB"
    if _CONTROL.search(value):
        return "contains a control character"
    if kind in _COMPILED and not _COMPILED[kind].fullmatch(value):
        return f"is no valid {kind}"
    return _SPECIAL[kind](value) if kind in _SPECIAL else ""


def _base64_problem(value: str) -> str:
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error:
        return "is no valid base64"
    return ""


def _xhtml_problem(value: str) -> str:
    if not value.startswith("<div") or not value.rstrip().endswith("</div>"):
        return "must be one div element"
    return "contains active content" if _SCRIPT.search(value) else ""


_SPECIAL: dict[str, Callable[[str], str]] = {
    "base64Binary": _base64_problem,
    "xhtml": _xhtml_problem,
}
