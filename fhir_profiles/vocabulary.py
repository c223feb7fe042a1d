"""CodeSystems, ValueSets and the ConceptMap: our codes, and how charts map to needs.

The knowledge base is handed in as plain values, so that this package knows nothing of
the app.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from fhir_profiles.canonical import (
    BASE,
    VERSION,
    code_system_url,
    value_set_url,
)

Resource = dict[str, Any]
Confidence = Literal["high", "medium", "low"]

ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED_CT = "http://snomed.info/sct"

NEEDS = "selfhelp-needs"
PROGRAMS = "selfhelp-programs"
CODES_TO_NEEDS = "selfhelp-codes-to-needs"

_DATED = "2026-11-24"


@dataclass(frozen=True, slots=True)
class Concept:
    """One code of a code system of ours."""

    code: str
    display: str
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A chart's code, or all codes that begin with it, and the need it speaks for."""

    system: str
    code: str
    display: str
    need: str
    prefix: bool = False
    confidence: Confidence = "high"
    excluded: bool = False  # looks as if it spoke for the need, and does not


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What of the knowledge base is published."""

    version: str
    needs: Sequence[Concept] = ()
    programs: Sequence[Concept] = ()
    mappings: Sequence[Mapping] = ()


def data(name: str) -> Any:
    """A data file of this package's `terminology`, with the canonical base put in."""
    text = files(__package__).joinpath("terminology", name).read_text("utf-8")
    return json.loads(text.replace("{BASE}", BASE))


def headed(kind: str, artefact_id: str, title: str, description: str) -> Resource:
    """What every artefact of ours begins with."""
    return {
        "resourceType": kind,
        "id": artefact_id,
        "url": f"{BASE}/{kind}/{artefact_id}",
        "version": VERSION,
        "name": "".join(part.capitalize() for part in artefact_id.split("-")),
        "title": title,
        "status": "active",
        "experimental": False,
        "date": _DATED,
        "publisher": "Self-help referral",
        "description": description,
    }


def vocabulary(knowledge: Knowledge) -> list[Resource]:
    """All CodeSystems and ValueSets, and the ConceptMap."""
    resources: list[Resource] = []
    for system in data("codes.json"):
        concepts = [Concept(**code) for code in system["codes"]]
        resources += _own_codes(
            system["id"], system["title"], system["description"], concepts
        )
    resources.append(_note_types())
    resources += _own_codes(
        NEEDS,
        "Needs",
        "What a chart may say that a self-help group answers.",
        knowledge.needs,
        version=knowledge.version,
    )
    resources += _own_codes(
        PROGRAMS,
        "Self-help programmes",
        "The programmes that the app knows.",
        knowledge.programs,
        version=knowledge.version,
    )
    resources.append(concept_map(knowledge))
    return resources


def concept_map(knowledge: Knowledge) -> Resource:
    """From the codes of charts to needs, one group for each code system."""
    resource = headed(
        "ConceptMap",
        CODES_TO_NEEDS,
        "From chart codes to needs",
        "Which need a code speaks for. A code whose comment begins with 'prefix'"
        " stands for every code that begins with it. Confidence: high and medium speak"
        " for the need; low asks the clinician. Codes in remission and the order of"
        " specific before general are rules of the app, not of this map.",
    )
    resource["version"] = knowledge.version
    resource["targetCanonical"] = value_set_url(NEEDS)
    systems = dict.fromkeys(mapping.system for mapping in knowledge.mappings)
    resource["group"] = [_group(system, knowledge.mappings) for system in systems]
    if not resource["group"]:
        del resource["group"]
    return resource


def _group(system: str, mappings: Iterable[Mapping]) -> Resource:
    elements: dict[str, Resource] = {}
    for mapping in mappings:
        if mapping.system != system:
            continue
        element = elements.setdefault(mapping.code, {"code": mapping.code})
        if mapping.display:
            element.setdefault("display", mapping.display)
        element.setdefault("target", []).append(_target(mapping))
    return {
        "source": system,
        "target": code_system_url(NEEDS),
        "element": list(elements.values()),
    }


def _target(mapping: Mapping) -> Resource:
    # R4 reads `equivalence` from target to source: a need is wider than a diagnosis.
    comment = "prefix; " if mapping.prefix else ""
    if mapping.excluded:
        comment += "does not speak for this need"
    else:
        comment += f"confidence {mapping.confidence}"
    return {
        "code": mapping.need,
        "equivalence": "disjoint" if mapping.excluded else "wider",
        "comment": comment,
    }


def _own_codes(
    artefact_id: str,
    title: str,
    description: str,
    concepts: Sequence[Concept],
    *,
    version: str = VERSION,
) -> list[Resource]:
    system = headed("CodeSystem", artefact_id, title, description)
    system |= {
        "version": version,
        "caseSensitive": True,
        "valueSet": value_set_url(artefact_id),
        "content": "complete",
        "count": len(concepts),
        "concept": [_concept(concept) for concept in concepts],
    }
    if not concepts:
        del system["concept"]
    value_set = headed("ValueSet", artefact_id, title, f"All of: {description}")
    value_set |= {
        "version": version,
        "compose": {"include": [{"system": code_system_url(artefact_id)}]},
    }
    return [system, value_set]


def _concept(concept: Concept) -> Resource:
    stated: Resource = {"code": concept.code, "display": concept.display}
    if concept.definition:
        stated["definition"] = concept.definition
    return stated


def _note_types() -> Resource:
    given = data("note-types.json")
    value_set = headed("ValueSet", given["id"], given["title"], given["description"])
    value_set["compose"] = {
        "include": [{"system": given["system"], "concept": given["codes"]}]
    }
    return value_set
