"""Which pages of a browser may call: those of the origins that a site names."""

import pytest

ORIGIN = "https://ehr.example"
PATHS = (
    "/cds-services",
    "/cds-services/patient-view",
    "/cds-services/patient-view/feedback",
)


@pytest.fixture
def open_to_one(install):
    return install(cors_origins=[ORIGIN])


def preflight(ehr, path: str, origin: str):
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type",
    }
    return ehr.client.options(path, headers=headers)


def test_preflight_of_a_named_origin_is_let_through(open_to_one) -> None:
    for path in PATHS:
        answer = preflight(open_to_one, path, ORIGIN)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "authorization" in answer.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in answer.headers


OTHERS = (
    "https://evil.example",
    "http://ehr.example",
    "https://ehr.example.evil.example",
    "https://ehr.example:444",
    "HTTPS://EHR.EXAMPLE",
    "null",
    "*",
)


def test_C14_preflight_of_another_origin_is_told_nothing(open_to_one) -> None:
    told = [
        (path, origin, name)
        for path in PATHS
        for origin in OTHERS
        for name in preflight(open_to_one, path, origin).headers
        if name.startswith("access-control")
    ]
    assert told == []


def test_C14_without_a_named_origin_nobody_is_let_through(ehr) -> None:
    answer = preflight(ehr, PATHS[1], ORIGIN)
    assert "access-control-allow-origin" not in answer.headers


def test_answers_and_refusals_say_the_named_origin(open_to_one) -> None:
    for path in PATHS:
        headers = {"origin": ORIGIN}
        answer = open_to_one.client.request(
            "GET" if path == "/cds-services" else "POST", path, headers=headers
        )
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "Origin" in answer.headers["vary"]


def test_cors_opens_no_other_page(open_to_one) -> None:
    answer = open_to_one.client.get("/healthz", headers={"origin": ORIGIN})
    assert "access-control-allow-origin" not in answer.headers
