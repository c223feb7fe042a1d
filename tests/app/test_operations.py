"""Health, readiness, metrics, public keys, and what is served only in a demo."""

import sqlite3
from pathlib import Path

import pytest

PRODUCTION = {
    "allow_loopback_http": False,
    "public_url": "https://selfhelp.example.org",
}


def test_ready_when_everything_is(start) -> None:
    answer = start().client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "checks": {"database": "ok", "keys": "ok", "jobs": "ok"},
    }


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


def test_T08_a_large_body_is_413(start) -> None:
    answer = start().client.post(
        "/launches/AAAAAAAAAAAAAAAAAAAAAAAA/api/referrals",
        content=b"x" * 2_000_000,
        headers={"origin": "http://localhost:8000", "content-type": "application/json"},
    )
    assert answer.status_code == 413


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
