"""What a hostile browser, page or address can do at the reviewers' screens: nothing."""

import re
from typing import Any

import pytest

from plugin.app import described

Reviewed = Any  # what the fixture gives: see conftest

CANARY = "Canary-Patient-7719"
PAGES = (
    "/audit",
    "/audit/sign-in",
    "/audit/callback?state=x",
    *(
        f"/audit/at/{tenant}/{page}"
        for tenant in ("general", "epic")  # an EHR may frame epic's launches
        for page in ("records", "records/1", "figures", "reviews", "chain", "nothing")
    ),
)


def test_X05_X06_no_page_may_be_framed_by_anybody(reviewed: Reviewed) -> None:
    reviewed.sign_in("both")
    for path in PAGES:
        policy = reviewed.get(path).headers["content-security-policy"]
        assert re.search(r"frame-ancestors 'none'(;|$)", policy), path


def test_X09_no_page_listens_to_messages(reviewed: Reviewed) -> None:
    reviewed.sign_in("both")
    reviewed.record("chart.read")
    for path in PAGES:
        answer = reviewed.get(path)
        for script in re.findall(r'<script src="([^"]+)"', answer.text):
            assert not re.search(
                r"""onmessage|["']message["']""", reviewed.get(script).text
            )
        assert answer.text.count("<script") == answer.text.count("<script src=")
        # Nor can an opener of another site reach the window to send it anything.
        assert answer.headers["cross-origin-opener-policy"] == "same-origin", path


def test_X11_without_cookies_a_page_says_so_and_no_token_is_in_an_address(
    reviewed: Reviewed,
) -> None:
    away = reviewed.get("/audit/sign-in")
    reviewed.client.cookies.clear()  # the browser kept none
    back = reviewed.come_back(away.headers["location"], "moreau")
    assert back.status_code == 400
    assert "cookie" in back.text
    assert "set-cookie" not in back.headers
    assert reviewed.sandbox.sandbox.staff_login.redeemed == 0
    assert reviewed.get("/audit/at/general/records").status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("records?older={}", 200, id="X13-key"),
        pytest.param("records?since={}", 200, id="X13-date"),
        pytest.param("records/{}", 422, id="X13-number"),
        pytest.param("referrals/{}", 404, id="X13-referral"),
        pytest.param("figures?since={}", 200, id="X13-figures"),
    ],
)
def test_X13_refusal_does_not_repeat_what_was_sent(
    reviewed: Reviewed, path: str, status: int
) -> None:
    reviewed.sign_in()
    answer = reviewed.get(f"/audit/at/general/{path.format(CANARY)}")
    assert answer.status_code == status
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)


def test_X13_form_that_lacks_something_is_not_repeated(reviewed: Reviewed) -> None:
    reviewed.sign_in()
    number = reviewed.record("chart.read", patient="p")
    for path in ("export", f"records/{number}/identity", "patient"):
        answer = reviewed.post(f"/audit/at/general/{path}", unknown=CANARY)
        assert answer.status_code < 500
        assert CANARY not in answer.text


@pytest.mark.parametrize("path", ["docs", "openapi.json", "metrics", "debug", "redoc"])
def test_X14_nothing_of_the_inside_is_served(reviewed: Reviewed, path: str) -> None:
    reviewed.sign_in("both")
    assert reviewed.get(f"/audit/{path}").status_code == 404
    assert reviewed.get(f"/audit/at/general/{path}").status_code == 404


def test_X14_the_interface_does_not_describe_the_reviewers_pages() -> None:
    paths = described().openapi()["paths"]
    assert not [path for path in paths if path.startswith("/audit")]
