"""L10, L20, L25: any text at all in the parameters, ids, cookies and headers."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smart_launch.context import hash_secret, is_fhir_id
from smart_launch.cookies import (
    context_cookie,
    context_secret,
    context_secrets,
    is_cookie_id,
    pending_cookie,
    pending_ids,
    sealed_pending,
)
from smart_launch.errors import BadLaunchRequest, LaunchRefused
from smart_launch.fhir_reply import location_id
from smart_launch.parameters import one_line, read_callback, read_launch

NAMES = st.sampled_from(
    ["iss", "launch", "supersedes", "code", "state", "error", "error_description", "x"]
)
ODD = st.text(st.characters(), max_size=60) | st.sampled_from(
    ["a", "http://127.0.0.1/fhir", "A" * 22 + "." + "B" * 43, "access_denied", "\0", ""]
)
QUERIES = st.lists(st.tuples(NAMES | st.text(max_size=8), ODD), max_size=8)


@given(QUERIES)
def test_L10_launch_is_read_or_refused(query: list[tuple[str, str]]) -> None:
    try:
        request = read_launch(query)
    except BadLaunchRequest:
        return
    for value in (request.iss, request.launch):
        assert value.isascii()
        assert value.isprintable()
        assert not set(value) & set("\"'<>\\` ")
    names = [name for name, _ in query]
    assert len(set(names)) == len(names)


@given(QUERIES)
def test_L20_callback_is_read_or_refused(query: list[tuple[str, str]]) -> None:
    try:
        request = read_callback(query)
    except BadLaunchRequest:
        return
    assert (request.code is None) != (request.error is None)
    assert request.state.isprintable()
    assert request.error is None or re.fullmatch(r"[a-z_]{1,64}", request.error)
    description = request.error_description or ""
    assert description.isprintable()
    assert len(description) <= 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(query=QUERIES, cookies=st.dictionaries(st.text(max_size=40), ODD, max_size=4))
def test_L20_no_query_and_no_cookie_gets_past_the_door(
    app: Any, ehr: Any, query: list[tuple[str, str]], cookies: dict[str, str]
) -> None:
    with pytest.raises(LaunchRefused):
        app.client.finish(query, cookies)
    with contextlib.suppress(LaunchRefused):
        app.client.begin(query, cookies)
    assert ehr.calls("/token") == []
    assert app.grants._kept == {}


@given(st.text())
def test_L25_id_that_passes_stands_safely_in_a_path(text: str) -> None:
    if is_fhir_id(text):
        assert re.fullmatch(r"[A-Za-z0-9.\-]{1,64}", text)
        assert text not in (".", "..")


@pytest.mark.parametrize("text", ["1", "a-b.C", "x" * 64, "1.2.840.1"])
def test_L25_ordinary_ids_pass(text: str) -> None:
    assert is_fhir_id(text)


@given(st.text())
def test_location_gives_a_safe_id_or_none(location: str) -> None:
    found = location_id(location, "Task")
    assert found is None or is_fhir_id(found)


@given(st.from_regex(r"[A-Za-z0-9.\-]{1,64}", fullmatch=True))
def test_location_of_any_id_is_found(name: str) -> None:
    if is_fhir_id(name):
        assert location_id(f"https://x.example/fhir/Task/{name}", "Task") == name


@given(st.text(max_size=500))
def test_L21_any_text_becomes_one_line(text: str) -> None:
    line = one_line(text, 50)
    assert line.isprintable()
    assert len(line) <= 50
    assert one_line(line, 50) == line


@given(st.text(), st.text())
def test_secret_opens_only_itself(one: str, other: str) -> None:
    assert (hash_secret(one) == hash_secret(other)) is (one == other)


@given(st.dictionaries(st.text(max_size=60), st.text(max_size=20)))
def test_foreign_cookies_are_not_ours(cookies: dict[str, str]) -> None:
    for cookie_id in [*pending_ids(cookies), *dict(context_secrets(cookies))]:
        assert is_cookie_id(cookie_id)
        assert f"__Host-launch-{cookie_id}" in cookies
    assert context_secret(cookies, "../../x") is None
    assert sealed_pending(cookies, "A" * 22) is None


def test_pending_cookie_is_no_session_and_the_other_way_round() -> None:
    name = "A" * 22
    for cookie, read, other in (
        (pending_cookie(name, "s", seconds=1), sealed_pending, context_secret),
        (context_cookie(name, "s", seconds=1), context_secret, sealed_pending),
    ):
        key, _, value = cookie.partition(";")[0].partition("=")
        assert read({key: value}, name) == "s"
        assert other({key: value}, name) is None
