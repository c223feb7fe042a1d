"""Which written consents under 42 CFR Part 2 count (clinical review R5)."""

from datetime import date
from typing import Any

import pytest

from plugin.chart.chart import Chart, Consent, Patient
from plugin.referral.consents import NO_CONSENT, Part2Consent, part2_consent

TODAY = date(2026, 3, 2)
HELD = Part2Consent("Consent/1")
REFUSED = Part2Consent(refused=True)
CODE = "42CFRPart2"
ADDRESS = "https://www.ecfr.gov/current/title-42/chapter-I/subchapter-A/part-2"


def consent(**changed: Any) -> Consent:
    values: dict[str, Any] = {
        "reference": "Consent/1",
        "status": "active",
        "provision": "permit",
        "policies": (CODE,),
    }
    return Consent(**(values | changed))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({}, HELD, id="code"),
        pytest.param({"policies": (ADDRESS,)}, HELD, id="address"),
        pytest.param({"provision": ""}, HELD, id="no-provision-permits"),
        pytest.param({"policies": ("OPTIN",)}, NO_CONSENT, id="another-policy"),
        pytest.param({"policies": ()}, NO_CONSENT, id="no-policy"),
        pytest.param({"status": "inactive"}, NO_CONSENT, id="taken-back"),
        pytest.param({"status": "proposed"}, NO_CONSENT, id="not-signed"),
        pytest.param({"status": "entered-in-error"}, NO_CONSENT, id="error"),
        pytest.param({"provision": "deny"}, REFUSED, id="denied"),
        pytest.param(
            {"provision": "deny", "status": "entered-in-error"}, NO_CONSENT, id="undone"
        ),
        pytest.param({"period_end": "2026-03-02"}, HELD, id="last-day"),
        pytest.param({"period_end": "2026-03-01T10:00:00Z"}, NO_CONSENT, id="over"),
        pytest.param({"period_end": "2026"}, NO_CONSENT, id="P14-year-may-be-over"),
        pytest.param({"period_end": "2027"}, HELD, id="P14-year-to-come"),
        pytest.param({"period_end": "2026-04"}, HELD, id="P14-month-to-come"),
        pytest.param({"period_end": "some day"}, NO_CONSENT, id="unreadable-end"),
    ],
)
def test_R5_consent_counts_where_it_is_signed_and_in_force(
    changed: dict[str, Any], says: Part2Consent
) -> None:
    chart = Chart(Patient("Patient/1", "1"), consents=(consent(**changed),))
    assert part2_consent(chart, TODAY) == says


def test_R5_refusal_is_louder_than_a_permission() -> None:
    refusal = consent(reference="Consent/2", provision="deny")
    chart = Chart(Patient("Patient/1", "1"), consents=(consent(), refusal))
    assert part2_consent(chart, TODAY) == REFUSED


@pytest.mark.parametrize("unread", ["could_not_check", "incomplete"])
def test_R5_consents_that_were_not_read_permit_nothing(unread: str) -> None:
    changed: dict[str, Any] = {unread: ("Consent",)}
    chart = Chart(Patient("Patient/1", "1"), consents=(consent(),), **changed)
    assert part2_consent(chart, TODAY) == NO_CONSENT
