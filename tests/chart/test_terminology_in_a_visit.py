"""From the settings to the page: a visit goes by what a terminology server says."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from plugin.chart.kinds import HIERARCHY, Kinds
from plugin.chart.terminology import Terminology
from plugin.knowledge.load import load_knowledge
from plugin.settings import Ehr
from plugin.visit import Visits
from smart_launch.context import LaunchContext
from smart_launch.errors import FhirUnavailable
from smart_launch.scopes import Scopes

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
UNLISTED = "10000001"
EHR = Ehr(
    id="general",
    issuer="https://ehr.example/r4",
    client_id="selfhelp",
    terminology=True,
)
CONDITION = {
    "resourceType": "Condition",
    "id": "c1",
    "subject": {"reference": "Patient/p1"},
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": UNLISTED}]},
}
CONTEXT = LaunchContext(
    id="l1",
    tenant="general",
    issuer=EHR.issuer,
    patient="p1",
    encounter=None,
    fhir_user="Practitioner/1",
    subject="1",
    user_name="Someone",
    scopes=Scopes.parse("patient/*.rs"),
    need_patient_banner=False,
    intent=None,
    smart_style_url=None,
    fhir_context=(),
    app_context=None,
    launched_at=AT,
    expires_at=AT + timedelta(hours=1),
    secret_hash="",
)


@pytest.fixture
def open_visit(fhir: Any, result: Any) -> Any:
    def go(operation: Any) -> Any:
        reads = fhir(searches={"Condition": result([CONDITION])})
        ehr = SimpleNamespace(
            read=reads.read,
            search=reads.search,
            concerns_patient=reads.concerns_patient,
            operation=operation,
            capabilities=_unavailable,
        )
        knowledge = load_knowledge()
        parts = {
            "smart": SimpleNamespace(fhir=lambda _launch: ehr),
            "directory": SimpleNamespace(
                next_meetings=lambda _wanted: {}, state=lambda: (0, "")
            ),
            "trail": SimpleNamespace(record=lambda *_event: None),
            "settings": SimpleNamespace(ehr_of=lambda _tenant: EHR),
        }
        visits = Visits(
            knowledge=knowledge,
            engine=cast("Any", None),
            clock=lambda: AT,
            terminology=Terminology(
                Kinds(knowledge.listed_snomed, lambda: AT),
                tenants=frozenset({"general"}),
            ),
            side_by_side=ThreadPoolExecutor(16),
            **cast("Any", parts),
        )
        return visits.open(CONTEXT).recommendation

    return go


def _unavailable(*_asked: Any) -> Any:
    raise FhirUnavailable("no answer")


def test_visit_goes_by_what_the_ehr_takes_a_code_for(open_visit: Any) -> None:
    def operation(
        _type: str, _name: str, params: Mapping[str, str], _seconds: float
    ) -> Any:
        above = params["url"].split("fhir_vs=ecl/")[1].startswith(">")
        rows = [{"code": "66590003" if above else UNLISTED}]
        return {"resourceType": "ValueSet", "expansion": {"contains": rows}}

    found = open_visit(operation)
    assert [need.id for need in found.needs] == ["alcohol"]
    assert "aa" in found.offered
    assert found.could_not_check == ()


def test_visit_says_that_it_could_not_check(open_visit: Any) -> None:
    found = open_visit(_unavailable)
    assert found.could_not_check == (HIERARCHY,)
    assert [row.code for row in found.unmapped] == [UNLISTED]
