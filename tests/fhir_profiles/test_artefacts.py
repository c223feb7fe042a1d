"""The artefacts: whole, R4, and shown by examples."""

import copy
import json
from collections.abc import Callable
from typing import Any

import fhirkit
import pytest

from fhir_profiles import check
from fhir_profiles.canonical import BASE, profile_url
from fhir_profiles.load import PROFILES, examples, profile, reasons
from fhir_profiles.vocabulary import Knowledge, concept_map, vocabulary

pytestmark = pytest.mark.slow

Problems = Callable[[dict[str, Any]], list[tuple[str, str]]]

EXAMPLES = {profile_id: examples(profile_id) for profile_id in PROFILES}
REASONS = {profile_id: reasons(profile_id) for profile_id in PROFILES}

VALID = [
    pytest.param(own["valid.json"], id=profile_id)
    for profile_id, own in EXAMPLES.items()
]
INVALID = [
    pytest.param(example, REASONS[profile_id][name], id=f"{profile_id}-{name}")
    for profile_id, own in EXAMPLES.items()
    for name, example in own.items()
    if name != "valid.json"
]


def test_guide_is_whole(published: list[dict[str, Any]]) -> None:
    assert check.findings(published, EXAMPLES, REASONS) == []


@pytest.mark.slow
def test_artefacts_are_r4(published: list[dict[str, Any]], problems: Problems) -> None:
    for artefact in published:
        assert fhirkit.validate(json.dumps(artefact)) == [], artefact["id"]
        assert problems(artefact) == [], artefact["id"]


@pytest.mark.parametrize("example", VALID)
def test_valid_example_has_no_problem(
    example: dict[str, Any], problems: Problems
) -> None:
    assert fhirkit.validate(json.dumps(example)) == []
    assert problems(example) == []


@pytest.mark.parametrize(("example", "reason"), INVALID)
def test_invalid_example_fails_for_the_stated_reason(
    example: dict[str, Any], reason: str, problems: Problems
) -> None:
    found = problems(example)
    assert any(reason in (rule, place) for rule, place in found), found


@pytest.mark.parametrize(("example", "reason"), INVALID)
def test_invalid_example_is_base_r4(example: dict[str, Any], reason: str) -> None:
    # So that it is our profile that refuses it, and not R4.
    assert fhirkit.validate(json.dumps(example)) == [], reason


def test_profile_url_is_the_profiles_own() -> None:
    for profile_id in PROFILES:
        assert profile(profile_id)["url"] == profile_url(profile_id)


def test_concept_map_says_how_far_each_code_speaks(knowledge: Knowledge) -> None:
    icd, snomed = concept_map(knowledge)["group"]
    by_code = {element["code"]: element["target"] for element in icd["element"]}
    assert by_code["F10"] == [
        {
            "code": "alcohol",
            "equivalence": "wider",
            "comment": "prefix; confidence high",
        }
    ]
    assert by_code["K70"][0]["comment"] == "prefix; confidence medium"
    assert by_code["Z81.1"][0]["equivalence"] == "disjoint"
    assert [t["code"] for t in snomed["element"][0]["target"]] == [
        "alcohol",
        "depression",
    ]


def test_concept_map_of_nothing_has_no_group() -> None:
    empty = concept_map(Knowledge("0"))
    assert "group" not in empty
    assert fhirkit.validate(json.dumps(empty)) == []


def test_vocabulary_of_nothing_is_still_r4() -> None:
    for resource in vocabulary(Knowledge("0")):
        assert fhirkit.validate(json.dumps(resource)) == [], resource["id"]


# The guide's own checks, each seen to find what it is for


