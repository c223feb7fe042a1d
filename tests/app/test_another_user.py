"""R12: another person at the same machine does not get at the first one's launches."""

from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import requests
from sqlalchemy import select

from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading
from plugin.store.launch_tables import grants

pytestmark = pytest.mark.slow


def open_as(browser: Any, sandbox: Any, patient: str, user: str) -> str:
    """Open the app from a chart as this practitioner. Gives the launch's path."""
    token = sandbox.mint_launch(patient, practitioner=user)
    away = browser.get(f"/launch?iss={sandbox.issuer()}&launch={token}")
    back = requests.get(away.headers["location"], allow_redirects=False, timeout=10)
    parts = urlsplit(back.headers["location"])
    done = browser.get(f"{parts.path}?{parts.query}")
    assert done.status_code == 303, done.text
    return str(done.headers["location"])


def ended(app: Any) -> list[tuple[str, str]]:
    wanted = select(audit_events.c.canonical).where(
        audit_events.c.kind == "context.ended"
    )
    with reading(app.app.state.house.engine) as connection:
        events = [orjson.loads(row) for row in connection.scalars(wanted)]
    return [(one["context"], one["detail"]["reason"]) for one in events]


def test_R12_another_users_launch_ends_the_first_ones(
    launched: Any, sandbox: Any
) -> None:
    browser = launched.browser()
    first = open_as(browser, sandbox, "alcohol", "lindqvist")
    assert browser.get(first).status_code == 200
    second = open_as(browser, sandbox, "opioid", "okonedo")
    assert browser.get(second).status_code == 200
    gone = browser.get(first)
    assert gone.status_code == 409
    assert "Another person signed in here" in gone.text
    assert ended(launched) == [(first.split("/")[2], "another user")]
    with reading(launched.app.state.house.engine) as connection:
        kept = connection.scalars(select(grants.c.context_id)).all()
    assert kept == [second.split("/")[2]], "the first one's tokens are gone"


def test_R12_the_same_users_further_launch_ends_nothing(
    launched: Any, sandbox: Any
) -> None:
    browser = launched.browser()
    first = open_as(browser, sandbox, "alcohol", "lindqvist")
    second = open_as(browser, sandbox, "opioid", "lindqvist")
    assert browser.get(first).status_code == 200
    assert browser.get(second).status_code == 200
    assert ended(launched) == []


def test_R12_another_users_launch_elsewhere_ends_nothing(
    launched: Any, sandbox: Any
) -> None:
    mine, theirs = launched.browser(), launched.browser()
    first = open_as(mine, sandbox, "alcohol", "lindqvist")
    open_as(theirs, sandbox, "alcohol", "okonedo")
    assert mine.get(first).status_code == 200
