"""Differentials laid over R4's elements."""

from typing import Any

import pytest

from fhir_profiles.snapshot import base_elements, differential, snapshot


def laid(kind: str, *elements: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = snapshot(kind, differential(elements))
    ids = [element["id"] for element in found]
    assert len(set(ids)) == len(ids)
    return {element["id"]: element for element in found}


def test_snapshot_without_changes_is_r4() -> None:
    assert snapshot("Task", []) == base_elements("Task")


def test_snapshot_narrows_an_element() -> None:
    element = laid("ServiceRequest", {"id": "ServiceRequest.note", "max": "0"})
    assert element["ServiceRequest.note"]["max"] == "0"
    assert element["ServiceRequest.note"]["type"] == [{"code": "Annotation"}]


def test_snapshot_keeps_r4s_rules_beside_ours() -> None:
    rule = {"key": "ours-1", "severity": "error", "human": "h", "expression": "true"}
    element = laid("Task", {"id": "Task", "constraint": [rule]})["Task"]
    keys = [constraint["key"] for constraint in element["constraint"]]
    assert keys[-1] == "ours-1"
    assert "dom-2" in keys


def test_snapshot_unfolds_a_datatype_in_place() -> None:
    found = snapshot(
        "ServiceRequest",
        differential([{"id": "ServiceRequest.code.coding.system", "min": 1}]),
    )
    ids = [element["id"] for element in found]
    start = ids.index("ServiceRequest.code")
    assert ids[start + 1 : start + 5] == [
        "ServiceRequest.code.id",
        "ServiceRequest.code.extension",
        "ServiceRequest.code.coding",
        "ServiceRequest.code.coding.id",
    ]
    by_id = {element["id"]: element for element in found}
    unfolded = by_id["ServiceRequest.code.coding.system"]
    assert unfolded["path"] == "ServiceRequest.code.coding.system"
    assert unfolded["min"] == 1
    assert ids[-1] == "ServiceRequest.relevantHistory"


def test_snapshot_slices_after_the_whole_element() -> None:
    found = snapshot(
        "Provenance",
        differential(
            [
                {
                    "id": "Provenance.agent",
                    "slicing": {
                        "discriminator": [{"type": "pattern", "path": "type"}],
                        "rules": "open",
                    },
                },
                {"id": "Provenance.agent:a", "max": "1"},
                {"id": "Provenance.agent:a.who.reference", "min": 1},
                {"id": "Provenance.agent:b", "min": 1},
            ]
        ),
    )
    ids = [element["id"] for element in found]
    first, second = ids.index("Provenance.agent:a"), ids.index("Provenance.agent:b")
    assert ids.index("Provenance.agent.onBehalfOf") < first < second
    assert second < ids.index("Provenance.entity")
    by_id = {element["id"]: element for element in found}
    child = by_id["Provenance.agent:a.who.reference"]
    assert child["path"] == "Provenance.agent.who.reference"
    assert by_id["Provenance.agent:a"]["sliceName"] == "a"
    assert by_id["Provenance.agent:a"]["min"] == 0
    assert "slicing" not in by_id["Provenance.agent:a"]


@pytest.mark.parametrize(
    "element_id",
    [
        pytest.param("ServiceRequest.vendorThing", id="unknown"),
        pytest.param("ServiceRequest.code.vendorThing", id="unknown-in-a-datatype"),
        pytest.param("Other", id="another-resource"),
        pytest.param("ServiceRequest.occurrence[x].start", id="choice-of-types"),
    ],
)
def test_snapshot_refuses_what_r4_does_not_have(element_id: str) -> None:
    with pytest.raises(KeyError):
        snapshot("ServiceRequest", differential([{"id": element_id, "min": 1}]))


def test_base_of_an_unknown_resource_is_refused() -> None:
    with pytest.raises(FileNotFoundError):
        base_elements("Spaceship")
