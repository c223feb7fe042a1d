"""The app as a whole: a launch through it, what it leaves behind, how it ends."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from plugin.app import create_app, described
from plugin.settings import Ehr
from plugin.store.errors import SchemaRefused
from smart_launch.errors import SealBroken

pytestmark = pytest.mark.slow  # each starts an app


def rows(folder: Path, table: str) -> int:
    engine = create_engine(f"sqlite:///{folder / 'selfhelp.db'}")
    with engine.connect() as connection:
        found = connection.scalar(text(f"SELECT count(*) FROM {table}"))
    engine.dispose()
    return int(found or 0)


def test_a_launch_ends_in_a_recommendation(launched, sandbox) -> None:
    browser = launched.browser()
    path = browser.launch(sandbox, "alcohol")
    page = browser.get(path)
    assert page.status_code == 200
    answer = browser.get(f"{path}api/recommendation").json()
    assert "alcohol" in {need["id"] for need in answer["needs"]}
    assert answer["could_not_check"] == []


def test_a_context_survives_a_restart(launched, sandbox) -> None:
    browser = launched.browser()
    path = browser.launch(sandbox, "alcohol")
    launched.client.__exit__()
    again = create_app(launched.settings)
    from starlette.testclient import TestClient

    with TestClient(again, base_url="http://localhost:8000") as client:
        browser.client = client
        assert browser.get(path).status_code == 200


@pytest.mark.slow
def test_T03_launches_of_an_ehr_that_was_taken_out_are_over(
    start, launched, sandbox
) -> None:
    browser = launched.browser()
    path = browser.launch(sandbox, "alcohol")
    launched.client.__exit__()
    other = Ehr(id="another", issuer="https://ehr.example/r4", client_id="a")
    browser.client = start(ehrs=(other,)).client
    for asked in (path, f"{path}api/recommendation", f"{path}api/referrals"):
        answer = browser.get(asked)
        assert answer.status_code in (401, 404, 409), answer.text
        assert "Avery" not in answer.text


@pytest.mark.slow
def test_L35_launches_that_never_come_back_leave_nothing(
    launched, sandbox, tmp_path: Path
) -> None:
    tables = ("contexts", "grants", "spent_states", "drafts", "audit_events")
    before = {table: rows(tmp_path, table) for table in tables}
    for _ in range(200):
        browser = launched.browser()
        found = browser.get(f"/launch?iss={sandbox.issuer()}&launch=abc")
        assert found.status_code == 303
    after = {table: rows(tmp_path, table) for table in tables}
    assert after == before
    assert launched.browser().launch(sandbox, "alcohol").startswith("/launches/")


def test_A10_a_whole_launch_leaves_no_canary(launched, sandbox, lines) -> None:
    browser = launched.browser()
    path = browser.launch(sandbox, "alcohol")
    browser.get(path)
    browser.get(f"{path}api/recommendation")
    browser.get("/callback?code=SECRET-CODE-4711&state=SECRET-STATE-4711")
    patient = sandbox.resources("Patient", "alcohol")[0]
    canaries = {
        "SECRET-CODE-4711",
        "SECRET-STATE-4711",
        patient["id"],
        patient["name"][0]["family"],
        patient["birthDate"],
        path.split("/")[2],
        *filter(None, browser.cookies.values()),
    }
    logged = lines.getvalue()
    measured = launched.client.get("/metrics").text
    assert '"route":"/callback"' in logged
    for canary in canaries:
        assert canary not in logged
        assert canary not in measured


def test_A10_no_token_stands_in_the_database(launched, sandbox, tmp_path: Path) -> None:
    browser = launched.browser()
    path = browser.launch(sandbox, "alcohol")
    browser.get(path)
    family = sandbox.resources("Patient", "alcohol")[0]["name"][0]["family"]
    grants = sandbox.site().grants
    tokens = [*grants._access, *grants._refresh]
    stored = b"".join(
        file.read_bytes() for file in tmp_path.iterdir() if "selfhelp.db" in file.name
    )
    assert tokens
    for secret in (*tokens, family, *filter(None, browser.cookies.values())):
        assert secret.encode() not in stored


def test_threads_end_with_the_app(start) -> None:
    running = start()
    names = {"worker", "housekeeping"}
    assert names <= {thread.name for thread in threading.enumerate()}
    running.client.__exit__()
    assert not names & {thread.name for thread in threading.enumerate()}


def test_A14_another_master_key_does_not_start(start, tmp_path: Path) -> None:
    from pydantic import SecretBytes

    start().client.__exit__()
    with pytest.raises(SealBroken):
        start(master_keys=(SecretBytes(bytes(32)),))


def test_W14_a_newer_database_does_not_start(start, tmp_path: Path) -> None:
    start().client.__exit__()
    engine = create_engine(f"sqlite:///{tmp_path / 'selfhelp.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(SchemaRefused):
        start()


def test_interface_is_described_without_settings() -> None:
    document = described().openapi()
    assert {
        "/healthz",
        "/readyz",
        "/metrics",
        "/.well-known/jwks.json",
        "/launches/{launch_id}/api/recommendation",
        "/launches/{launch_id}/api/referrals",
        "/launches/{launch_id}/api/decisions",
    } <= set(document["paths"])
