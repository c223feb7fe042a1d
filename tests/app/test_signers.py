"""R7: who may not sign here can look and print, and is told so; nothing else."""

from typing import Any

import orjson
import pytest
from sqlalchemy import func, select

from plugin.settings import Ehr
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading
from plugin.store.referral_tables import referrals, write_jobs

pytestmark = pytest.mark.slow

APP = "http://localhost:8000"
SIGNER = "Practitioner/lindqvist"  # who has the chart open


def opened(start: Any, sandbox: Any, **lists: Any) -> tuple[Any, Any, str]:
    ehr = Ehr(id="general", issuer=sandbox.issuer(), client_id="selfhelp", **lists)
    app = start(ehrs=(ehr,))
    jwks = app.client.get("/.well-known/jwks.json").json()
    sandbox.register_client(APP, jwks=jwks)
    browser = app.browser()
    return app, browser, browser.launch(sandbox, "alcohol")


def cookies_of(browser: Any) -> str:
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def second_page(app: Any, browser: Any, path: str, sandbox: Any) -> str:
    """The page on which a referral is signed, with one group chosen."""
    chosen = app.client.post(
        f"{path}choices",
        data={
            "patient": sandbox.patient_id("alcohol"),
            "do": "review",
            "program": "aa",
        },
        headers={"origin": APP, "cookie": cookies_of(browser)},
        follow_redirects=False,
    )
    assert chosen.status_code == 303, chosen.text
    return str(browser.get(f"{path}sign").text)


def sign(app: Any, browser: Any, path: str, sandbox: Any) -> Any:
    return app.client.post(
        f"{path}api/referrals",
        json={
            "choices": [{"program": "aa", "meeting": None}],
            "note": "Agreed to try a group.",
            "patient": sandbox.patient_id("alcohol"),
            "acknowledged": [],
            "agreement": "named",
        },
        headers={
            "origin": APP,
            "idempotency-key": "key-1",
            "cookie": cookies_of(browser),
        },
    )


def kept(app: Any) -> int:
    with reading(app.app.state.house.engine) as connection:
        return sum(
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (referrals, write_jobs)
        )


def refusals(app: Any) -> list[str]:
    wanted = select(audit_events.c.canonical).where(
        audit_events.c.kind == "security.rejected"
    )
    with reading(app.app.state.house.engine) as connection:
        events = [orjson.loads(row) for row in connection.scalars(wanted)]
    return [event["detail"]["what"] for event in events]


@pytest.mark.parametrize(
    ("lists", "claims"),
    [
        pytest.param({"signers": ("Practitioner/9",)}, {}, id="not-among-signers"),
        pytest.param({"readers": (SIGNER,)}, {}, id="reader"),
        pytest.param(
            {"readers": ("role:student",), "role_claim": "roles"},
            {"roles": ["student"]},
            id="reading-role",
        ),
    ],
)
def test_R7_who_may_not_sign_is_told_and_nothing_is_kept(
    start: Any, sandbox: Any, lists: dict[str, Any], claims: dict[str, Any]
) -> None:
    if claims:
        sandbox.faults.add("claims", on="token", set=claims)
    app, browser, path = opened(start, sandbox, **lists)
    page = second_page(app, browser, path, sandbox)
    assert "At this site others sign referrals" in page
    assert 'value="named"' not in page
    answer = sign(app, browser, path, sandbox)
    assert answer.status_code == 403
    assert "ask a colleague who signs" in answer.text
    assert kept(app) == 0
    assert refusals(app) == ["not a signer"]
    assert sandbox.counts.writes() == []


@pytest.mark.parametrize(
    ("lists", "claims"),
    [
        pytest.param({"signers": (SIGNER,)}, {}, id="signer"),
        pytest.param(
            {"signers": ("role:physician",), "role_claim": "roles"},
            {"roles": "physician teacher"},
            id="signing-role",
        ),
    ],
)
def test_R7_who_may_sign_signs(
    start: Any, sandbox: Any, lists: dict[str, Any], claims: dict[str, Any]
) -> None:
    if claims:
        sandbox.faults.add("claims", on="token", set=claims)
    app, browser, path = opened(start, sandbox, **lists)
    page = second_page(app, browser, path, sandbox)
    assert "At this site others sign" not in page
    assert 'value="named"' in page
    assert sign(app, browser, path, sandbox).status_code == 201
    assert refusals(app) == []
