"""Health, readiness, metrics, public keys, and what is served only in a demo."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from plugin.foundation import lay
from plugin.operations.health import Health
from plugin.settings import Feed, Settings
from plugin.store.migrate import migrate
from plugin.version import VERSION

pytestmark = pytest.mark.slow  # each starts an app

PRODUCTION = {
    "allow_loopback_http": False,
    "public_url": "https://selfhelp.example.org",
}

# A feed whose meetings were seen at their source so many days ago.
_FEED = """
INSERT INTO feeds (id, program, format, source, licence, timezone, language, demo, live,
  state, reason, etag, last_modified, digest, fetched_at, lease)
VALUES ('ours', 'aa', 'csv', 'f.csv', '', '', 'en', 0, 1, 'good', '', '', '', '',
  (unixepoch() - {days} * 86400) * 1000000, 0)
"""


def test_ready_when_everything_is(start) -> None:
    answer = start().client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "checks": {
            "database": "ok",
            "migrations": "ok",
            "keys": "ok",
            "directory": "empty",
            "jobs": "ok",
        },
    }


def checks_of(running: Any) -> dict[str, str]:
    checks: dict[str, str] = running.client.get("/readyz").json()["checks"]
    return checks


@pytest.mark.parametrize(
    ("statement", "check", "state", "ready"),
    [
        pytest.param(
            "UPDATE alembic_version SET version_num = '0000'",
            "migrations",
            "failed",
            False,
            id="an-older-schema",
        ),
        pytest.param(
            "UPDATE alembic_version SET version_num = '9999'",
            "migrations",
            "ahead",
            True,
            id="a-newer-schema",
        ),
        pytest.param(
            _FEED.format(days=2), "directory", "ok", True, id="meetings-of-two-days-ago"
        ),
        pytest.param(
            _FEED.format(days=40), "directory", "behind", True, id="stale-meetings"
        ),
        pytest.param(
            _FEED.format(days=2).replace("'good'", "'quarantined'"),
            "directory",
            "quarantined",
            True,
            id="a-shrunken-feed",
        ),
    ],
)
def test_readyz_tells_each_trouble_apart(
    start, tmp_path: Path, statement: str, check: str, state: str, ready: bool
) -> None:
    with sqlite3.connect(tmp_path / "selfhelp.db") as database:
        running = start()
        database.execute(statement)
        database.commit()
    answer = running.client.get("/readyz").json()
    assert answer["checks"][check] == state
    assert answer["ready"] is ready


def test_without_a_signing_key_it_is_not_ready(settings: Settings) -> None:
    foundation = lay(settings)
    migrate(foundation.engine)
    assert Health(foundation).checks()["keys"] == "failed"
    foundation.signing_keys.ensure()
    assert Health(foundation).checks()["keys"] == "ok"
    foundation.engine.dispose()


def test_a_feed_of_the_settings_is_behind_after_three_turns(
    start, tmp_path: Path
) -> None:
    feed = Feed(id="ours", source="f.csv", format="csv", program="aa", every_hours=12)
    running = start(feeds=(feed,))
    with sqlite3.connect(tmp_path / "selfhelp.db") as database:
        database.execute(_FEED.format(days=2))
    assert checks_of(running)["directory"] == "behind"
    text = running.client.get("/metrics").text
    assert re.search(r'directory_age_seconds{feed="ours"} 1728\d\d\.', text)


def test_metrics_tell_each_ehr_apart(launched, sandbox) -> None:
    launched.browser().launch(sandbox, "alcohol")
    text = launched.client.get("/metrics").text
    assert 'selfhelp_ehr_calls_total{outcome="ok",tenant="general"}' in text
    assert 'selfhelp_ehr_call_seconds_count{tenant="general"}' in text
    assert 'selfhelp_write_job_overdue_seconds{tenant="general"} 0.0' in text
    assert 'selfhelp_check_ok{check="database"} 1.0' in text
    assert "selfhelp_requests_under_way 1.0" in text
    assert f'selfhelp_build{{version="{VERSION}"}} 1.0' in text


def test_L01_a_call_that_is_not_made_is_not_counted(start) -> None:
    client = start().client
    client.get("/launch?iss=https://elsewhere.example/r4&launch=1")
    assert "selfhelp_ehr_calls_total{" not in client.get("/metrics").text


def test_an_ehr_that_is_not_there_is_counted_as_such(start) -> None:
    client = start("http://127.0.0.1:9/r4").client
    client.get("/launch?iss=http://127.0.0.1:9/r4&launch=1")
    text = client.get("/metrics").text
    assert re.search(
        r'selfhelp_ehr_calls_total{outcome="unavailable",tenant="general"} [1-9]', text
    )


@pytest.mark.slow
def test_W13_not_ready_when_nothing_can_be_written(start, tmp_path: Path) -> None:
    client = start().client
    with sqlite3.connect(tmp_path / "selfhelp.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "failed"}
    assert client.get("/readyz").status_code == 200


def test_L38_probes_answer_under_any_name_and_pages_do_not(start) -> None:
    client = start().client
    foreign = {"host": "10.0.0.7:8000"}
    assert client.get("/healthz", headers=foreign).status_code == 200
    assert client.get("/readyz", headers=foreign).status_code == 200
    assert client.get("/launch", headers=foreign).status_code == 400
    assert client.get("/metrics", headers=foreign).status_code == 400


def test_L38_metrics_answer_under_any_name_where_a_token_is_asked_for(
    start, token
) -> None:
    client = start(**token).client
    foreign = {"host": "10.0.0.7:8000", "authorization": "Bearer let-me-see"}
    assert client.get("/metrics", headers=foreign).status_code == 200
    foreign["authorization"] = "Bearer no"
    assert client.get("/metrics", headers=foreign).status_code == 404


def test_L37_jwks_may_be_kept_for_some_minutes(start) -> None:
    answer = start().client.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "max-age=900"
    assert {key["alg"] for key in answer.json()["keys"]} == {"RS384", "ES384"}


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/metrics", "/redoc"])
def test_X14_nothing_is_explained_in_production(start, path: str) -> None:
    assert start(**PRODUCTION).client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/metrics"])
def test_X14_a_demo_explains_itself(start, path: str) -> None:
    assert start().client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        pytest.param("Bearer let-me-see", 200, id="right"),
        pytest.param("Bearer let-me-se", 404, id="wrong"),
        pytest.param("Bearer ", 404, id="empty"),
        pytest.param("let-me-see", 404, id="no-scheme"),
    ],
)
def test_X14_metrics_ask_for_their_token(
    start, token, header: str, status: int
) -> None:
    client = start(**token).client
    answer = client.get("/metrics", headers={"authorization": header})
    assert answer.status_code == status


def test_metrics_name_templates_and_every_open_status(start) -> None:
    client = start().client
    client.get("/launches/AAAAAAAAAAAAAAAAAAAAAAAA/")
    client.get("/nowhere/at/all")
    client.request("BREW", "/healthz")
    text = client.get("/metrics").text
    assert 'route="/launches/{launch_id}/"' in text
    assert 'route="none"' in text
    assert 'method="OTHER"' in text
    assert "AAAAAAAA" not in text
    assert "nowhere" not in text
    assert 'selfhelp_write_jobs{status="unknown"} 0.0' in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("{launch}api/referrals", 413, id="of-a-clinician"),
        # Nothing of it is read: nobody is known to have sent it.
        pytest.param("/launches/AAAAAAAAAAAA/api/referrals", 404, id="of-a-stranger"),
    ],
)
def test_T08_a_large_body_is_refused(launched, sandbox, path: str, status: int) -> None:
    browser = launched.browser()
    launch = browser.launch(sandbox, "alcohol")
    answer = launched.client.post(
        path.format(launch=launch),
        content=b"x" * 2_000_000,
        headers={
            "origin": "http://localhost:8000",
            "content-type": "application/json",
            "cookie": "; ".join(f"{n}={v}" for n, v in browser.cookies.items()),
        },
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/readyz", "/metrics", "/.well-known/jwks.json", "/docs", "/nowhere"],
)
def test_X12_every_answer_carries_its_headers(start, path: str) -> None:
    headers = start().client.get(path).headers
    assert "frame-ancestors" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-request-id"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/.well-known/jwks.json"])
def test_X08_no_other_method(start, path: str) -> None:
    client = start().client
    assert client.post(path).status_code == 405
    assert client.delete(path).status_code == 405
