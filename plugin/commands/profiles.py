"""`selfhelp profiles`: the FHIR conformance artefacts, for those who build on them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fhir_profiles import vocabulary
from fhir_profiles.canonical import BASE, FHIR_VERSION, VERSION
from fhir_profiles.check import findings
from fhir_profiles.load import PROFILES, artefacts, examples, reasons
from plugin.commands.endings import BadInput, Findings
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.load import load_knowledge
from plugin.knowledge.needs import Code, NeedEntry

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Resource = dict[str, Any]

# A package of this form can be loaded by validators and servers.
_PACKAGE = {
    "name": "selfhelp.referral",
    "version": VERSION,
    "canonical": BASE,
    "fhirVersions": [FHIR_VERSION],
    "dependencies": {"hl7.fhir.r4.core": FHIR_VERSION},
    "description": "How a referral to a self-help group stands in a FHIR R4 record.",
    "license": "Apache-2.0",
}


@app.callback()
def profiles() -> None:
    """Export the FHIR conformance artefacts."""


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made if missing.")],
) -> None:
    """Write profiles, value sets, code systems, the concept map and the guide."""
    published = artefacts(published_knowledge(load_knowledge()))
    shown = {profile_id: examples(profile_id) for profile_id in PROFILES}
    found = findings(published, shown, {p: reasons(p) for p in PROFILES})
    if found:
        raise Findings(f"The artefacts are not whole: {'; '.join(found)}")
    written = 0
    try:
        for name, resource in _files(published, shown):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(resource, indent=2, ensure_ascii=False)
            path.write_text(text + "\n", "utf-8")
            written += 1
    except OSError as error:
        raise BadInput(
            f"{folder} cannot be written ({error.strerror}): name a folder of yours."
        ) from error
    print(f"{written} files written to {folder}")


def published_knowledge(knowledge: Knowledge) -> vocabulary.Knowledge:
    """What of the knowledge base is published: needs, programmes, and their codes."""
    return vocabulary.Knowledge(
        version=knowledge.version,
        needs=[
            vocabulary.Concept(need.id, need.name) for need in knowledge.needs.values()
        ],
        programs=[
            vocabulary.Concept(program.id, program.name)
            for program in knowledge.programs.values()
        ],
        mappings=[m for need in knowledge.needs.values() for m in _mappings(need)],
    )


def _mappings(need: NeedEntry) -> Iterator[vocabulary.Mapping]:
    for code in (*need.icd10cm, *need.remission_icd10cm):
        yield _mapping(need, code, vocabulary.ICD_10_CM)
    for code in (*need.snomed, *need.remission_snomed):
        yield _mapping(need, code, vocabulary.SNOMED_CT)
    for excluded in need.exclude_icd10cm:
        yield vocabulary.Mapping(
            vocabulary.ICD_10_CM, excluded, "", need.id, prefix=True, excluded=True
        )


def _mapping(need: NeedEntry, code: Code, system: str) -> vocabulary.Mapping:
    return vocabulary.Mapping(
        system=system,
        code=code.code,
        display=code.display,
        need=need.id,
        prefix=system == vocabulary.ICD_10_CM and not code.exact,
        confidence=_confidence(code.confidence),
    )


def _confidence(value: float) -> vocabulary.Confidence:
    if value >= 1:
        return "high"
    return "medium" if value > 0 else "low"


def _files(
    published: list[Resource], shown: Mapping[str, Mapping[str, Resource]]
) -> Iterator[tuple[str, Resource]]:
    yield "package.json", _PACKAGE
    for artefact in published:
        yield f"{artefact['resourceType']}-{artefact['id']}.json", artefact
    for profile_id, own in shown.items():
        for name, example in own.items():
            yield f"examples/{profile_id}/{name}", example
