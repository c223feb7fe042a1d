"""What may leave: the checks beside the R4B models."""

import copy
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from plugin.fhir import MAX_BYTES, InvalidResource, checked, warm

Json = dict[str, Any]

ORDER: Json = {
    "resourceType": "ServiceRequest",
    "status": "active",
    "intent": "order",
    "code": {"text": "Referral"},
    "subject": {"reference": "Patient/p-1"},
    "requester": {"reference": "Practitioner/1", "display": "Dr. A"},
    "reasonReference": [{"reference": "Condition/c"}],
    "patientInstruction": "One line.\nAnother\tone.",
}
NOTE: Json = {
    "resourceType": "DocumentReference",
    "status": "current",
    "docStatus": "final",
    "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}],
    "context": {"related": [{"reference": "ServiceRequest/1"}]},
}
TASK: Json = {"resourceType": "Task", "status": "requested", "intent": "order"}
PROVENANCE: Json = {
    "resourceType": "Provenance",
    "target": [{"reference": "Task/1"}],
    "recorded": "2026-03-02T15:27:04+00:00",
    "agent": [{"who": {"display": "App"}}],
}
RESPONSE: Json = {"resourceType": "QuestionnaireResponse", "status": "completed"}


@pytest.mark.parametrize("resource", [ORDER, NOTE, TASK, PROVENANCE, RESPONSE])
def test_checked_gives_the_bytes_as_built(resource: Json) -> None:
    assert orjson.loads(checked(resource)) == resource
    assert list(orjson.loads(checked(resource))) == list(resource)


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param(f"Patient/{'a' * 64}", id="as-long-as-fhir-allows"),
        pytest.param(f"Patient/e.{'A-' * 40}3", id="longer"),
        pytest.param("Patient/erXuFYUfucBZaryVksYEcMg3_2", id="underscore"),
    ],
)
def test_checked_takes_the_ids_that_servers_give(reference: str) -> None:
    assert checked(ORDER | {"subject": {"reference": reference}})


def test_checked_lets_a_provenance_wait_for_its_targets() -> None:
    waiting = {k: v for k, v in PROVENANCE.items() if k != "target"}
    assert orjson.loads(checked(waiting)) == waiting


def _set(path: str, value: object) -> Callable[[Json], None]:
    def change(resource: Json) -> None:
        at: Any = resource
        *parents, last = path.split(".")
        for part in parents:
            at = at[int(part)] if part.isdigit() else at[part]
        at[last] = value

    return change


@pytest.mark.parametrize(
    ("resource", "change", "place"),
    [
        pytest.param(ORDER, _set("status", "bogus"), "status", id="status"),
        pytest.param(ORDER, _set("intent", "wish"), "intent", id="intent"),
        pytest.param(ORDER, _set("priority", "soon"), "priority", id="priority"),
        pytest.param(NOTE, _set("status", "active"), "status", id="note-status"),
        pytest.param(NOTE, _set("docStatus", "draft"), "docStatus", id="docStatus"),
        pytest.param(TASK, _set("status", "open"), "status", id="task-status"),
        pytest.param(TASK, _set("intent", "directive"), "intent", id="task-intent"),
        pytest.param(RESPONSE, _set("status", "final"), "status", id="answers"),
        pytest.param(
            ORDER, _set("subject.reference", "javascript:x"), "subject", id="script"
        ),
        pytest.param(
            ORDER,
            _set("subject.reference", "https://ehr.example/Patient/1"),
            "subject",
            id="absolute",
        ),
        pytest.param(
            ORDER, _set("subject.reference", "Group/1"), "Group", id="another-type"
        ),
        pytest.param(
            ORDER, _set("subject.reference", "Patient/1/../2"), "subject", id="path"
        ),
        pytest.param(
            ORDER, _set("requester.reference", "Patient/1"), "Patient", id="requester"
        ),
        pytest.param(
            ORDER,
            _set("reasonReference.0.reference", "Observation/1"),
            "Observation",
            id="reason",
        ),
        pytest.param(
            NOTE,
            _set("context.related.0.reference", "Condition/1"),
            "Condition",
            id="related",
        ),
        pytest.param(
            PROVENANCE, _set("target.0.reference", "Patient/1"), "Patient", id="target"
        ),
        pytest.param(PROVENANCE, _set("target", []), "target", id="no-target"),
        pytest.param(
            ORDER, _set("patientInstruction", "a\x00b"), "control", id="null-byte"
        ),
        pytest.param(
            ORDER, _set("patientInstruction", "a\x1bb"), "control", id="escape"
        ),
        pytest.param(
            ORDER,
            _set("patientInstruction", "a\ud800b"),
            "ServiceRequest",
            id="half-a-pair",
        ),
        pytest.param(ORDER, _set("code.text", ""), "code", id="empty"),
        pytest.param(ORDER, _set("code.text", " \n "), "blank", id="blank"),
        pytest.param(ORDER, _set("category", []), "category", id="empty-list"),
        pytest.param(ORDER, _set("code", {}), "code", id="empty-object"),
        pytest.param(ORDER, _set("code.text", None), "code", id="null"),
        pytest.param(ORDER, _set("vendorThing", 1), "vendorThing", id="unknown"),
        pytest.param(
            ORDER, _set("authoredOn", "2026-03-02T10:00"), "authoredOn", id="t"
        ),
        pytest.param(
            ORDER, _set("patientInstruction", "a" * MAX_BYTES), "longer", id="long"
        ),
        pytest.param(
            ORDER, _set("resourceType", "Patient"), "not a resource", id="not-ours"
        ),
        pytest.param(
            ORDER, _set("resourceType", ["Task"]), "not a resource", id="no-type"
        ),
    ],
)
def test_checked_refuses(
    resource: Json, change: Callable[[Json], None], place: str
) -> None:
    broken = copy.deepcopy(resource)
    change(broken)
    with pytest.raises(InvalidResource) as refused:
        checked(broken)
    assert place in str(refused.value)


def test_checked_refuses_what_the_models_stumble_over() -> None:
    # R4 has this resource and R4B does not: the models raise a bare KeyError.
    foreign = {"resourceType": "EffectEvidenceSynthesis", "status": "draft"}
    with pytest.raises(InvalidResource, match="ServiceRequest: not R4"):
        checked(ORDER | {"contained": [foreign]})


def test_warm_loads_every_model_that_is_written() -> None:
    warm()
    assert checked(TASK)


def test_refusal_never_quotes_the_record() -> None:
    broken = copy.deepcopy(ORDER) | {
        "code": {"text": "Alcohol", "coding": "Alcohol"},
        "authoredOn": "Alcohol",
    }
    with pytest.raises(InvalidResource) as refused:
        checked(broken)
    assert "Alcohol" not in str(refused.value)
    assert "Alcohol" not in InvalidResource.public
    assert refused.value.__cause__ is None


def test_models_wait_until_something_is_written() -> None:
    code = (
        "import sys, plugin.referral.resources, plugin.referral.note;"
        "slow = {'fhir', 'pydantic', 'babel', 'fhir_core'} & set(sys.modules);"
        "sys.exit(f'loaded at start: {slow}' if slow else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
