"""Cards are counted by service and by what became of them, and by nothing else."""

import re

from tests.cds_hooks.conftest import Ehr

LINE = re.compile(r"selfhelp_cds_cards_total\{([^}]*)\} ([0-9.]+)")


def counted(ehr: Ehr) -> dict[str, float]:
    answer = ehr.client.get("/metrics")
    assert answer.status_code == 200
    return {labels: float(value) for labels, value in LINE.findall(answer.text)}


def test_cards_are_counted_by_what_became_of_them(ehr: Ehr) -> None:
    before = counted(ehr)
    (card,) = ehr.cards()
    assert ehr.tell(card["uuid"]).status_code == 200
    assert ehr.tell(card["uuid"]).status_code == 200  # said again: the same one
    told = counted(ehr)
    new = {labels: told[labels] - before.get(labels, 0) for labels in told}
    assert {labels: count for labels, count in new.items() if count} == {
        'outcome="shown",service="patient-view"': 1,
        'outcome="overridden",service="patient-view"': 1,
    }
    assert ehr.sandbox.patient_id("alcohol") not in ehr.client.get("/metrics").text
