"""The guide's own checks: what no validator of single resources sees.

Each finding is one line naming the artefact and what is wrong with it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fhir_profiles.canonical import BASE, FHIR_VERSION
from fhir_profiles.snapshot import base_elements
from fhir_profiles.vocabulary import Resource

_REMOVED = "0"


def findings(
    artefacts: Sequence[Resource],
    examples: Mapping[str, Mapping[str, Resource]],
    reasons: Mapping[str, Mapping[str, str]],
) -> list[str]:
    """All that is wrong with the guide; nothing where it is whole.

    Takes:  the artefacts, and for each profile its examples by file name and the
            reasons of the invalid ones.
    """
    found = list(_addresses(artefacts))
    known = {artefact["url"]: artefact for artefact in artefacts if "url" in artefact}
    for artefact in artefacts:
        found += [f"{artefact['id']}: {line}" for line in _one(artefact, known)]
    profiles = [a for a in artefacts if a["resourceType"] == "StructureDefinition"]
    for profile in profiles:
        own = examples.get(profile["id"], {})
        why = reasons.get(profile["id"], {})
        found += [f"{profile['id']}: {line}" for line in _shown(profile, own, why)]
    ids = Counter(
        (example["resourceType"], example["id"])
        for own in examples.values()
        for example in own.values()
    )
    found += [f"example {name[1]}: stands twice" for name, n in ids.items() if n > 1]
    return found


def _addresses(artefacts: Sequence[Resource]) -> Iterator[str]:
    for artefact in artefacts:
        expected = f"{BASE}/{artefact['resourceType']}/{artefact['id']}"
        if artefact.get("url") != expected:
            yield f"{artefact['id']}: its url is not {expected}"
    urls = Counter(artefact.get("url") for artefact in artefacts)
    yield from (f"{url}: stands twice" for url, n in urls.items() if n > 1)


def _one(artefact: Resource, known: Mapping[str, Resource]) -> Iterator[str]:
    for canonical in sorted(set(_canonicals(artefact))):
        if canonical not in known:
            yield f"names {canonical}, which does not exist"
    checks = {
        "StructureDefinition": _profile,
        "CodeSystem": _code_system,
        "ConceptMap": _concept_map,
        "ImplementationGuide": _guide,
    }
    check = checks.get(artefact["resourceType"])
    if check is not None:
        yield from check(artefact, known)


def _canonicals(value: Any) -> Iterator[str]:
    """Every address under our base, wherever it stands."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _canonicals(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _canonicals(inner)
    elif isinstance(value, str) and value.startswith(f"{BASE}/"):
        yield value


def _profile(profile: Resource, _known: Mapping[str, Resource]) -> Iterator[str]:
    if profile["fhirVersion"] != FHIR_VERSION:
        yield f"is not FHIR {FHIR_VERSION}"
    base = {element["id"]: element for element in base_elements(profile["type"])}
    keys = Counter(
        rule["key"]
        for element in profile["differential"]["element"]
        for rule in element.get("constraint", ())
    )
    yield from (f"rule {key} stands twice" for key, n in keys.items() if n > 1)
    for element in profile["snapshot"]["element"]:
        original = base.get(element["path"])
        if original is not None:
            yield from _widened(element, original)


def _widened(element: Resource, original: Resource) -> Iterator[str]:
    """A profile may only narrow what R4 allows."""
    name = element["id"]
    sliced = ":" in name
    if not sliced and int(element["min"]) < int(original["min"]):
        yield f"{name}: fewer than R4 asks for"
    if _more(element["max"], original["max"]):
        yield f"{name}: more than R4 allows"
    if element["max"] != "*" and int(element["min"]) > int(element["max"]):
        yield f"{name}: its minimum is above its maximum"
    codes = {kind["code"] for kind in original.get("type", ())}
    if element["max"] != _REMOVED and not codes >= {
        kind["code"] for kind in element.get("type", ())
    }:
        yield f"{name}: a type that R4 does not have there"


def _more(own: str, original: str) -> bool:
    if original == "*":
        return False
    return own == "*" or int(own) > int(original)


def _code_system(system: Resource, _known: Mapping[str, Resource]) -> Iterator[str]:
    codes = Counter(concept["code"] for concept in system.get("concept", ()))
    yield from (f"code {code} stands twice" for code, n in codes.items() if n > 1)
    if system["count"] != sum(codes.values()):
        yield "its count is not the number of its codes"


def _concept_map(resource: Resource, known: Mapping[str, Resource]) -> Iterator[str]:
    for group in resource.get("group", ()):
        system = known.get(group["target"], {})
        codes = {concept["code"] for concept in system.get("concept", ())}
        for element in group["element"]:
            for target in element["target"]:
                if target["code"] not in codes:
                    yield f"{element['code']}: maps to {target['code']}, no such code"


def _guide(guide: Resource, known: Mapping[str, Resource]) -> Iterator[str]:
    listed = {
        entry["reference"]["reference"] for entry in guide["definition"]["resource"]
    }
    for artefact in known.values():
        name = f"{artefact['resourceType']}/{artefact['id']}"
        if artefact is not guide and name not in listed:
            yield f"does not list {name}"


def _shown(
    profile: Resource, examples: Mapping[str, Resource], reasons: Mapping[str, str]
) -> Iterator[str]:
    invalid = [name for name in examples if name.startswith("invalid-")]
    if "valid.json" not in examples:
        yield "has no valid example"
    if len(invalid) < 2:
        yield "has fewer than two invalid examples"
    for name in invalid:
        if not reasons.get(name):
            yield f"{name}: does not say why it is invalid"
    for name, example in examples.items():
        if example.get("resourceType") != profile["type"]:
            yield f"{name}: is no {profile['type']}"
        if profile["url"] not in example.get("meta", {}).get("profile", ()):
            yield f"{name}: does not name its profile"
