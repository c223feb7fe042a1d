"""The element definitions of FHIR R4 that the sandbox checks against."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import orjson


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its type, how often it may stand, and what it may hold."""

    kind: str
    required: bool = False
    many: bool = False
    choice: str = ""  # the group of which only one may be given, as value of value[x]
    choice_required: bool = False
    allowed: frozenset[str] = frozenset()  # codes, or types a reference may point at


@functools.cache
def definitions() -> Mapping[str, Mapping[str, Element]]:
    """Read the elements of every type, by name of the type and of the element."""
    raw = orjson.loads(files("deploy.sandbox").joinpath("elements.json").read_bytes())
    return {
        name: {element: _parse(text) for element, text in elements.items()}
        for name, elements in raw.items()
        if not name.startswith("_")
    }


def _parse(text: str) -> Element:
    head, *rest = text.split(" ")
    choice = next((part[1:] for part in rest if part.startswith("@")), "")
    allowed = next((part for part in rest if not part.startswith("@")), "")
    return Element(
        kind=head.rstrip("!*"),
        required="!" in head,
        many="*" in head,
        choice=choice.rstrip("!"),
        choice_required=choice.endswith("!"),
        allowed=frozenset(allowed.split("|")) if allowed else frozenset(),
    )
