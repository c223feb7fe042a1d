"""The artefacts, and an independent validator that has read them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles.canonical import BASE
from fhir_profiles.load import artefacts
from fhir_profiles.vocabulary import ICD_10_CM, SNOMED_CT, Concept, Knowledge, Mapping

# (where it is or which rule it is, how it is said)
Problem = tuple[str, str]

KNOWLEDGE = Knowledge(
    version="2026.11",
    needs=(
        Concept("alcohol", "Alcohol use disorder"),
        Concept("depression", "Depression"),
    ),
    programs=(
        Concept("smart", "SMART Recovery"),
        Concept("dbsa", "DBSA support group"),
    ),
    mappings=(
        Mapping(ICD_10_CM, "F10", "Alcohol related disorders", "alcohol", prefix=True),
        Mapping(ICD_10_CM, "F33", "Recurrent depression", "depression", prefix=True),
        Mapping(ICD_10_CM, "K70", "Alcoholic liver disease", "alcohol", True, "medium"),
        Mapping(ICD_10_CM, "Z81.1", "Family history", "alcohol", excluded=True),
        Mapping(SNOMED_CT, "7200002", "Alcoholism", "alcohol"),
        Mapping(SNOMED_CT, "7200002", "Alcoholism", "depression", confidence="low"),
    ),
)


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return KNOWLEDGE


@pytest.fixture(scope="session")
def published(knowledge: Knowledge) -> list[dict[str, Any]]:
    return artefacts(knowledge)


@pytest.fixture(scope="session")
def problems(
    published: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[dict[str, Any]], list[Problem]]:
    """What Pyrofile, an R4 validator of another house, holds against a resource.

    Errors alone: it warns of references that it cannot follow, and of missing
    narrative, which is not our habit.
    """
    from pyrofile_validator import Validator
    from pyrofile_validator.config import ValidatorConfig

    folder = tmp_path_factory.mktemp("artefacts")
    for artefact in published:
        _put(folder, artefact)
    questionnaire = next(a for a in published if a["resourceType"] == "Questionnaire")
    validator = Validator(
        ValidatorConfig.load_dict(
            {
                "fhirVersion": "4.0.1",
                "localPackagePaths": [str(folder)],
                "terminology": {"mode": "local"},
            }
        ),
        external_reference_resolver={questionnaire["url"]: questionnaire}.get,
        reference_origin=BASE,
    )

    def found(resource: dict[str, Any]) -> list[Problem]:
        report = validator.validate_resource(resource)
        return [
            (issue.code.rsplit(".", 1)[-1], issue.path or "")
            for issue in report.errors
            if not _mistaken(issue.code, issue.path or "")
            and not (issue.path == "Task.status" and _status_of_r4(resource))
        ]

    return found


def _mistaken(code: str, path: str) -> bool:
    """Pyrofile 0.3.0 does not know `text` of a Questionnaire's item, which R4 has.

    And it looks for the name of a Python type in an AuditEvent's query, not for base64.
    """
    if path.startswith("AuditEvent.entity[") and path.endswith("].query"):
        return code == "datatype.invalid"
    questionnaire = path.startswith(("Questionnaire.", "QuestionnaireResponse."))
    return code == "element.unknown" and questionnaire and path.endswith("].text")


def _status_of_r4(task: dict[str, Any]) -> bool:
    """Pyrofile 0.3.0 knows the first four of a Task's states, which R4's summary names.

    Source: FHIR R4 (4.0.1), ValueSet task-status.
    """
    return task.get("status") in {
        "draft",
        "requested",
        "received",
        "accepted",
        "rejected",
        "ready",
        "cancelled",
        "in-progress",
        "on-hold",
        "failed",
        "completed",
        "entered-in-error",
    }


def _put(folder: Path, artefact: dict[str, Any]) -> None:
    name = f"{artefact['resourceType']}-{artefact['id']}.json"
    (folder / name).write_text(json.dumps(artefact), "utf-8")
