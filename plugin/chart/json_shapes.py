"""Reading plain JSON that may have any shape, without ever raising."""

from collections.abc import Iterator
from typing import Any

from plugin.chart.chart import Coding

Json = dict[str, Any]


# Longer than any code, name or reference; what is longer is cut, not kept.
LONGEST = 2_000


def text(value: object) -> str:
    """A string as sent, else "". NUL is left out: no database takes it."""
    if not isinstance(value, str):
        return ""
    return value[:LONGEST].replace("\x00", "").strip()


def number(value: object) -> float | None:
    """A number, or a string that is one; never a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if abs(result) < 1e12 else None


def one(value: object) -> Json:
    """An object, or the first object of a list, else {}."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    return value if isinstance(value, dict) else {}


def many(value: object) -> Iterator[Json]:
    """The objects of a list; a lone object counts as a list of one."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item


def codings(concept: object) -> tuple[Coding, ...]:
    """The codings of a CodeableConcept (or of a list of them) that carry a code."""
    found = []
    for each in many(concept):
        for coding in many(each.get("coding")):
            code = text(coding.get("code"))
            if code:
                system = text(coding.get("system"))
                found.append(Coding(system, code, text(coding.get("display"))))
    return tuple(found)


def concept_text(concept: object) -> str:
    """The words of a CodeableConcept: its text, else the first display."""
    first = one(concept)
    displays = (text(c.get("display")) for c in many(first.get("coding")))
    return text(first.get("text")) or next((d for d in displays if d), "")


def first_code(concept: object) -> str:
    """The first code of a CodeableConcept; a bare string counts as the code."""
    if isinstance(concept, str):
        return concept.strip()
    found = codings(concept)
    return found[0].code if found else text(one(concept).get("text"))


def extensions(resource: Json, url: str) -> Iterator[Json]:
    for each in many(resource.get("extension")):
        if each.get("url") == url:
            yield each
