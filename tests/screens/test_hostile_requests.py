"""What strangers and broken senders try, at the wire."""

import re
from typing import Any
from urllib.parse import quote

import pytest

from plugin.screens.assets import assets
from tests.screens.conftest import APP_URL, CLIENT_HEADERS, FEED, fill

pytestmark = pytest.mark.slow

SCRIPT = "<script>alert(1)</script>"
HOSTILE = f"\"><svg onload=alert(1)>{SCRIPT}{{{{7*7}}}}${{7*7}}]]>'"


def test_X02_narrative_of_the_chart_is_never_shown(installed: Any) -> None:
    canary = "NARRATIVE-4711"
    body = f"<div xmlns='http://www.w3.org/1999/xhtml'>{canary}<iframe src=x></iframe>"
    (found,) = installed.sandbox.resources("Patient", "alcohol")
    installed.sandbox.put(
        found | {"text": {"status": "generated", "div": f"{body}</div>"}}
    )
    path = installed.launch()
    assert "Avery" in installed.client.get(path).text
    for page in ("", "referrals", "api/recommendation"):
        assert canary not in installed.client.get(path + page).text


@pytest.mark.parametrize(
    "scheme", ["javascript:alert(1)", "data:text/html,x", "file:/"]
)
def test_X03_address_of_a_group_is_no_link_unless_it_is_https(
    installed: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    rows = [row | {"url": scheme, "conference_url": scheme} for row in FEED]
    monkeypatch.setattr("tests.screens.conftest.FEED", rows)
    fill(installed.house, tmp_path, names=("aa",))
    path = installed.launch()
    page = installed.client.get(path).text
    assert "Alcoholics Anonymous" in page
    assert scheme not in page
    hrefs = re.findall(r'(?:href|src|action)="([^"]*)"', page)
    assert all(h.startswith(("/", "#")) for h in hrefs), hrefs


def test_X04_hostile_text_is_escaped_in_every_context(installed: Any) -> None:
    path = installed.launch()
    patient = ("patient", installed.sandbox.patient_id("alcohol"))
    installed.post(
        f"{path}choices",
        [patient, ("program", "aa"), ("not-smart", HOSTILE), ("do", "leave:smart")],
    )
    installed.post(f"{path}choices", [patient, ("program", "aa"), ("do", "review")])
    page = installed.client.get(f"{path}sign").text
    key = page.split('name="key" value="')[1].split('"')[0]
    installed.post(
        f"{path}sign",
        [patient, ("key", key), ("note", HOSTILE), ("agreement", "named")],
    )
    for name in ("", "sign", f"nowhere/{quote(HOSTILE, safe='')}"):
        text = installed.client.get(path + name).text
        assert SCRIPT not in text
        assert "<svg onload" not in text
    assert "&lt;script&gt;" in installed.client.get(f"{path}sign").text
    assert "{{7*7}}" in installed.client.get(f"{path}sign").text


def test_X06_page_of_one_tenant_may_not_stand_in_anothers_frame(installed: Any) -> None:
    path = installed.launch(tenant="epic")
    for page in ("", "referrals", "api/recommendation", "style.css"):
        policy = installed.client.get(path + page).headers["content-security-policy"]
        framers = policy.split("frame-ancestors ")[1].split(";")[0]
        assert framers == "https://epic.ehr.test"


def test_X08_nothing_changes_but_by_post(installed: Any) -> None:
    path = installed.launch()
    override = {"x-http-method-override": "POST", **CLIENT_HEADERS}
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        for page in ("choices", "end", "stay", "api/decisions"):
            answer = installed.client.request(
                method, f"{path}{page}?_method=POST", headers=override
            )
            assert answer.status_code == 405, (method, page)
    assert installed.client.get(path).status_code == 200


def test_X10_every_cookie_is_for_this_host_alone_and_no_script(installed: Any) -> None:
    begun = installed.client.get(
        "/launch",
        params={
            "iss": installed.sandbox.issuer(),
            "launch": installed.sandbox.mint_launch("alcohol"),
        },
        follow_redirects=False,
    )
    path = installed.launch()
    ended = installed.post(f"{path}end", [])
    cookies = [
        *begun.headers.get_list("set-cookie"),
        *ended.headers.get_list("set-cookie"),
    ]
    assert len(cookies) >= 2
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "samesite=none", "partitioned", "path=/"} <= flags
        assert not any(flag.startswith("domain") for flag in flags)


def test_X11_browser_that_keeps_no_cookie_is_told_so_without_a_token(
    installed: Any,
) -> None:
    path = installed.launch()
    installed.client.cookies.clear()
    answer = installed.client.get(path, follow_redirects=False)
    assert answer.status_code == 404
    assert "cannot keep a secure session" in answer.text
    assert "location" not in answer.headers
    assert not re.search(r"[?&](token|session|secret)=", answer.text)


def test_X09_script_listens_to_no_messages_of_other_windows() -> None:
    script = assets()["screens.js"].body.decode()
    assert not re.search(r"[\"']message[\"']|onmessage|postMessage", script)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\b", script)
    assert not re.search(
        r"localStorage|sessionStorage|indexedDB|document\.cookie", script
    )


ODD_BYTES = {
    "nul": "%00",
    "lone surrogate": "%ED%A0%80",
    "byte order mark": "%EF%BB%BFx",
    "crlf": "a%0D%0Ab",
    "no utf-8": "%FF%FE",
}


def test_X16_odd_bytes_in_a_form_are_taken_or_refused(installed: Any) -> None:
    path = installed.launch()
    patient = installed.sandbox.patient_id("alcohol")
    for name, text in ODD_BYTES.items():
        answer = installed.client.post(
            f"{path}choices",
            content=f"patient={patient}&program=aa&not-aa={text}&do=leave:aa".encode(),
            headers={
                "content-type": "application/x-www-form-urlencoded",
                **CLIENT_HEADERS,
            },
            follow_redirects=False,
        )
        assert answer.status_code in (303, 400), name
        assert installed.client.get(path).status_code == 200, name


TRICKS = (
    "/static/../../etc/passwd",
    "/static/..%2f..%2fplugin%2fapp.py",
    "/static/..;/app.py",
    "/static/%00",
    "/launches/%2e%2e/",
    "/launches/a%00b/",
    "//evil.example/launch",
    "/launches/..%2f..%2f/api/referrals",
)


def test_X17_path_tricks_lead_nowhere(installed: Any) -> None:
    for path in TRICKS:
        answer = installed.client.get(APP_URL + path, follow_redirects=False)
        assert answer.status_code in (400, 404), path
        assert "root:" not in answer.text
        assert "content-security-policy" in answer.headers


def test_X17_host_with_a_trailing_dot_is_not_ours(installed: Any) -> None:
    answer = installed.client.get("/nowhere", headers={"host": "app.test."})
    assert answer.status_code == 400
