"""How an error is told, without the app around it."""

from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from plugin.screens.errors import told
from plugin.store.errors import StoreUnavailable
from smart_launch.errors import ContextEnded, FhirRefused, UnknownIssuer


def request(path: str, language: str = "en") -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [(b"accept-language", language.encode())],
        }
    )


def text(answer: Any) -> str:
    return bytes(answer.body).decode()


def test_W12_database_outage_is_503_with_retry_after() -> None:
    answer = told(request("/launches/x/api/referrals"), StoreUnavailable("secret"))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "secret" not in text(answer)


def test_public_text_is_told_and_the_message_is_not() -> None:
    error = FhirRefused("CANARY", http_status=422, outcome="CANARY too")
    for path in ("/launches/x/", "/launches/x/api/referrals"):
        answer = told(request(path), error)
        assert answer.status_code == 422
        assert "CANARY" not in text(answer)
        assert "The record system refused this." in text(answer)


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        pytest.param("superseded", "moved to another patient", id="superseded"),
        pytest.param("logged out", "You ended this session", id="logout"),
        pytest.param("idle", "Your session has ended", id="idle"),
    ],
)
def test_ended_launch_says_why(reason: str, says: str) -> None:
    answer = told(request("/launches/x/"), ContextEnded("x", reason=reason))
    assert answer.status_code == 409
    assert says in text(answer)


@pytest.mark.parametrize(
    ("language", "says"),
    [
        pytest.param("es-MX,es;q=0.9", "Esta solicitud no estaba", id="spanish"),
        pytest.param("tlh", "This request was not in order", id="unknown"),
        pytest.param("<script>", "This request was not in order", id="hostile"),
    ],
)
def test_page_without_a_launch_speaks_the_browsers_language(
    language: str, says: str
) -> None:
    answer = told(request("/launch", language), UnknownIssuer("x"))
    assert says in text(answer)
    assert "<script>" not in text(answer).replace("<script src", "")


def test_X13_validation_error_never_says_what_was_sent() -> None:
    sent = {"type": "missing", "loc": ("body",), "msg": "CANARY", "input": "CANARY"}
    answer = told(request("/launches/x/api/referrals"), RequestValidationError([sent]))
    assert answer.status_code == 422
    assert "CANARY" not in text(answer)