def _named(artefacts: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(a for a in artefacts if a["resourceType"] == kind and a["id"] == name)


def _element(artefacts: list[dict[str, Any]], name: str) -> dict[str, Any]:
    own = _named(artefacts, "StructureDefinition", "selfhelp-service-request")
    return next(e for e in own["snapshot"]["element"] if e["id"] == name)


def _widen(artefacts: list[dict[str, Any]]) -> None:
    _element(artefacts, "ServiceRequest.code")["max"] = "*"


def _loosen(artefacts: list[dict[str, Any]]) -> None:
    _element(artefacts, "ServiceRequest.subject")["min"] = 0


def _cross(artefacts: list[dict[str, Any]]) -> None:
    _element(artefacts, "ServiceRequest.performer")["min"] = 1


def _retype(artefacts: list[dict[str, Any]]) -> None:
    _element(artefacts, "ServiceRequest.authoredOn")["type"] = [{"code": "Period"}]


def _same_rule(artefacts: list[dict[str, Any]]) -> None:
    own = _named(artefacts, "StructureDefinition", "selfhelp-service-request")
    root = own["differential"]["element"][0]
    root["constraint"].append(root["constraint"][0])


def _other_release(artefacts: list[dict[str, Any]]) -> None:
    artefacts[0]["fhirVersion"] = "4.3.0"


def _other_base(artefacts: list[dict[str, Any]]) -> None:
    artefacts[-1]["url"] = "http://example.org/guide"


def _twice(artefacts: list[dict[str, Any]]) -> None:
    artefacts.append(copy.deepcopy(artefacts[0]))


def _lost(artefacts: list[dict[str, Any]]) -> None:
    artefacts.remove(_named(artefacts, "ValueSet", "selfhelp-note-types"))


def _same_code(artefacts: list[dict[str, Any]]) -> None:
    codes = _named(artefacts, "CodeSystem", "selfhelp-needs")["concept"]
    codes.append(codes[0])


def _no_such_need(artefacts: list[dict[str, Any]]) -> None:
    mapped = _named(artefacts, "ConceptMap", "selfhelp-codes-to-needs")["group"]
    mapped[0]["element"][0]["target"][0]["code"] = "boredom"


def _unlisted(artefacts: list[dict[str, Any]]) -> None:
    artefacts[-1]["definition"]["resource"].pop(0)


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        pytest.param(_widen, "ServiceRequest.code: more than R4 allows", id="widened"),
        pytest.param(_loosen, "ServiceRequest.subject: fewer than R4", id="loosened"),
        pytest.param(_cross, "minimum is above its maximum", id="crossed"),
        pytest.param(_retype, "a type that R4 does not have", id="retyped"),
        pytest.param(_same_rule, "rule selfhelp-sr-1 stands twice", id="rule-twice"),
        pytest.param(_other_release, "is not FHIR 4.0.1", id="release"),
        pytest.param(_other_base, f"its url is not {BASE}", id="base"),
        pytest.param(_twice, "stands twice", id="twice"),
        pytest.param(_lost, "selfhelp-note-types, which does not exist", id="lost"),
        pytest.param(_same_code, "code alcohol stands twice", id="code-twice"),
        pytest.param(_no_such_need, "boredom, no such code", id="no-such-need"),
        pytest.param(_unlisted, "does not list StructureDefinition/", id="unlisted"),
    ],
)
def test_check_finds_a_broken_guide(
    published: list[dict[str, Any]],
    breaks: Callable[[list[dict[str, Any]]], None],
    says: str,
) -> None:
    broken = copy.deepcopy(published)
    breaks(broken)
    found = check.findings(broken, EXAMPLES, REASONS)
    assert any(says in line for line in found), found


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda own, _: own.pop("valid.json"), "no valid", id="no-valid"),
        pytest.param(
            lambda own, _: [own.pop(name) for name in sorted(own)[:2]],
            "fewer than two invalid",
            id="too-few",
        ),
        pytest.param(
            lambda _, why: why.pop("invalid-performer.json"),
            "does not say why",
            id="no-reason",
        ),
        pytest.param(
            lambda own, _: own["valid.json"].update(resourceType="Task"),
            "is no ServiceRequest",
            id="another-resource",
        ),
        pytest.param(
            lambda own, _: own["valid.json"]["meta"].update(profile=[]),
            "does not name its profile",
            id="no-profile",
        ),
        pytest.param(
            lambda own, _: own["valid.json"].update(
                id=own["invalid-performer.json"]["id"]
            ),
            "stands twice",
            id="same-id",
        ),
    ],
)
def test_check_finds_missing_examples(
    published: list[dict[str, Any]],
    change: Callable[[dict[str, Any], dict[str, str]], object],
    says: str,
) -> None:
    shown, why = copy.deepcopy(EXAMPLES), copy.deepcopy(REASONS)
    change(shown["selfhelp-service-request"], why["selfhelp-service-request"])
    found = check.findings(published, shown, why)
    assert any(says in line for line in found), found
