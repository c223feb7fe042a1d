"""R7: who may sign at a site, by its own lists."""

from datetime import UTC, datetime

import pytest

from plugin.referral.standing import may_sign
from plugin.settings import Ehr
from smart_launch.context import LaunchContext
from smart_launch.scopes import Scopes

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def a_context(*roles: str) -> LaunchContext:
    return LaunchContext(
        id="ctx-1",
        tenant="general",
        issuer="https://ehr.example/r4",
        patient="p1",
        encounter=None,
        fhir_user="Practitioner/7",
        subject="sub-7",
        user_name="",
        scopes=Scopes(),
        need_patient_banner=False,
        intent=None,
        smart_style_url=None,
        fhir_context=(),
        app_context=None,
        launched_at=NOW,
        expires_at=NOW,
        secret_hash="",
        user_roles=roles,
    )


@pytest.mark.parametrize(
    ("signers", "readers", "roles", "may"),
    [
        pytest.param((), (), (), True, id="no-lists"),
        pytest.param(("Practitioner/7",), (), (), True, id="listed"),
        pytest.param(("Practitioner/70",), (), (), False, id="not-listed"),
        pytest.param(("PractitionerRole/7",), (), (), False, id="another-type"),
        pytest.param(("role:physician",), (), ("physician",), True, id="role"),
        pytest.param(("role:physician",), (), ("Physician",), False, id="by-letter"),
        pytest.param(("role:physician",), (), (), False, id="no-role"),
        pytest.param((), ("Practitioner/7",), (), False, id="reader"),
        pytest.param((), ("role:student",), ("student",), False, id="reading-role"),
        pytest.param(
            ("Practitioner/7",), ("role:student",), ("student",), False, id="both"
        ),
        pytest.param((), ("Practitioner/8",), (), True, id="another-reads"),
    ],
)
def test_R7_site_decides_who_signs(
    signers: tuple[str, ...],
    readers: tuple[str, ...],
    roles: tuple[str, ...],
    may: bool,
) -> None:
    ehr = Ehr(
        id="general",
        issuer="https://ehr.example/r4",
        client_id="x",
        signers=signers,
        readers=readers,
    )
    assert may_sign(a_context(*roles), ehr) is may
