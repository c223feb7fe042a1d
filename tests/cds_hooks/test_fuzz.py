"""Anything at all may be sent: nothing is answered with 500.

Two ways in: the app's OpenAPI document, which holds the shapes of calls and feedback,
and good calls of which one part is replaced by anything.
"""

import copy
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cds_hooks.conftest import APP, Ehr, bundle

pytestmark = pytest.mark.slow

EVERY_CHECK = list(HealthCheck)
FEW = settings(max_examples=8, deadline=None, suppress_health_check=EVERY_CHECK)
MANY = settings(max_examples=40, deadline=None, suppress_health_check=EVERY_CHECK)
SERVICES = ("patient-view", "order-sign", "encounter-discharge")
CDS = "/cds-services/"

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["Patient/p0417", "Bundle", "\x00", "711281004", "a" * 3000]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)


def sent(ehr: Ehr, case: Any) -> int:
    """Send a case; a call of the CDS service with a token that holds."""
    asked = case.as_transport_kwargs(base_url=APP)
    headers = dict(asked.pop("headers", None) or {})
    path = asked["url"].removeprefix(APP)
    if path.startswith(CDS):
        headers["authorization"] = f"Bearer {ehr.token(path)}"
    for name in ("cookies", "files"):
        asked.pop(name, None)
    try:
        answer = ehr.client.request(**asked, headers=headers, follow_redirects=False)
    except UnicodeEncodeError:  # no client can put this into a header
        return 0
    return int(answer.status_code)


def operations(ehr: Ehr) -> list[Any]:
    schema = schemathesis.openapi.from_dict(ehr.client.app.openapi())  # type: ignore[attr-defined]
    return [found.ok() for found in schema.get_all_operations()]


def test_no_operation_of_the_interface_answers_500(ehr) -> None:
    failed: list[Any] = []
    for operation in operations(ehr):

        @FEW
        @given(case=operation.as_strategy())
        def run(case: Any) -> None:
            if sent(ehr, case) == 500:
                failed.append((case.method, case.formatted_path, case.body))

        run()
    assert failed == []


@pytest.mark.parametrize("end", ["", "/feedback"])
def test_no_call_of_the_described_shape_answers_500(ehr, end) -> None:
    path = f"{CDS}{{service_id}}{end}"
    (operation,) = (one for one in operations(ehr) if one.path == path)
    seen: set[int] = set()

    @MANY
    @given(case=operation.as_strategy(), service=st.sampled_from(SERVICES))
    def run(case: Any, service: str) -> None:
        case.path_parameters = {"service_id": service}
        if isinstance(case.body, dict) and "hook" in case.body:
            case.body["hook"] = service
        status = sent(ehr, case)
        seen.add(status)
        assert status != 500

    run()
    assert 400 in seen


def status_of(ehr: Ehr, path: str, body: Any) -> int:
    """What a call is answered with by a machine that has the time for it."""
    for _ in range(20):
        status: int = ehr.post(f"{CDS}{path}", body).status_code
        if status != 503:  # "there was no answer in time" says nothing of the call
            break
    return status


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, the whole aside."""
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value))
    else:
        parts = []
    return [
        found
        for key, part in parts
        for found in ((*at, key), *places(part, (*at, key)))
    ]


def replaced(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(body)
    part = changed
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return changed


def good_calls(ehr: Ehr) -> dict[str, Any]:
    patient = {"reference": f"Patient/{ehr.sandbox.patient_id('alcohol')}"}
    order = {
        "resourceType": "ServiceRequest",
        "id": "o",
        "status": "draft",
        "intent": "order",
        "code": {"coding": [{"code": "711281004"}]},
        "subject": patient,
    }
    medicine = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": "naltrexone 50 mg"},
        "subject": patient,
    }
    orders = {"draftOrders": bundle([order, medicine])}
    return {
        "patient-view": ehr.body(),
        "order-sign": ehr.body("alcohol", "order-sign", context=orders),
        "encounter-discharge": ehr.body("depression", "encounter-discharge"),
    }


@pytest.mark.parametrize("service", SERVICES)
def test_no_good_call_with_one_odd_part_answers_500(ehr, service) -> None:
    good = good_calls(ehr)[service]
    seen: set[int] = set()

    @settings(max_examples=150, deadline=None, suppress_health_check=EVERY_CHECK)
    @given(place=st.sampled_from(places(good)), value=JSON)
    def run(place: tuple[Any, ...], value: Any) -> None:
        status = status_of(ehr, service, replaced(good, place, value))
        seen.add(status)
        assert status in (200, 400, 403, 412), status

    run()
    assert 200 in seen


def test_no_feedback_with_one_odd_part_answers_500(ehr) -> None:
    (card,) = ehr.cards()
    good = {
        "feedback": [
            {
                "card": card["uuid"],
                "outcome": "overridden",
                "acceptedSuggestions": [{"id": card["uuid"]}],
                "overrideReason": {
                    "reason": {"code": "patient-refuses", "system": "s"},
                    "userComment": "x",
                },
                "outcomeTimestamp": "2026-03-02T10:05:31Z",
            }
        ]
    }

    @MANY
    @given(place=st.sampled_from(places(good)), value=JSON)
    def run(place: tuple[Any, ...], value: Any) -> None:
        body = replaced(good, place, value)
        status = status_of(ehr, "patient-view/feedback", body)
        assert status in (200, 400, 404)

    run()


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
@settings(max_examples=100, deadline=None)
def test_no_token_is_taken_for_another_error(resident, token: bytes) -> None:
    headers = {
        b"authorization": b"Bearer " + bytes(b for b in token if 33 <= b != 127),
        b"content-type": b"application/json",
    }
    answer = resident.client.post(
        f"{CDS}patient-view", content=b"{}", headers=list(headers.items())
    )
    assert answer.status_code == 401
