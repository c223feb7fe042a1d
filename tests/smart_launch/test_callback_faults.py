"""L11-L25: the callback and the exchange of the code."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from smart_launch.errors import (
    AuthorizationDenied,
    BadLaunchRequest,
    CodeRejected,
    EhrUnavailable,
    LaunchExpired,
    PatientMissing,
    SmartError,
    StateRejected,
    TokenRejected,
)


def assert_no_session(app: Any) -> None:
    assert app.grants._kept == {}


def refused(app: Any, query: list[tuple[str, str]], error: type[SmartError]) -> Any:
    before = dict(app.browser.cookies)
    with pytest.raises(error) as raised:
        app.finish(query)
    assert app.browser.cookies == before
    assert_no_session(app)
    assert raised.value.status in (400, 403)
    return raised.value


def test_L11_callback_without_state_is_refused(app: Any, ehr: Any) -> None:
    app.begin(ehr)
    refused(app, [("code", "c")], BadLaunchRequest)
    assert ehr.calls("/token") == []


@pytest.mark.parametrize(
    "state",
    [
        pytest.param("x", id="short"),
        pytest.param("." * 60, id="dots"),
        pytest.param("AAAAAAAAAAAAAAAAAAAAAA.BBBB", id="unknown"),
        pytest.param("../../../etc/passwd", id="path"),
    ],
)
def test_L11_state_that_was_not_made_here_is_refused(
    app: Any, ehr: Any, state: str
) -> None:
    app.begin(ehr)
    refused(app, [("code", "c"), ("state", state)], StateRejected)
    assert ehr.calls("/token") == []


def test_L12_used_state_is_refused(app: Any, ehr: Any) -> None:
    reply = ehr.authorize(app.begin(ehr))
    kept = dict(app.browser.cookies)
    app.finish(reply)
    app.browser.cookies |= kept
    with pytest.raises(StateRejected) as raised:
        app.finish(reply)
    assert raised.value.status == 400
    assert len(ehr.calls("/token")) == 1
    assert len(app.grants._kept) == 1


def test_L13_late_callback_is_refused(app: Any, ehr: Any) -> None:
    reply = ehr.authorize(app.begin(ehr))
    app.clock.advance(seconds=600)
    assert refused(app, reply, LaunchExpired).status == 400
    assert ehr.calls("/token") == []


def test_L13_last_second_is_in_time(app: Any, ehr: Any) -> None:
    reply = ehr.authorize(app.begin(ehr))
    app.clock.advance(seconds=599)
    assert app.finish(reply).context.patient == "p1"


def test_L13_launch_from_the_future_is_refused(app: Any, ehr: Any) -> None:
    reply = ehr.authorize(app.begin(ehr))
    app.clock.advance(seconds=-120)
    refused(app, reply, LaunchExpired)


def test_L14_another_browser_without_the_cookie_is_refused(
    app: Any, ehr: Any, new_browser: Any
) -> None:
    reply = ehr.authorize(app.begin(ehr))
    with pytest.raises(StateRejected):
        app.client.finish(reply, {})
    # A victim who has a launch of his own under way is no better off for an attacker.
    victim = new_browser()
    app.begin(ehr, victim)
    with pytest.raises(StateRejected):
        app.finish(reply, victim)
    assert ehr.calls("/token") == []
    assert_no_session(app)


@pytest.mark.parametrize("where", [0, 20, -1])
def test_L14_changed_cookie_is_refused(app: Any, ehr: Any, where: int) -> None:
    reply = ehr.authorize(app.begin(ehr))
    (name, value), *_ = app.browser.cookies.items()
    sealed = list(value.removeprefix("p1."))
    sealed[where] = "A" if sealed[where] != "A" else "B"
    app.browser.cookies[name] = "p1." + "".join(sealed)
    if where == -1 and app.browser.cookies[name] != value:
        app.browser.cookies[name] = value[:-4]
    refused(app, reply, StateRejected)
    assert ehr.calls("/token") == []


def test_L14_cookie_under_another_launchs_name_is_refused(app: Any, ehr: Any) -> None:
    first = app.begin(ehr)
    second = app.begin(ehr)
    one, two = app.browser.cookies
    app.browser.cookies[one], app.browser.cookies[two] = (
        app.browser.cookies[two],
        app.browser.cookies[one],
    )
    for url in (first, second):
        refused(app, ehr.authorize(url), StateRejected)


def test_L14_right_id_with_wrong_random_part_is_refused(app: Any, ehr: Any) -> None:
    (_, code), (_, state) = ehr.authorize(app.begin(ehr))
    wrong = state.partition(".")[0] + "." + "A" * 43
    refused(app, [("code", code), ("state", wrong)], StateRejected)
    assert ehr.calls("/token") == []


@pytest.fixture
def two(ehr: Any, new_ehr: Any, registered: Any, new_app: Any) -> tuple[Any, Any, Any]:
    other = new_ehr("other")
    return new_app(registered(ehr), registered(other)), ehr, other


def test_L15_answer_of_another_server_is_refused(two: Any) -> None:
    app, ehr, other = two
    (_, _), (_, state) = ehr.authorize(app.begin(ehr))
    (_, code), _ = other.authorize(app.begin(other))
    query = [("code", code), ("state", state), ("iss", other.issuer)]
    refused(app, query, StateRejected)
    assert ehr.calls("/token") == other.calls("/token") == []


@pytest.mark.parametrize(
    "iss",
    [
        pytest.param([], id="missing"),
        pytest.param(["https://evil.example"], id="wrong"),
        pytest.param(["ISS", "ISS"], id="twice"),
        pytest.param([""], id="empty"),
        pytest.param(["ISS/extra"], id="longer"),
    ],
)
def test_L16_issuer_that_is_promised_must_be_right(
    app: Any, ehr: Any, iss: list[str]
) -> None:
    ehr.configuration = {"authorization_response_iss_parameter_supported": True}
    reply = ehr.authorize(app.begin(ehr))
    query = [*reply, *(("iss", one.replace("ISS", ehr.issuer)) for one in iss)]
    with pytest.raises((StateRejected, BadLaunchRequest)) as raised:
        app.finish(query)
    assert raised.value.status == 400
    assert ehr.calls("/token") == []


def test_L16_right_issuer_is_taken(app: Any, ehr: Any) -> None:
    ehr.configuration = {"authorization_response_iss_parameter_supported": True}
    reply = ehr.authorize(app.begin(ehr))
    assert app.finish([*reply, ("iss", ehr.issuer)]).context.patient == "p1"


def test_L17_injected_code_is_sent_with_our_verifier_and_fails(
    app: Any, ehr: Any, new_browser: Any
) -> None:
    (_, stolen), _ = ehr.authorize(app.begin(ehr, new_browser()))
    _, state = ehr.authorize(app.begin(ehr))
    refused(app, [("code", stolen), state], CodeRejected)
    assert len(ehr.calls("/token")) == 1


def test_L18_error_with_a_wrong_state_is_refused(app: Any, ehr: Any) -> None:
    app.begin(ehr)
    query = [("error", "access_denied"), ("state", "A" * 22 + "." + "B" * 43)]
    refused(app, query, StateRejected)
    assert ehr.calls("/token") == []


def test_L18_error_with_the_right_state_is_a_friendly_refusal(
    app: Any, ehr: Any
) -> None:
    _, state = ehr.authorize(app.begin(ehr))
    query = [("error", "access_denied"), state]
    error = refused(app, query, AuthorizationDenied)
    assert error.reason == "access_denied"
    assert "permission" in error.public
    assert ehr.calls("/token") == []
    refused(app, query, StateRejected)  # the state is used up


def test_L18_error_from_another_server_is_refused(app: Any, ehr: Any) -> None:
    ehr.configuration = {"authorization_response_iss_parameter_supported": True}
    _, state = ehr.authorize(app.begin(ehr))
    refused(app, [("error", "access_denied"), state], StateRejected)


def test_L19_one_of_twenty_equal_callbacks_wins(app: Any, ehr: Any) -> None:
    reply = ehr.authorize(app.begin(ehr))
    cookies = dict(app.browser.cookies)

    def finish(_: int) -> str:
        try:
            return str(app.client.finish(reply, cookies).context.id)
        except StateRejected:
            return "refused"

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(finish, range(20)))
    assert results.count("refused") == 19
    assert len(ehr.calls("/token")) == 1
    assert len(app.grants._kept) == 1


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param([("code", "b")], id="two-codes"),
        pytest.param([("state", "b")], id="two-states"),
        pytest.param([("error", "x")], id="code-and-error"),
        pytest.param(
            [("error_description", "a"), ("error_description", "b")], id="two"
        ),
        pytest.param([("x", "1"), ("x", "1")], id="unknown-twice"),
        pytest.param([("iss", "<script>")], id="odd-iss"),
    ],
)
def test_L20_repeated_parameters_are_refused(
    app: Any, ehr: Any, extra: list[tuple[str, str]]
) -> None:
    refused(app, ehr.authorize(app.begin(ehr)) + extra, BadLaunchRequest)
    assert ehr.calls("/token") == []


def test_L20_overlong_code_is_refused(app: Any, ehr: Any) -> None:
    _, state = ehr.authorize(app.begin(ehr))
    refused(app, [("code", "c" * 100_000), state], BadLaunchRequest)


@pytest.mark.parametrize(
    "description",
    [
        pytest.param("<script>alert(1)</script>", id="script"),
        pytest.param("a\r\nSet-Cookie: x=y\n\x1b[31m\u202e", id="CRLF"),
        pytest.param("x" * 1_000_000, id="1-MB"),
    ],
)
def test_L21_description_is_one_short_line_and_never_shown(
    app: Any, ehr: Any, description: str
) -> None:
    _, state = ehr.authorize(app.begin(ehr))
    query = [("error", "server_error"), state, ("error_description", description)]
    error = refused(app, query, AuthorizationDenied)
    assert len(str(error)) < 300
    assert str(error).isprintable()
    assert "script" not in error.public


@pytest.mark.parametrize("code", ["<script>", "a b", "x" * 500, "Ünder"])
def test_L21_odd_error_code_is_refused_or_unnamed(
    app: Any, ehr: Any, code: str
) -> None:
    _, state = ehr.authorize(app.begin(ehr))
    with pytest.raises((AuthorizationDenied, BadLaunchRequest)) as raised:
        app.finish([("error", code), state])
    assert code not in str(raised.value) + raised.value.public
    assert getattr(raised.value, "reason", "unknown") == "unknown"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_L22_token_redirect_is_not_followed(
    app: Any, ehr: Any, new_ehr: Any, answer: Any, status: int
) -> None:
    evil = new_ehr("evil")
    ehr.on("/token", answer(status, b"", {"Location": f"{evil.root}/token"}))
    refused(app, ehr.authorize(app.begin(ehr)), EhrUnavailable)
    assert evil.received == []


def hang_up(request: Any, one: Any) -> None:
    return None


def cut_short(request: Any, one: Any) -> None:
    one.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"access_token": "a')


def cut_without_length(request: Any, one: Any) -> None:
    one.sendall(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"access_token": "a')


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        pytest.param((400, b'{"error":"invalid_grant"}'), CodeRejected, id="grant"),
        pytest.param((401, b'{"error":"invalid_client"}'), CodeRejected, id="client"),
        pytest.param((429, b""), EhrUnavailable, id="429"),
        pytest.param((500, b"oops"), EhrUnavailable, id="500"),
        pytest.param((503, b""), EhrUnavailable, id="503"),
        pytest.param((200, b"<html>"), TokenRejected, id="html"),
        pytest.param((200, b"[]"), TokenRejected, id="array"),
        pytest.param((200, b"{}"), TokenRejected, id="empty-object"),
        pytest.param((200, b""), TokenRejected, id="empty"),
        pytest.param((200, b'{"access_token":"a","tok'), TokenRejected, id="half"),
        pytest.param((200, b"\xff\xfe{\x00"), TokenRejected, id="UTF-16"),
        pytest.param((200, b'{"access_token": NaN}'), TokenRejected, id="NaN"),
        pytest.param((204, b""), EhrUnavailable, id="204"),
        pytest.param(hang_up, EhrUnavailable, id="hung-up"),
        pytest.param(cut_short, EhrUnavailable, id="cut-short"),
        pytest.param(cut_without_length, TokenRejected, id="cut-without-length"),
    ],
)
def test_L23_useless_token_answer_ends_the_launch(
    app: Any, ehr: Any, answer: Any, reply: Any, error: type[SmartError]
) -> None:
    ehr.on("/token", answer(*reply) if isinstance(reply, tuple) else reply)
    query = ehr.authorize(app.begin(ehr))
    refused(app, query, error)
    refused(app, query, StateRejected)
    assert len(ehr.calls("/token")) == 1, "a code is never sent twice"


def test_L23_token_timeout_ends_the_launch(
    ehr: Any, registered: Any, new_app: Any
) -> None:
    def hang(request: Any, one: Any) -> None:
        time.sleep(2)

    app = new_app(registered(ehr), token_deadline=0.3)
    ehr.on("/token", hang)
    refused(app, ehr.authorize(app.begin(ehr)), EhrUnavailable)
    assert len(ehr.calls("/token")) == 1


BAD_IDS = [
    pytest.param("../Patient/2", id="path"),
    pytest.param("1?_revinclude=*", id="query"),
    pytest.param("x" * 65, id="too-long"),
    pytest.param("", id="empty"),
    pytest.param("Ünïcode", id="unicode"),
    pytest.param("1\n", id="newline"),
    pytest.param("..", id="dots"),
    pytest.param("Patient/1", id="reference"),
    pytest.param(1, id="number"),
    pytest.param(["p1"], id="list"),
    pytest.param(None, id="missing"),
    pytest.param("p1\u200b", id="zero-width"),
]


@pytest.mark.parametrize("patient", BAD_IDS)
def test_L25_patient_that_is_no_id_ends_the_launch(
    app: Any, ehr: Any, patient: object
) -> None:
    ehr.token_answer = {"patient": patient}
    refused(app, ehr.authorize(app.begin(ehr)), PatientMissing)
    assert ehr.calls("/fhir/Patient") == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"token_type": "mac"}, id="mac"),
        pytest.param({"token_type": None}, id="no-type"),
        pytest.param({"token_type": "Bearer\n"}, id="type-with-newline"),
        pytest.param({"access_token": None}, id="no-token"),
        pytest.param({"access_token": ""}, id="empty-token"),
        pytest.param({"access_token": "a\r\nX-Evil: 1"}, id="token-with-CRLF"),
        pytest.param({"access_token": "a b"}, id="token-with-blank"),
        pytest.param({"access_token": "x" * 40_000}, id="long-token"),
        pytest.param({"access_token": ["a"]}, id="token-list"),
        pytest.param({"refresh_token": "a\nb"}, id="refresh-with-newline"),
        pytest.param({"scope": None}, id="no-scope"),
        pytest.param({"scope": 7}, id="scope-number"),
    ],
)
def test_L24_unusable_grant_ends_the_launch(
    app: Any, ehr: Any, change: dict[str, Any]
) -> None:
    ehr.token_answer = change
    error = refused(app, ehr.authorize(app.begin(ehr)), TokenRejected)
    assert "X-Evil" not in repr(error)


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        pytest.param(300, 300, id="plain"),
        pytest.param("300", 300, id="text"),
        pytest.param(None, 3600, id="missing"),
        pytest.param(-1, 60, id="negative"),
        pytest.param(0, 60, id="zero"),
        pytest.param(1e12, 12 * 3600, id="endless"),
        pytest.param("soon", 3600, id="words"),
        pytest.param("NaN", 3600, id="NaN"),
        pytest.param("inf", 12 * 3600, id="infinite"),
        pytest.param([1], 3600, id="list"),
        pytest.param(299.5, 299.5, id="fraction"),
    ],
)
def test_L24_lifetime_is_kept_within_reason(
    app: Any, ehr: Any, expires_in: object, seconds: float
) -> None:
    ehr.token_answer = {"expires_in": expires_in}
    _, grant = app.grants.load(app.launch(ehr).context.id)
    assert (grant.expires_at - app.clock()).total_seconds() == seconds


def test_L24_narrower_scope_is_told_to_the_caller(app: Any, ehr: Any) -> None:
    ehr.token_answer = {"scope": "launch openid fhirUser patient/Condition.rs"}
    scopes = app.launch(ehr).context.scopes
    assert scopes.covers("Condition", "rs")
    assert not scopes.covers("ServiceRequest", "c")
    assert "online_access" not in scopes


def test_L24_wider_scope_is_not_taken(app: Any, ehr: Any) -> None:
    ehr.token_answer = {"scope": "system/*.cruds patient/*.cruds user/*.* extra openid"}
    scopes = app.launch(ehr).context.scopes
    assert not scopes.covers("Condition", "c")
    assert not scopes.covers("Condition", "r", "system")
    assert not scopes.covers("MedicationRequest", "r")
    assert scopes.covers("Condition", "rs")
    assert "extra" not in scopes


def test_L24_refresh_token_that_is_null_is_none(app: Any, ehr: Any) -> None:
    plain = ehr.grant
    ehr.grant = lambda *asked: plain(*asked) | {"refresh_token": None}
    _, grant = app.grants.load(app.launch(ehr).context.id)
    assert grant.refresh_token is None


def test_launch_context_parameters_arrive(app: Any, ehr: Any) -> None:
    ehr.token_answer = {
        "encounter": "e1",
        "need_patient_banner": False,
        "intent": "refer",
        "smart_style_url": f"{ehr.root}/style.json",
        "tenant": "clinic-7",
        "appContext": "a=b",
        "fhirContext": [
            {"reference": "ImagingStudy/1"},
            {"canonical": "http://x.example/q|1", "type": "Questionnaire", "role": "r"},
            {"identifier": {"system": "s", "value": "v"}, "type": "Device"},
            {"reference": 1},
            {"role": "alone"},
            "text",
        ],
    }
    context = app.launch(ehr).context
    assert (context.encounter, context.intent) == ("e1", "refer")
    assert context.need_patient_banner is False
    assert context.smart_style_url == f"{ehr.root}/style.json"
    assert (context.ehr_tenant, context.app_context) == ("clinic-7", "a=b")
    references = [item.reference for item in context.fhir_context]
    assert references == ["ImagingStudy/1", None, None]
    assert context.fhir_context[0].role == "launch"
    assert context.fhir_context[1].canonical == "http://x.example/q|1"
    assert context.fhir_context[2].identifier_value == "v"


def test_odd_launch_context_is_dropped_and_the_banner_shown(app: Any, ehr: Any) -> None:
    ehr.token_answer = {
        "encounter": "../e1",
        "need_patient_banner": {"no": 1},
        "intent": "two\nlines",
        "smart_style_url": "https://evil.example/style.json",
        "appContext": "x" * 5000,
        "fhirContext": {"reference": "X/1"},
    }
    context = app.launch(ehr).context
    assert context.need_patient_banner is True
    assert (context.encounter, context.intent, context.app_context) == (None,) * 3
    assert context.smart_style_url is None
    assert context.fhir_context == ()


def test_launcher_without_a_chosen_encounter_has_none(app: Any, ehr: Any) -> None:
    ehr.token_answer = {"encounter": "AUTO"}
    assert app.launch(ehr).context.encounter is None


def test_registration_taken_away_meanwhile_ends_the_launch(
    app: Any, ehr: Any, new_app: Any, registered: Any
) -> None:
    reply = ehr.authorize(app.begin(ehr))
    later = new_app(registered(ehr, id="renamed"))
    with pytest.raises(SmartError) as raised:
        later.client.finish(reply, app.browser.cookies)
    assert raised.value.status == 400
    assert ehr.calls("/token") == []
