"""The conformance artefacts, put together from the data files of this package."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from fhir_profiles.canonical import BASE, FHIR_VERSION, profile_url
from fhir_profiles.snapshot import differential, snapshot
from fhir_profiles.statements import capability_statement, implementation_guide
from fhir_profiles.vocabulary import Knowledge, Resource, data, headed, vocabulary

__all__ = [
    "PROFILES",
    "artefacts",
    "examples",
    "profile",
    "profile_url",
    "reasons",
]

# In the order in which a referral is written.
PROFILES = (
    "selfhelp-service-request",
    "selfhelp-note",
    "selfhelp-provenance",
    "selfhelp-task",
    "selfhelp-outcome-response",
    "selfhelp-audit-event",
    "selfhelp-meeting",
)


def profile(profile_id: str) -> Resource:
    """One StructureDefinition, differential and snapshot.

    Raises: FileNotFoundError for a profile that we do not have.
    """
    given: dict[str, Any] = json.loads(_read("definitions", f"{profile_id}.json"))
    own = differential(given["elements"])
    resource = headed(
        "StructureDefinition", given["id"], given["title"], given["description"]
    )
    return resource | {
        "fhirVersion": FHIR_VERSION,
        "kind": "resource",
        "abstract": False,
        "type": given["type"],
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{given['type']}",
        "derivation": "constraint",
        "snapshot": {"element": snapshot(given["type"], own)},
        "differential": {"element": own},
    }


def artefacts(knowledge: Knowledge) -> list[Resource]:
    """Everything that is published, the ImplementationGuide last."""
    resources = [profile(profile_id) for profile_id in PROFILES]
    resources.append(_questionnaire())
    resources += vocabulary(knowledge)
    resources.append(capability_statement())
    return [*resources, implementation_guide(resources, _published_examples())]


def examples(profile_id: str) -> dict[str, Resource]:
    """The examples of a profile by file name: `valid.json` and `invalid-*.json`."""
    folder = files(__package__).joinpath("examples", profile_id)
    names = sorted(f.name for f in folder.iterdir() if f.name.endswith(".json"))
    return {
        name: json.loads(_read("examples", profile_id, name))
        for name in names
        if name != "reasons.json"
    }


def reasons(profile_id: str) -> dict[str, str]:
    """For each invalid example, the place where it breaks the profile."""
    found: dict[str, str] = json.loads(_read("examples", profile_id, "reasons.json"))
    return found


def _published_examples() -> list[tuple[str, Resource]]:
    return [(profile_id, examples(profile_id)["valid.json"]) for profile_id in PROFILES]


def _questionnaire() -> Resource:
    given = data("questionnaire.json")
    resource = headed(
        "Questionnaire",
        given["id"],
        given["title"],
        "Ten seconds at a later visit: did the patient get there, and what then?",
    )
    return resource | {"subjectType": ["Patient"], "item": given["item"]}


@cache
def _read(*path: str) -> str:
    text = files(__package__).joinpath(*path).read_text("utf-8")
    return text.replace("{BASE}", BASE)
