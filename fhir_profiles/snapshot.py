"""A differential laid over R4's own elements: the snapshot that validators read.

Elements are known by their id, as in the specification: `Provenance.agent:author.who`
is the element `Provenance.agent.who` within the slice `author`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any

Element = dict[str, Any]

_SLICE = re.compile(r":[^.]+")


@cache
def _table(name: str) -> tuple[Element, ...]:
    text = files(__package__).joinpath("base", f"{name}.json").read_text("utf-8")
    return tuple(json.loads(text))


def base_elements(name: str) -> list[Element]:
    """R4's elements of a resource or datatype. Raises: FileNotFoundError if unknown."""
    return deepcopy(list(_table(name)))


def path_of(element_id: str) -> str:
    return _SLICE.sub("", element_id)


def differential(elements: Sequence[Mapping[str, Any]]) -> list[Element]:
    """Full differential elements: path and slice name follow from the id."""
    full = []
    for given in elements:
        element: Element = {"id": given["id"], "path": path_of(given["id"])}
        last = given["id"].rsplit(".", 1)[-1]
        if ":" in last:
            element["sliceName"] = last.split(":", 1)[1]
        full.append(element | dict(given))
    return full


def snapshot(name: str, elements: Sequence[Element]) -> list[Element]:
    """All elements of a profile.

    Takes:  the resource that is constrained, and the differential.
    Raises: KeyError for an element that R4 does not have.
    """
    laid = base_elements(name)
    for element in elements:
        place = _place(laid, element["id"])
        laid[place] = _merged(laid[place], element)
    return laid


def _place(laid: list[Element], element_id: str) -> int:
    """Where an element stands; it is unfolded or sliced off where it does not yet."""
    for place, element in enumerate(laid):
        if element["id"] == element_id:
            return place
    if "." not in element_id:
        raise KeyError(element_id)
    parent, last = element_id.rsplit(".", 1)
    if ":" in last:
        return _sliced(laid, f"{parent}.{last.split(':', 1)[0]}", element_id)
    _unfold(laid, parent)
    for place, element in enumerate(laid):
        if element["id"] == element_id:
            return place
    raise KeyError(element_id)


def _sliced(laid: list[Element], whole_id: str, slice_id: str) -> int:
    whole = laid[_place(laid, whole_id)]
    after = max(
        place
        for place, element in enumerate(laid)
        if element["id"] == whole_id
        or element["id"].startswith((f"{whole_id}.", f"{whole_id}:"))
    )
    own = {k: deepcopy(v) for k, v in whole.items() if k != "slicing"}
    laid.insert(after + 1, own | {"id": slice_id, "min": 0})
    return after + 1


def _unfold(laid: list[Element], parent_id: str) -> None:
    """Put the parent's children under it: its slice's pattern's, or its datatype's."""
    place = _place(laid, parent_id)
    if ":" in parent_id.rsplit(".", 1)[-1]:
        whole_id = parent_id.rsplit(":", 1)[0]
        children = [e for e in laid if e["id"].startswith(f"{whole_id}.")]
        old = whole_id
    else:
        children = []
        old = parent_id
    if not children:
        types = laid[place].get("type", [])
        if len(types) != 1:
            raise KeyError(f"{parent_id}: no single type to unfold")
        old = types[0]["code"]
        children = base_elements(old)[1:]
    parent_path = path_of(parent_id)
    rebased = [
        deepcopy(child)
        | {
            "id": parent_id + child["id"].removeprefix(old),
            "path": parent_path + child["path"].removeprefix(path_of(old)),
        }
        for child in children
    ]
    laid[place + 1 : place + 1] = rebased


def _merged(base: Element, own: Element) -> Element:
    merged = base | own
    if "constraint" in own:
        merged["constraint"] = [*base.get("constraint", []), *own["constraint"]]
    return merged
