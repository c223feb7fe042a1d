"""CapabilityStatement and compartment: what is malformed is not declared, nor proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.capability import KEPT_FOR, Capabilities, read_capabilities
from smart_launch.compartment import in_compartment
from smart_launch.errors import NotPermitted, UnreadableAnswer

STATEMENT = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "software": {"name": "EHR"},
    "rest": [
        {"mode": "client", "resource": [{"type": "Task", "interaction": []}]},
        {
            "mode": "server",
            "interaction": [{"code": "transaction"}, {}],
            "resource": [
                {
                    "type": "ServiceRequest",
                    "profile": "http://x.example/base",
                    "supportedProfile": ["http://x.example/sr", 5],
                    "documentation": "Orders of apps wait for a signature.",
                    "interaction": [
                        {"code": "create", "documentation": "Needs a requester."},
                        {"code": "read", "documentation": "By id."},
                        "odd",
                    ],
                    "searchParam": [{"name": "identifier"}, {"name": 5}],
                    "conditionalCreate": True,
                },
                {
                    "type": "Condition",
                    "conditionalCreate": "true",
                    "documentation": ["odd"],
                },
                {"type": 5},
                "odd",
            ],
        },
    ],
}


def test_statement_says_what_the_server_can(app: Any, ehr: Any, answer: Any) -> None:
    ehr.on("/fhir/metadata", answer.of(STATEMENT))
    fhir = app.client.fhir(app.launch(ehr).context.id)
    statement = fhir.capabilities()
    assert statement.can("ServiceRequest", "create")
    assert not statement.can("ServiceRequest", "update")
    assert not statement.can("Task", "create")
    assert not statement.can("Condition", "read")
    assert statement.search_params("ServiceRequest") == {"identifier"}
    assert statement.search_params("Task") == frozenset()
    assert statement.conditional_create("ServiceRequest")
    assert not statement.conditional_create("Condition")
    assert statement.documentation("ServiceRequest") == (
        "Orders of apps wait for a signature.\nNeeds a requester."
    )
    assert statement.documentation("Condition") == ""
    assert statement.documentation("Task") == ""
    assert statement.system_interactions == {"transaction"}
    assert (statement.fhir_version, statement.software) == ("4.0.1", "EHR")
    assert statement.resources["ServiceRequest"].profiles == (
        "http://x.example/base",
        "http://x.example/sr",
    )
    app.client.fhir(app.launch(ehr).context.id).capabilities()
    assert len(ehr.calls("/fhir/metadata")) == 1, "kept for all contexts of the EHR"


def test_statement_that_is_none_is_unreadable(app: Any, ehr: Any, answer: Any) -> None:
    fhir = app.client.fhir(app.launch(ehr).context.id)
    ehr.on("/fhir/metadata", answer.of({"resourceType": "Patient"}))
    with pytest.raises(UnreadableAnswer):
        fhir.capabilities()
    ehr.on("/fhir/metadata", answer(403))
    with pytest.raises(NotPermitted):
        fhir.capabilities()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["rest", "mode", "resource", "type", "interaction"]), inner
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["rest", "software", "fhirVersion"]), JSON))
def test_any_document_is_read(document: dict[str, Any]) -> None:
    assert not read_capabilities(document).can("ServiceRequest", "create")


@dataclass
class Ticks:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_statement_is_forgotten_after_a_while() -> None:
    ticks = Ticks()
    kept = Capabilities(ticks)
    statement = read_capabilities(STATEMENT)
    assert kept.recall("a") is None
    kept.keep("a", statement)
    assert kept.recall("a") is statement
    ticks.now += KEPT_FOR
    assert kept.recall("a") is None


BASE = "https://fhir.example/r4"


@pytest.mark.parametrize(
    ("resource", "belongs"),
    [
        ({"subject": {"reference": "Patient/p1"}}, True),
        ({"patient": {"reference": "Patient/p1"}}, True),
        ({"for": {"reference": "Patient/p1"}}, True),
        ({"subject": {"reference": f"{BASE}/Patient/p1"}}, True),
        ({"subject": {"reference": "Patient/p1/_history/3"}}, True),
        ({"resourceType": "Patient", "id": "p1"}, True),
        ({"resourceType": "Patient", "id": "p2"}, False),
        ({"subject": {"reference": "Patient/p2"}}, False),
        ({"subject": {"reference": "Patient/p1x"}}, False),
        ({"subject": {"reference": "Group/p1"}}, False),
        ({"subject": {"reference": "https://other.example/Patient/p1"}}, False),
        ({"subject": {"reference": "#p1"}}, False),
        ({"subject": {"identifier": {"value": "p1"}}}, False),
        ({"subject": {"display": "Patient/p1"}}, False),
        ({"subject": {"reference": 5}}, False),
        ({"subject": "Patient/p1"}, False),
        ({"subject": [{"reference": "Patient/p1"}]}, False),
        ({}, False),
        (
            {
                "subject": {"reference": "Patient/p1"},
                "patient": {"reference": "Patient/p2"},
            },
            False,
        ),
    ],
)
def test_P04_resource_belongs_only_with_proof(
    resource: dict[str, Any], belongs: bool
) -> None:
    assert in_compartment(resource, "p1", BASE) is belongs
    assert in_compartment(resource, "p1", BASE + "/") is belongs


def test_P04_absolute_reference_is_no_proof_without_the_servers_address() -> None:
    resource = {"subject": {"reference": f"{BASE}/Patient/p1"}}
    assert not in_compartment(resource, "p1")
    assert in_compartment({"subject": {"reference": "Patient/p1"}}, "p1")
