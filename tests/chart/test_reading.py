"""Reading from an EHR: side by side, each source failing for itself."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from plugin.chart.chart import Chart
from plugin.chart.reading import SOURCES, read_chart
from smart_launch.errors import (
    FhirBusy,
    FhirRefused,
    FhirUnavailable,
    NotFound,
    NotPermitted,
    RelaunchNeeded,
    UnreadableAnswer,
)
from smart_launch.scopes import Scopes

ME = {"reference": "Patient/p1"}
ALL = Scopes.parse(
    " ".join(f"patient/{s}.rs" for s in ("Patient", "Medication", *SOURCES))
)


def condition(name: str, **said: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": name,
        "subject": ME,
        "code": {"text": name},
        **said,
    }


@pytest.fixture
def read(now: datetime) -> Callable[..., Chart]:
    def chart(fhir: Any, *, scopes: Any = ALL, encounter: str | None = None) -> Chart:
        with ThreadPoolExecutor(60) as side_by_side:
            return read_chart(
                fhir,
                "p1",
                encounter=encounter,
                now=now,
                scopes=scopes,
                side_by_side=side_by_side,
            )

    return chart


def test_searches_that_were_made_are_told_without_the_patient(
    fhir: Any, read: Any
) -> None:
    ehr = fhir()
    told = read(ehr, scopes=Scopes.parse("patient/Patient.rs patient/Consent.rs"))
    assert told.searches == ("Consent?_count=200",)
    whole = read(ehr).searches
    assert len(whole) == 8
    assert "Condition?_count=200&category=encounter-diagnosis" in whole
    assert not any("p1" in one for one in whole)


def test_empty_chart_has_neither(fhir: Any, read: Any) -> None:
    chart = read(fhir())
    assert (chart.conditions, chart.could_not_check, chart.incomplete) == ((), (), ())


def test_all_reads_go_side_by_side(fhir: Any, read: Any) -> None:
    # The Patient, the Encounter of the visit and eight searches wait for one another.
    ehr = fhir(
        together=10,
        resources={
            "Encounter/e1": {"resourceType": "Encounter", "id": "e1", "subject": ME}
        },
    )
    chart = read(ehr, encounter="e1")
    assert ehr.were_together
    assert chart.encounter == "Encounter/e1"
    assert [e.id for e in chart.encounters] == ["e1"]


def test_both_categories_of_conditions_are_asked_for_and_merged(
    fhir: Any, read: Any, result: Any
) -> None:
    def conditions(params: Any) -> Any:
        if params.get("category") == "encounter-diagnosis":
            return result([condition("both"), condition("encounter")])
        return result([condition("both"), condition("list")])

    chart = read(fhir(searches={"Condition": conditions}))
    assert sorted(c.text for c in chart.conditions) == ["both", "encounter", "list"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(NotPermitted("403"), id="F11-403"),
        pytest.param(FhirUnavailable("500"), id="F02-500"),
        pytest.param(FhirBusy("429"), id="F01-429"),
        pytest.param(UnreadableAnswer("half"), id="F04-truncated"),
    ],
)
def test_source_that_fails_is_named_and_the_rest_is_read(
    fhir: Any, read: Any, result: Any, source: str, error: Exception
) -> None:
    searches = {"Condition": result([condition("a")]), source: error}
    chart = read(fhir(searches=searches))
    assert chart.could_not_check == (source,)
    assert len(chart.conditions) == (0 if source == "Condition" else 1)


@pytest.mark.parametrize("source", SOURCES)
def test_source_that_was_not_granted_is_named_and_not_asked(
    fhir: Any, read: Any, source: str
) -> None:
    ehr = fhir()
    scopes = Scopes.parse(" ".join(f"patient/{s}.rs" for s in SOURCES if s != source))
    assert read(ehr, scopes=scopes).could_not_check == (source,)
    assert source not in {asked for asked, _ in ehr.asked}


def test_scope_in_part_is_said(fhir: Any, read: Any) -> None:
    rest = " ".join(f"patient/{s}.rs" for s in SOURCES if s != "Condition")
    scopes = Scopes.parse(f"{rest} patient/Condition.rs?category=problem-list-item")
    chart = read(fhir(), scopes=scopes)
    assert (chart.could_not_check, chart.incomplete) == ((), ("Condition",))


def test_user_scopes_count_too(fhir: Any, read: Any) -> None:
    scopes = Scopes.parse("user/*.rs")
    assert read(fhir(), scopes=scopes).could_not_check == ()


@pytest.mark.parametrize(
    "source", ["Consent", "QuestionnaireResponse", "ServiceRequest"]
)
def test_type_that_the_server_does_not_know_is_none(
    fhir: Any, read: Any, source: str
) -> None:
    chart = read(fhir(searches={source: NotFound("404")}))
    assert chart.could_not_check == ()


def test_conditions_that_are_not_found_could_not_be_checked(
    fhir: Any, read: Any
) -> None:
    assert read(fhir(searches={"Condition": NotFound("404")})).could_not_check == (
        "Condition",
    )


def test_one_category_that_fails_makes_the_list_incomplete(
    fhir: Any, read: Any, result: Any
) -> None:
    def conditions(params: Any) -> Any:
        return (
            FhirUnavailable("502") if "category" in params else result([condition("a")])
        )

    chart = read(fhir(searches={"Condition": conditions}))
    assert (chart.incomplete, chart.could_not_check) == (("Condition",), ())
    assert len(chart.conditions) == 1


def test_F06_pages_that_were_cut_are_said(fhir: Any, read: Any, result: Any) -> None:
    cut = result([condition("a")], incomplete=True)
    assert read(fhir(searches={"Condition": cut})).incomplete == ("Condition",)


def test_refused_parameter_is_left_out(fhir: Any, read: Any, result: Any) -> None:
    def observations(params: Any) -> Any:
        return FhirRefused("unknown parameter") if "code" in params else result()

    ehr = fhir(searches={"Observation": observations})
    assert read(ehr).could_not_check == ()
    assert ("Observation", {"patient": "p1"}) in ehr.asked


def test_P04_F13_entry_of_another_patient_is_dropped_and_said(
    fhir: Any, read: Any, result: Any
) -> None:
    other = condition("b", subject={"reference": "Patient/p2"})
    chart = read(fhir(searches={"Condition": result([condition("a"), other])}))
    assert [c.text for c in chart.conditions] == ["a"]
    assert {u.source for u in chart.unreadable} == {"Condition"}
    assert "this patient's" in chart.unreadable[0].reason


def test_remarks_and_unreadable_entries_are_said(
    fhir: Any, read: Any, result: Any
) -> None:
    answer = result(
        unreadable=[SimpleNamespace(entry=3, reason="a resource without a type")],
        outcomes=[
            {"issue": [{"severity": "error", "details": {"text": "Some hidden"}}]}
        ],
    )
    reasons = [u.reason for u in read(fhir(searches={"Encounter": answer})).unreadable]
    assert "Encounter: a resource without a type" in reasons
    assert "Encounter: the server says: Some hidden" in reasons


def test_medicine_by_reference_is_read(fhir: Any, read: Any, result: Any) -> None:
    request = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "subject": ME,
        "status": "active",
        "intent": "order",
        "medicationReference": {"reference": "Medication/x"},
    }
    medicine = {"resourceType": "Medication", "id": "x", "code": {"text": "Suboxone"}}
    ehr = fhir(
        resources={"Medication/x": medicine},
        searches={"MedicationRequest": result([request])},
    )
    assert read(ehr).medications[0].text == "Suboxone"


def test_medicine_that_came_along_is_not_read_again(
    fhir: Any, read: Any, result: Any
) -> None:
    request = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "subject": ME,
        "intent": "order",
        "medicationReference": {"reference": "Medication/x"},
    }
    medicine = {"resourceType": "Medication", "id": "x", "code": {"text": "Suboxone"}}
    ehr = fhir(searches={"MedicationRequest": result([request], included=[medicine])})
    assert read(ehr).medications[0].text == "Suboxone"


def test_medicine_that_cannot_be_read_is_said(
    fhir: Any, read: Any, result: Any
) -> None:
    request = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "subject": ME,
        "intent": "order",
        "medicationReference": {"reference": "Medication/x"},
    }
    ehr = fhir(
        resources={"Medication/x": NotPermitted("403")},
        searches={"MedicationRequest": result([request])},
    )
    chart = read(ehr)
    assert chart.medications == ()
    assert "could not be found" in chart.unreadable[0].reason


def test_encounter_that_cannot_be_read_costs_only_its_date(
    fhir: Any, read: Any
) -> None:
    chart = read(fhir(resources={"Encounter/e1": NotFound("404")}), encounter="e1")
    assert (chart.encounter, chart.encounters) == ("Encounter/e1", ())


def test_without_the_patient_there_is_no_chart(fhir: Any, read: Any) -> None:
    with pytest.raises(NotPermitted):
        read(fhir(resources={"Patient/p1": NotPermitted("403")}))


def test_grant_that_ends_while_reading_ends_the_reading(fhir: Any, read: Any) -> None:
    with pytest.raises(RelaunchNeeded):
        read(fhir(searches={"Condition": RelaunchNeeded("over")}))
