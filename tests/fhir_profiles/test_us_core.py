"""US Core's rules are stated again in ours: what keeps ours keeps those.

Source: US Core 6.1, the profiles of ServiceRequest, DocumentReference and Provenance.
Elements that US Core requires, and those that it asks systems to support.
"""

from typing import Any

import pytest

from fhir_profiles.load import profile

REQUIRED = {
    "selfhelp-service-request": ("status", "intent", "code", "subject"),
    "selfhelp-note": (
        "status",
        "type",
        "category",
        "subject",
        "content",
        "content.attachment",
        "content.attachment.contentType",
    ),
    "selfhelp-provenance": ("target", "target.reference", "recorded", "agent"),
}
SUPPORTED = {
    "selfhelp-service-request": (
        "status",
        "intent",
        "category",
        "code",
        "subject",
        "encounter",
        "occurrence[x]",
        "authoredOn",
        "requester",
        "reasonReference",
    ),
    "selfhelp-note": (
        "identifier",
        "status",
        "type",
        "category",
        "subject",
        "date",
        "author",
        "content",
        "content.format",
        "context",
        "context.encounter",
        "context.period",
    ),
    "selfhelp-provenance": ("target", "recorded", "agent"),
}


def elements(profile_id: str) -> dict[str, dict[str, Any]]:
    own = profile(profile_id)
    prefix = f"{own['type']}."
    return {e["id"].removeprefix(prefix): e for e in own["snapshot"]["element"]}


@pytest.mark.parametrize(
    ("profile_id", "name"),
    [(profile_id, name) for profile_id, names in REQUIRED.items() for name in names],
)
def test_what_us_core_requires_is_required(profile_id: str, name: str) -> None:
    assert elements(profile_id)[name]["min"] >= 1


@pytest.mark.parametrize(
    ("profile_id", "name"),
    [(profile_id, name) for profile_id, names in SUPPORTED.items() for name in names],
)
def test_what_us_core_supports_is_supported(profile_id: str, name: str) -> None:
    assert elements(profile_id)[name]["mustSupport"]


def test_provenance_has_us_cores_agents_with_their_organisation() -> None:
    agents = elements("selfhelp-provenance")
    for role in ("author", "transmitter"):
        assert agents[f"agent:{role}"]["min"] == 1
        assert agents[f"agent:{role}.who"]["min"] == 1
        assert agents[f"agent:{role}.onBehalfOf"]["min"] == 1
        pattern = agents[f"agent:{role}.type"]["patternCodeableConcept"]
        assert pattern["coding"][0]["code"] == role


def test_category_of_the_order_is_one_of_us_cores() -> None:
    category = elements("selfhelp-service-request")["category"]
    coding = category["patternCodeableConcept"]["coding"][0]
    assert coding == {"system": "http://snomed.info/sct", "code": "410606002"}
