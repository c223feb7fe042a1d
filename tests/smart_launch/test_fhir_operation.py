"""An operation on a type, asked with the launch's own token."""

from __future__ import annotations

from typing import Any

import pytest

from smart_launch.errors import NotFound

EXPAND = "/fhir/ValueSet/$expand"


def test_operation_is_asked_with_its_parameters_and_the_token(
    fhir: Any, ehr: Any, answer: Any
) -> None:
    ehr.on(EXPAND, answer.of({"resourceType": "ValueSet", "id": "x"}))
    found = fhir.operation("ValueSet", "expand", {"url": "a b&c"}, 2.0)
    assert found["id"] == "x"
    (call,) = ehr.calls(EXPAND)
    assert call.query == {"url": ["a b&c"]}
    assert call.headers["authorization"].startswith("Bearer ")


def test_operation_that_the_server_does_not_know_is_told(fhir: Any, ehr: Any) -> None:
    with pytest.raises(NotFound):
        fhir.operation("CodeSystem", "subsumes", {}, 2.0)


@pytest.mark.parametrize("name", ["", "../Patient", "expand?x", "Expand", "a" * 70])
def test_name_that_is_no_operation_is_never_sent(
    fhir: Any, ehr: Any, name: str
) -> None:
    with pytest.raises(ValueError, match="not an operation"):
        fhir.operation("ValueSet", name, {}, 2.0)
    assert ehr.calls("/fhir/ValueSet/$" + name) == []
