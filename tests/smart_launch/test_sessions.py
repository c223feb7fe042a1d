"""L31, L32, L34, L36-L38, L42, P01, P02 and R12: contexts, cookies, keys, logout."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jws

from smart_launch.client_keys import (
    PUBLISH_AHEAD,
    STAYS_PUBLISHED,
    SigningKeys,
)
from smart_launch.errors import ContextEnded, ContextUnknown, RelaunchNeeded
from smart_launch.memory import MemoryKeys


def test_L31_callback_makes_a_new_id_and_a_new_secret(app: Any, ehr: Any) -> None:
    url = app.begin(ehr)
    (pending_name, _), *_ = app.browser.cookies.items()
    context = app.finish(ehr.authorize(url)).context
    assert list(app.browser.cookies) == [f"__Host-launch-{context.id}"]
    assert pending_name not in app.browser.cookies
    assert len(context.id) >= 22


def test_L31_planted_cookie_opens_nothing(app: Any, ehr: Any) -> None:
    context = app.launch(ehr).context
    for planted in ("planted", "p1.planted", "", context.secret_hash, "é\ud800"):
        cookies = {f"__Host-launch-{context.id}": planted}
        with pytest.raises(ContextUnknown):
            app.client.context(context.id, cookies)


def test_L32_another_contexts_cookie_opens_nothing(app: Any, ehr: Any) -> None:
    first, second = app.launch(ehr).context, app.launch(ehr).context
    stolen = app.browser.cookies[f"__Host-launch-{second.id}"]
    with pytest.raises(ContextUnknown):
        app.client.context(first.id, {f"__Host-launch-{first.id}": stolen})
    with pytest.raises(ContextUnknown):
        app.client.context(first.id, {f"__Host-launch-{second.id}": stolen})
    with pytest.raises(ContextUnknown):
        app.client.context("../../x", app.browser.cookies)


def test_L34_further_launch_leaves_the_first_context_alone(app: Any, ehr: Any) -> None:
    first = app.launch(ehr).context
    app.begin(ehr)
    second = app.launch(ehr)
    assert second.ended == ()
    assert app.client.context(first.id, app.browser.cookies) == first


def test_P01_two_launches_have_two_patients(app: Any, ehr: Any) -> None:
    first = app.launch(ehr).context
    ehr.token_answer = {"patient": "p2"}
    second = app.launch(ehr).context
    assert app.client.fhir(first.id).patient == "p1"
    assert app.client.fhir(second.id).patient == "p2"


def test_P02_superseded_context_is_ended(app: Any, ehr: Any) -> None:
    first = app.launch(ehr).context
    second = app.launch(ehr, supersedes=first.id)
    assert second.superseded == first.id
    assert second.ended == (first.id,)
    with pytest.raises(ContextEnded) as raised:
        app.client.context(first.id, app.browser.cookies)
    assert (raised.value.status, raised.value.reason) == (409, "superseded")


def test_P02_context_is_not_superseded_without_its_cookie(
    app: Any, ehr: Any, new_browser: Any
) -> None:
    first = app.launch(ehr).context
    second = app.launch(ehr, new_browser(), supersedes=first.id)
    assert second.superseded is None
    assert app.client.context(first.id, app.browser.cookies) == first


def test_P02_unknown_context_to_supersede_is_ignored(app: Any, ehr: Any) -> None:
    assert app.launch(ehr, supersedes="A" * 24).superseded is None


def test_P02_launch_that_fails_supersedes_nothing(app: Any, ehr: Any) -> None:
    first = app.launch(ehr).context
    reply = ehr.authorize(app.begin(ehr, supersedes=first.id))
    ehr.token_answer = {"patient": None}
    with pytest.raises(Exception, match="patient"):
        app.finish(reply)
    assert app.client.context(first.id, app.browser.cookies) == first


def test_R12_another_user_in_the_same_browser_ends_the_first_ones_contexts(
    app: Any, ehr: Any
) -> None:
    first = app.launch(ehr).context
    ehr.id_claims = {"sub": "user-2"}
    second = app.launch(ehr)
    assert second.ended == (first.id,)
    assert second.superseded is None
    with pytest.raises(ContextEnded):
        app.client.context(first.id, app.browser.cookies)


def test_R12_context_whose_secret_is_not_held_is_not_ended(app: Any, ehr: Any) -> None:
    first = app.launch(ehr).context
    app.browser.cookies[f"__Host-launch-{first.id}"] = "guess"
    app.browser.cookies["__Host-launch-" + "A" * 24] = "no such context"
    ehr.id_claims = {"sub": "user-2"}
    assert app.launch(ehr).ended == ()


def test_R12_other_tenants_contexts_are_not_ended(
    ehr: Any, new_ehr: Any, registered: Any, new_app: Any
) -> None:
    other = new_ehr("other")
    app = new_app(registered(ehr), registered(other))
    first = app.launch(ehr).context
    other.id_claims = {"sub": "user-2"}
    assert app.launch(other).ended == ()
    assert app.client.context(first.id, app.browser.cookies) == first


def test_a_days_launches_do_not_outgrow_the_headers(app: Any, ehr: Any) -> None:
    made = []
    for _ in range(33):
        app.clock.advance(minutes=1)
        made.append(app.launch(ehr).context.id)
        if len(made) in (5, 6):
            app.grants.end(made[-1], "idle")
    held = [name.removeprefix("__Host-launch-") for name in app.browser.cookies]
    # The ended ones go first, then the oldest.
    assert set(made) - set(held) == {made[0], made[4], made[5]}


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_L36_assertions_satisfy_a_strict_server(
    ehr: Any, registered: Any, new_app: Any, algorithm: str
) -> None:
    app = new_app(registered(ehr, signing_alg=algorithm))
    context_id = app.launch(ehr).context.id
    app.clock.advance(seconds=290)
    app.client.fhir(context_id).read("Patient", "p1")
    calls = ehr.calls("/token")
    assert len(calls) == len(ehr.jtis) == 2
    for call in calls:
        assertion = call.form["client_assertion"]
        header = jws.extract_compact(assertion.encode()).headers()
        assert (header["alg"], header["typ"]) == (algorithm, "JWT")
        assert "client_id" not in call.form
        assert "authorization" not in call.headers
        assert call.headers["accept-encoding"] == "identity"


def test_L36_captured_assertion_is_refused_a_second_time(app: Any, ehr: Any) -> None:
    app.launch(ehr)
    captured = ehr.calls("/token")[0]
    assert ehr.check_client(captured, captured.form) == "invalid_client"


def test_L36_client_secret_goes_into_the_header_alone(
    ehr: Any, registered: Any, new_app: Any, client_secret: Any
) -> None:
    registration = registered(
        ehr, client_auth="client_secret_basic", client_secret=client_secret
    )
    app = new_app(registration)
    assert app.launch(ehr).context.patient == "p1"
    call = ehr.calls("/token")[0]
    # "app:s3cret%3Awith%2Fodd%26signs", RFC 6749 2.3.1
    assert call.headers["authorization"] == (
        "Basic YXBwOnMzY3JldCUzQXdpdGglMkZvZGQlMjZzaWducw=="
    )
    assert b"s3cret" not in call.body
    assert "s3cret" not in repr(registration) + str(client_secret)


def test_L36_public_client_names_itself(
    ehr: Any, registered: Any, new_app: Any
) -> None:
    app = new_app(registered(ehr, client_auth="none"))
    app.launch(ehr)
    form = ehr.calls("/token")[0].form
    assert form["client_id"] == "app"
    assert "client_assertion" not in form


def test_L37_published_keys_have_public_members_only(app: Any) -> None:
    document = app.client.keys.public_jwks()
    assert {key["alg"] for key in document["keys"]} == {"RS384", "ES384"}
    for key in document["keys"]:
        private = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
        assert not private & key.keys()
        assert key["use"] == "sig"
        assert key["kid"]
    json.dumps(document)


def test_L37_rotation_publishes_the_new_key_before_it_signs(clock: Any) -> None:
    keys = SigningKeys(MemoryKeys(), clock)
    keys.ensure(["ES384"])
    old = keys.signing_key("ES384")
    (new,) = keys.rotate(["ES384"])
    assert {key["kid"] for key in keys.public_jwks()["keys"]} == {old.kid, new.kid}
    assert keys.signing_key("ES384").kid == old.kid
    clock.now += PUBLISH_AHEAD
    assert keys.signing_key("ES384").kid == new.kid
    clock.now += STAYS_PUBLISHED - timedelta(seconds=1)
    assert len(keys.public_jwks()["keys"]) == 2
    clock.advance(seconds=1)
    assert [key["kid"] for key in keys.public_jwks()["keys"]] == [new.kid]
    keys.forget_retired()
    assert [key.kid for key in keys.store.all()] == [new.kid]


def test_L37_second_rotation_does_not_lengthen_the_first_keys_life(clock: Any) -> None:
    keys = SigningKeys(MemoryKeys(), clock)
    keys.ensure(["ES384"])
    first = keys.signing_key("ES384")
    keys.rotate(["ES384"])
    clock.advance(hours=5)
    keys.rotate(["ES384"])
    kept = {key.kid: key for key in keys.store.all()}
    assert kept[first.kid].retire_at == clock.now - timedelta(hours=5) + (
        PUBLISH_AHEAD + STAYS_PUBLISHED
    )
    assert len(kept) == 3


def test_L37_key_that_is_not_due_signs_where_it_is_the_only_one(clock: Any) -> None:
    keys = SigningKeys(MemoryKeys(), clock)
    with pytest.raises(LookupError):
        keys.signing_key("ES384")
    only = keys.generate("ES384")
    assert keys.signing_key("ES384") == only


def test_L37_another_replicas_key_is_seen_soon(clock: Any) -> None:
    store = MemoryKeys()
    one, other = SigningKeys(store, clock), SigningKeys(store, clock)
    one.ensure(["ES384"])
    other.ensure(["ES384"])
    assert len(store.all()) == 1
    assert len(one.public_jwks()["keys"]) == 1
    other.rotate(["ES384"])
    clock.advance(seconds=31)
    assert len(one.public_jwks()["keys"]) == 2


def test_L37_private_key_does_not_print(clock: Any) -> None:
    keys = SigningKeys(MemoryKeys(), clock)
    keys.ensure(["ES384"])
    assert json.loads(keys.signing_key("ES384").private_jwk)["d"] not in repr(keys)


def test_L38_redirect_address_comes_from_the_registration(app: Any, ehr: Any) -> None:
    url = app.begin(ehr, redirect_uri="https://evil.example", host="evil.example")
    query = parse_qs(urlsplit(url).query)
    assert query["redirect_uri"] == ["https://app.example/callback"]


def test_L42_logout_ends_the_context_and_tells_the_ehr(app: Any, ehr: Any) -> None:
    context = app.launch(ehr).context
    app.client.revoke(context.id)
    (call,) = ehr.calls("/revoke")
    assert call.form["token"] == "refresh-1"
    assert app.grants._kept[context.id].grant.refresh_token is None
    for again in (app.client.fhir, app.client.revoke):
        with pytest.raises(ContextEnded):
            again(context.id)
    with pytest.raises(ContextEnded):
        app.client.context(context.id, app.browser.cookies)


def test_L42_logout_works_while_the_ehr_does_not(
    app: Any, ehr: Any, answer: Any
) -> None:
    def hang_up(request: Any, one: Any) -> None:
        return None

    context = app.launch(ehr).context
    ehr.on("/revoke", hang_up)
    app.client.revoke(context.id)
    with pytest.raises(ContextEnded):
        app.client.fhir(context.id)


def test_L42_logout_works_where_discovery_fails_or_names_no_endpoint(
    app: Any, ehr: Any, answer: Any
) -> None:
    first, second = app.launch(ehr).context, app.launch(ehr).context
    app.client.discovery._kept.clear()
    ehr.on("/fhir/.well-known", answer(500))
    app.client.revoke(first.id)
    ehr.off("/fhir/.well-known")
    ehr.configuration = {"revocation_endpoint": None}
    app.client.revoke(second.id)
    assert ehr.calls("/revoke") == []


def test_L42_logout_of_a_dead_grant_calls_nobody(app: Any, ehr: Any) -> None:
    context = app.launch(ehr).context
    with app.grants.locked(context.id) as held:
        held.mark_dead("lost")
    app.client.revoke(context.id)
    assert ehr.calls("/revoke") == []


def test_L42_session_ends_absolutely(app: Any, ehr: Any) -> None:
    context = app.launch(ehr).context
    app.clock.advance(hours=8)
    with pytest.raises(RelaunchNeeded):
        app.client.context(context.id, app.browser.cookies)
    with pytest.raises(ContextEnded):
        app.client.fhir(context.id)


def test_write_after_logout_is_not_sent(app: Any, ehr: Any) -> None:
    context = app.launch(ehr).context
    fhir = app.client.fhir(context.id)
    fhir.read("Patient", "p1")
    app.client.revoke(context.id)
    with pytest.raises(ContextEnded):
        fhir.create("ServiceRequest", b"{}")
    assert ehr.calls("/fhir/ServiceRequest") == []


def test_stored_grant_comes_back_whole_and_does_not_print(app: Any, ehr: Any) -> None:
    from smart_launch.tokens import Grant

    _, grant = app.grants.load(app.launch(ehr).context.id)
    for one in (
        grant,
        replace(grant, refresh_token=None, refreshing_since=app.clock(), dead="x"),
    ):
        assert Grant.from_bytes(one.as_bytes()) == one
    assert "access-general" not in repr(grant)
    assert "refresh-1" not in repr(grant)
