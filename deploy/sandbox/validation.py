"""Is a resource valid FHIR R4? Stricter than most servers: nothing unknown is kept.

What is checked: required elements, cardinality, primitive forms, required bindings,
choices, unknown elements, extensions, and the form and target type of references.
"""

from collections.abc import Iterator, Mapping

from deploy.sandbox.elements import Element, definitions
from deploy.sandbox.flavours import READABLE
from deploy.sandbox.primitives import PRIMITIVES, primitive_problem
from deploy.sandbox.refusals import Issue
from deploy.sandbox.wire import Json

# Required bindings on CodeableConcepts, which elements.json cannot say.
_CONDITION = "http://terminology.hl7.org/CodeSystem/condition-"
_BOUND_CONCEPTS: Mapping[tuple[str, str], tuple[str, frozenset[str]]] = {
    ("Condition", "clinicalStatus"): (
        _CONDITION + "clinical",
        frozenset(
            {"active", "recurrence", "relapse", "inactive", "remission", "resolved"}
        ),
    ),
    ("Condition", "verificationStatus"): (
        _CONDITION + "ver-status",
        frozenset(
            {"unconfirmed", "provisional", "differential", "confirmed", "refuted"}
            | {"entered-in-error"}
        ),
    ),
}
_DEEPEST = 40
_EXTENSIONS = Element("Extension", many=True)


def problems(resource: Json, kind: str) -> list[Issue]:
    """Find everything that is wrong with a resource that should be of this type."""
    if resource.get("resourceType") != kind:
        text = f"resourceType must be {kind}"
        return [Issue("structure", text, "resourceType")]
    return list(_object(resource, kind, kind, 0))


def _object(value: object, kind: str, path: str, depth: int) -> Iterator[Issue]:
    if not isinstance(value, dict) or not value:
        yield Issue("structure", f"{path} must be an object that is not empty", path)
        return
    if depth > _DEEPEST:
        yield Issue("too-long", f"{path} is nested too deep", path)
        return
    elements = definitions()[kind]
    yield from _unknown(value, elements, path)
    yield from _missing(value, elements, path)
    for name, element in elements.items():
        if name in value:
            yield from _values(value[name], element, f"{path}.{name}", depth)
            yield from _bound_concept(value[name], (kind, name), f"{path}.{name}")
        if f"_{name}" in value:
            yield from _shadow(value, name, element, path, depth)
    yield from _special(value, kind, path)


def _unknown(
    value: Json, elements: Mapping[str, Element], path: str
) -> Iterator[Issue]:
    for name in value:
        if name in elements or (name == "resourceType" and "." not in path):
            continue
        base = name.removeprefix("_")
        shadows = name != base and base in elements and _primitive(elements[base])
        if not shadows:
            yield Issue("structure", f"unknown element {path}.{name}", f"{path}.{name}")


def _missing(
    value: Json, elements: Mapping[str, Element], path: str
) -> Iterator[Issue]:
    given: dict[str, list[str]] = {}
    wanted: set[str] = set()
    for name, element in elements.items():
        if element.choice:
            given.setdefault(element.choice, [])
            if name in value or f"_{name}" in value:
                given[element.choice].append(name)
            if element.choice_required:
                wanted.add(element.choice)
        elif element.required and name not in value and f"_{name}" not in value:
            yield Issue("required", f"{path}.{name} is required", f"{path}.{name}")
    for choice, names in given.items():
        if len(names) > 1:
            text = f"{path} has more than one {choice}[x]"
            yield Issue("structure", text, path)
        elif choice in wanted and not names:
            yield Issue("required", f"{path}.{choice}[x] is required", path)


def _values(value: object, element: Element, path: str, depth: int) -> Iterator[Issue]:
    if not element.many:
        yield from _one(value, element, path, depth)
        return
    if not isinstance(value, list) or not value:
        yield Issue("structure", f"{path} must be a list that is not empty", path)
        return
    for index, item in enumerate(value):
        if item is None and _primitive(element):
            continue  # its extension stands in the list with the underscore
        yield from _one(item, element, f"{path}[{index}]", depth)


