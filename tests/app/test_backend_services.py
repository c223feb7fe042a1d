"""A signed referral outlives its signer's sign-in, where the hospital has set that."""

import time
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from plugin.audit.verify import verify
from plugin.settings import Ehr
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading

pytestmark = pytest.mark.slow

APP = "http://localhost:8000"
KINDS = ["ServiceRequest", "DocumentReference", "Provenance"]


def running(start: Any, sandbox: Any, *, backend: bool) -> Any:
    ehr = Ehr(
        id="general",
        issuer=sandbox.issuer(),
        client_id="selfhelp",
        backend_services=backend,
    )
    app = start(ehrs=(ehr,))
    jwks = app.client.get("/.well-known/jwks.json").json()
    sandbox.register_client(APP, jwks=jwks, own_access=True)
    return app


def signed_after_the_session(app: Any, sandbox: Any) -> tuple[Any, str, str]:
    """Gives the browser, the launch's path and the referral's id."""
    browser = app.browser()
    path = browser.launch(sandbox, "alcohol")
    assert browser.get(path).status_code == 200
    sandbox.site().grants.end_all()
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    answer = app.client.post(
        f"{path}api/referrals",
        json={
            "choices": [{"program": "aa", "meeting": None}],
            "note": "Agreed to try a group.",
            "patient": sandbox.patient_id("alcohol"),
            "acknowledged": [],
            "agreement": "named",
        },
        headers={"origin": APP, "idempotency-key": "key-1", "cookie": cookies},
    )
    assert answer.status_code == 201, answer.text
    return browser, path, answer.json()["id"]


def settled(browser: Any, path: str, referral: str, status: str) -> Any:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        told = browser.get(f"{path}api/referrals/{referral}").json()
        reasons = {one["reason"] for one in told["resources"]}
        if told["status"] == status and any(reasons):
            return told
        time.sleep(0.05)
    raise AssertionError(told)


def writes(app: Any) -> list[dict[str, Any]]:
    with reading(app.app.state.house.engine) as connection:
        told = select(audit_events.c.canonical).where(
            audit_events.c.kind == "write.written"
        )
        return [orjson.loads(row)["detail"] for row in connection.scalars(told)]


def test_signed_referral_is_finished_with_the_backend_grant(
    start: Any, sandbox: Any
) -> None:
    app = running(start, sandbox, backend=True)
    told = settled(*signed_after_the_session(app, sandbox), "written")
    assert [one["type"] for one in told["resources"]] == KINDS
    assert {one["reason"] for one in told["resources"]} == {
        "Written with the hospital's backend grant."
    }
    assert {event["grant"] for event in writes(app)} == {"backend"}
    assert sandbox.counts.wrong_patient == 0
    for kind in KINDS:
        assert len(sandbox.counts.writes(kind)) == 1, kind
    house = app.app.state.house
    assert verify(house.engine, house.trail.keys).whole


def test_without_the_setting_it_waits_for_its_signer(start: Any, sandbox: Any) -> None:
    app = running(start, sandbox, backend=False)
    told = settled(*signed_after_the_session(app, sandbox), "waiting")
    assert "when the clinician who signed it" in told["resources"][0]["reason"]
    assert writes(app) == []
