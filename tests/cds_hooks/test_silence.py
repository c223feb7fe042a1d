"""When nothing is said: after a decision, after a no, and after enough cards."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from plugin.store.engine import writing
from plugin.store.referral_tables import decisions
from plugin.store.schema import micros
from tests.cds_hooks.conftest import Ehr


def decide(ehr: Ehr, patient: str, decision: str = "declined", days: int = 0) -> None:
    row = {
        "id": f"decision-{days}",
        "tenant": "general",
        "patient": ehr.sandbox.patient_id(patient),
        "context_id": "c",
        "author": "Practitioner/1",
        "decision": decision,
        "red_unresolved": False,
        "recorded_at": micros(ehr.clock() - timedelta(days=days)),
    }
    with writing(ehr.house.engine) as connection:
        connection.execute(insert(decisions).values(row))


@pytest.mark.parametrize("decision", ["declined", "handout_only"])
def test_recent_decision_keeps_the_card_away(ehr, decision) -> None:
    decide(ehr, "alcohol", decision)
    assert ehr.cards("alcohol") == []
    assert len(ehr.cards("opioid")) == 1


def test_old_decision_does_not(ehr) -> None:
    decide(ehr, "alcohol", days=91)
    assert len(ehr.cards("alcohol")) == 1


def test_recent_decision_does_not_keep_a_warning_away(ehr) -> None:
    decide(ehr, "depression")
    assert [card["indicator"] for card in ehr.cards("depression")] == ["warning"]


def test_card_turned_down_is_not_shown_again_for_that_patient(ehr) -> None:
    (card,) = ehr.cards("alcohol")
    assert ehr.tell(card["uuid"]).status_code == 200
    assert ehr.cards("alcohol") == []
    assert ehr.cards("alcohol", "encounter-discharge") == []
    colleague = {"userId": "Practitioner/another"}
    assert ehr.cards("alcohol", context=colleague) == []
    assert len(ehr.cards("opioid")) == 1


def test_card_turned_down_comes_back_after_its_time(ehr, clock) -> None:
    (card,) = ehr.cards("alcohol")
    ehr.tell(card["uuid"])
    clock.ahead = timedelta(days=91)
    assert len(ehr.cards("alcohol")) == 1


def test_card_that_was_taken_up_is_shown_again(ehr) -> None:
    (card,) = ehr.cards("alcohol")
    ehr.tell(card["uuid"], outcome="accepted", acceptedSuggestions=[])
    assert len(ehr.cards("alcohol")) == 1


def test_warning_turned_down_stays_away_from_that_clinician_only(ehr) -> None:
    warning, _ = ehr.cards("depression")
    ehr.tell(warning["uuid"])
    assert [c["indicator"] for c in ehr.cards("depression")] == ["info"]
    colleague = {"userId": "Practitioner/another"}
    first, *_ = ehr.cards("depression", context=colleague)
    assert first["indicator"] == "warning"


def test_one_clinician_gets_so_many_cards_in_an_hour(install) -> None:
    ehr = install(clinician_per_hour=2)
    charts = ("alcohol", "opioid", "anxiety")
    assert [len(ehr.cards(chart)) for chart in charts] == [1, 1, 0]
    colleague = {"userId": "Practitioner/another"}
    assert len(ehr.cards("anxiety", context=colleague)) == 1
    ehr.clock.ahead = timedelta(hours=1, seconds=1)
    assert len(ehr.cards("anxiety")) == 1


def test_same_chart_opened_again_shows_its_card_again(install) -> None:
    ehr = install(clinician_per_hour=1, tenant_per_hour=1)
    assert [len(ehr.cards("alcohol")) for _ in range(3)] == [1, 1, 1]


def test_one_ehr_gets_so_many_cards_in_an_hour(install) -> None:
    ehr = install(tenant_per_hour=2)
    shown = [
        len(ehr.cards("alcohol", context={"userId": f"Practitioner/{n}"}))
        for n in range(4)
    ]
    assert shown == [1, 1, 0, 0]


def test_warnings_are_not_counted_and_not_held_back(install) -> None:
    ehr = install(clinician_per_hour=1)
    assert [c["indicator"] for c in ehr.cards("mania")] == ["warning"]
    assert len(ehr.cards("alcohol")) == 1
    assert [c["indicator"] for c in ehr.cards("depression")] == ["warning"]


def test_no_card_at_all_where_a_site_wants_none(install) -> None:
    assert install(tenant_per_hour=0).cards("alcohol") == []