def _one(value: object, element: Element, path: str, depth: int) -> Iterator[Issue]:
    if _primitive(element):
        wrong = primitive_problem(element.kind, value)
        if wrong:
            yield Issue("value", f"{path} {wrong}", path)
        elif (
            element.kind == "code" and element.allowed and value not in element.allowed
        ):
            yield Issue("code-invalid", f"{path} has a code that is not allowed", path)
        return
    if element.kind == "Resource":
        yield from _contained(value, path, depth)
        return
    yield from _object(value, element.kind, path, depth + 1)
    if element.kind == "Reference" and isinstance(value, dict):
        yield from _reference(value, element, path)


def _contained(value: object, path: str, depth: int) -> Iterator[Issue]:
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if not isinstance(value, dict) or kind not in READABLE:
        yield Issue("structure", f"{path} is of a type that is not known", path)
        return
    if "contained" in value:
        yield Issue("structure", f"{path} must not contain resources", path)
    inner = {name: part for name, part in value.items() if name != "resourceType"}
    yield from _object(inner, kind, path, depth + 1)


def _reference(value: Json, element: Element, path: str) -> Iterator[Issue]:
    literal = value.get("reference")
    if not isinstance(literal, str):
        if not value.get("identifier") and not value.get("display"):
            yield Issue("structure", f"{path} refers to nothing", path)
        return
    if literal.startswith("#"):
        return
    kind, slash, identity = literal.partition("/")
    if "://" in literal or literal.startswith(("urn:", "/")) or not slash:
        text = f"{path}: only relative references (Type/id) are taken"
        yield Issue("value", text, path)
        return
    if primitive_problem("id", identity.partition("/_history/")[0]):
        yield Issue("value", f"{path} is no valid reference", path)
    if element.allowed and not element.allowed & {"Resource", kind}:
        yield Issue("value", f"{path} may not refer to a {kind}", path)


def _shadow(
    value: Json, name: str, element: Element, path: str, depth: int
) -> Iterator[Issue]:
    """Check what stands beside a primitive value: an id and extensions alone."""
    shadow = value[f"_{name}"]
    if isinstance(shadow, list) != element.many:
        yield Issue("structure", f"{path}._{name} has the wrong form", path)
        return
    for index, item in enumerate(shadow if element.many else [shadow]):
        where = f"{path}._{name}[{index}]" if element.many else f"{path}._{name}"
        if item is None and element.many:
            continue
        if not isinstance(item, dict) or not item or set(item) - {"id", "extension"}:
            text = f"{where} may hold only id and extension"
            yield Issue("structure", text, where)
        elif "extension" in item:
            inner = f"{where}.extension"
            yield from _values(item["extension"], _EXTENSIONS, inner, depth)


def _special(value: Json, kind: str, path: str) -> Iterator[Issue]:
    if kind == "Extension":
        has_value = any(name.startswith(("value", "_value")) for name in value)
        if has_value == ("extension" in value):
            text = f"{path} must have either a value or extensions"
            yield Issue("structure", text, path)
    if kind == "Narrative" and value.get("status") == "empty":
        yield Issue("value", f"{path}.status may not be empty here", path)


def _bound_concept(value: object, place: tuple[str, str], path: str) -> Iterator[Issue]:
    bound = _BOUND_CONCEPTS.get(place)
    if bound is None or not isinstance(value, dict):
        return
    system, codes = bound
    codings = value.get("coding")
    given = [
        coding.get("code")
        for coding in (codings if isinstance(codings, list) else [])
        if isinstance(coding, dict) and coding.get("system") == system
        if isinstance(coding.get("code"), str)
    ]
    if not codes & set(given):
        yield Issue("code-invalid", f"{path} has no code of {system}", path)


def _primitive(element: Element) -> bool:
    return element.kind in PRIMITIVES
