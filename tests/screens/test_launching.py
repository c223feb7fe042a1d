"""In and out of the app: the launch, the cookies, the end."""

from datetime import timedelta
from typing import Any

import pytest
import requests

# Each runs the whole app against a sandbox EHR.
pytestmark = pytest.mark.slow


def test_launch_leads_straight_to_the_ehr(installed: Any) -> None:
    answer = installed.client.get(
        "/launch",
        params={
            "iss": installed.sandbox.issuer(),
            "launch": installed.sandbox.mint_launch("alcohol"),
        },
        follow_redirects=False,
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(installed.sandbox.url)


def test_callback_leads_to_the_launchs_own_page(installed: Any) -> None:
    path = installed.launch()
    assert path.startswith("/launches/")
    page = installed.client.get(path)
    assert page.status_code == 200
    assert "Marcus Avery" in page.text
    assert "Alcoholics Anonymous" in page.text
    assert installed.events("launch.completed")[0]["detail"]["encounter"]
    assert len(installed.events("chart.read")) == 1


def test_page_is_not_read_from_the_ehr_twice(installed: Any) -> None:
    path = installed.launch()
    installed.client.get(path)
    installed.client.get(path)
    installed.client.get(f"{path}api/recommendation")
    assert len(installed.events("chart.read")) == 1


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="L10-nothing"),
        pytest.param("iss=https://unknown.example&launch=x", id="L01"),
        pytest.param("iss=http://169.254.169.254/&launch=x", id="L02"),
        pytest.param("iss=a&iss=b&launch=x", id="L10-two-iss"),
        pytest.param("iss=%3Cscript%3E&launch=%0d%0ax%00", id="L10-odd"),
    ],
)
def test_bad_launch_is_refused_with_a_page(installed: Any, query: str) -> None:
    answer = installed.client.get(f"/launch?{query}", follow_redirects=False)
    assert answer.status_code == 400
    assert "<script>" not in answer.text
    assert "text/html" in answer.headers["content-type"]
    assert len(installed.events("launch.rejected")) == 1


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="L11-no-state"),
        pytest.param("code=a&state=unknown.state", id="L14"),
        pytest.param("code=a&code=b&state=s", id="L20"),
        pytest.param("error=access_denied&state=s", id="L18"),
        pytest.param("next=//evil.example", id="L33"),
    ],
)
def test_bad_callback_is_400_and_never_422(installed: Any, query: str) -> None:
    answer = installed.client.get(f"/callback?{query}", follow_redirects=False)
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_X11_browser_without_cookies_is_told_so(installed: Any) -> None:
    answer = installed.client.get("/callback?code=a&state=AAAAAAAAAAAAAAAAAAAAAA.b")
    assert answer.status_code == 400
    assert "cannot keep a secure session" in answer.text


def test_end_closes_the_launch(installed: Any) -> None:
    path = installed.launch()
    installed.client.get(path)
    answer = installed.post(f"{path}end", [])
    assert answer.status_code == 200
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert "This session has ended" in answer.text
    assert len(installed.events("context.ended")) == 1


def test_ended_launch_answers_409_with_a_page(installed: Any) -> None:
    path = installed.launch()
    cookies = dict(installed.client.cookies)
    installed.post(f"{path}end", [])
    installed.client.cookies.update(cookies)
    answer = installed.client.get(path)
    assert answer.status_code == 409
    assert "This session has ended" in answer.text


def test_P02_superseded_launch_answers_409_and_says_why(installed: Any) -> None:
    first = installed.launch("alcohol")
    answer = installed.client.get(
        "/launch",
        params={
            "iss": installed.sandbox.issuer(),
            "launch": installed.sandbox.mint_launch("opioid"),
            "supersedes": first.split("/")[2],
        },
        follow_redirects=False,
    )
    cookies = dict(installed.client.cookies)
    second = installed.come_back(answer.headers["location"])
    installed.client.cookies.update(cookies)
    over = installed.client.get(first)
    assert over.status_code == 409
    assert "The chart has moved to another patient" in over.text
    assert installed.client.get(second).status_code == 200


def test_L34_second_launch_leaves_the_first_alone(installed: Any) -> None:
    first = installed.launch("alcohol")
    second = installed.launch("opioid")
    assert "Marcus Avery" in installed.client.get(first).text
    assert "Marcus Avery" not in installed.client.get(second).text


def test_X10_cookie_carries_every_flag(installed: Any) -> None:
    answer = installed.client.get(
        "/launch",
        params={
            "iss": installed.sandbox.issuer(),
            "launch": installed.sandbox.mint_launch("alcohol"),
        },
        follow_redirects=False,
    )
    back = requests.get(answer.headers["location"], allow_redirects=False, timeout=5)
    callback = back.headers["location"].removeprefix("https://app.test")
    finished = installed.client.get(callback, follow_redirects=False)
    cookies = [
        value
        for made in (answer, finished)
        for value in made.headers.get_list("set-cookie")
    ]
    assert len(cookies) >= 2
    for cookie in cookies:
        assert cookie.startswith("__Host-launch-")
        for flag in ("Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"):
            assert flag in cookie.split("; ")


@pytest.mark.parametrize(
    ("minutes", "status"),
    [pytest.param(14, 200, id="in-use"), pytest.param(16, 401, id="L42-idle")],
)
def test_L42_launch_without_use_ends(
    installed: Any, moving_clock: Any, minutes: int, status: int
) -> None:
    path = installed.launch()
    moving_clock.ahead = timedelta(minutes=minutes)
    answer = installed.client.get(path)
    assert answer.status_code == status
    if status == 401:
        assert "This session has ended" in answer.text
        assert installed.client.get(path).status_code == 409


def test_unforeseen_error_is_a_page_that_says_nothing(installed: Any) -> None:
    def broken() -> None:
        raise RuntimeError("CANARY-4412")

    installed.app.add_api_route("/broken", broken)
    answer = installed.client.get("/broken")
    assert answer.status_code == 500
    assert "CANARY" not in answer.text
    assert "Something went wrong in this app" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_L34_launch_in_a_hidden_frame_keeps_the_draft(installed: Any) -> None:
    path = installed.launch("alcohol")
    page = installed.client.get(path).text
    patient = page.split('name="patient" value="')[1].split('"')[0]
    fields = [("patient", patient), ("do", "review"), ("program", "aa")]
    installed.post(f"{path}choices", fields)
    installed.launch("opioid")
    assert "Alcoholics Anonymous" in installed.client.get(f"{path}sign").text
