"""L39-L41: the grant is refreshed once, whoever asks, and what is lost is dead."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from smart_launch.errors import (
    ContextEnded,
    EhrUnavailable,
    FhirBusy,
    FhirUnavailable,
    GrantRevoked,
    RelaunchNeeded,
)
from smart_launch.refreshing import LOST_AFTER


def refreshes(ehr: Any) -> list[Any]:
    return [
        one for one in ehr.calls("/token") if one.form["grant_type"] == "refresh_token"
    ]


@pytest.fixture
def context_id(app: Any, ehr: Any) -> str:
    """A context whose access token is over."""
    context_id = app.launch(ehr).context.id
    app.clock.advance(seconds=290)
    return str(context_id)


def test_L39_eight_threads_make_one_refresh(
    app: Any, ehr: Any, context_id: str
) -> None:
    def read(_: int) -> str:
        fhir = app.client.fhir(context_id)
        return str(fhir.read("Patient", "p1").resource["id"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(8))) == ["p1"] * 8
    assert len(refreshes(ehr)) == 1


def test_L39_one_client_read_side_by_side_makes_one_refresh(
    app: Any, ehr: Any, context_id: str
) -> None:
    fhir = app.client.fhir(context_id)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: fhir.read("Patient", "p1"), range(8)))
    assert len(results) == 8
    assert len(refreshes(ehr)) == 1


def test_L39_rotated_token_is_used_next(app: Any, ehr: Any, context_id: str) -> None:
    for _ in range(3):
        app.client.fhir(context_id).read("Patient", "p1")
        app.clock.advance(seconds=290)
    used = [one.form["refresh_token"] for one in refreshes(ehr)]
    assert len(used) == len(set(used)) == 3


def test_L39_old_refresh_token_stays_where_none_is_returned(
    app: Any, ehr: Any, context_id: str
) -> None:
    ehr.rotates = False
    for _ in range(2):
        app.client.fhir(context_id).read("Patient", "p1")
        app.clock.advance(seconds=290)
    assert len(refreshes(ehr)) == 2


def test_L39_refresh_without_scope_in_the_answer_keeps_the_scope(
    app: Any, ehr: Any, context_id: str
) -> None:
    ehr.token_answer = {"scope": None, "patient": None}
    app.client.fhir(context_id).read("Patient", "p1")
    _, grant = app.grants.load(context_id)
    assert "patient/Condition.rs" in grant.scope


def hang_up(request: Any, one: Any) -> None:
    return None


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(hang_up, id="hung-up"),
        pytest.param((500, b""), id="500"),
        pytest.param((502, b"<html>"), id="502"),
        pytest.param((200, b"<html>"), id="html"),
        pytest.param((200, b'{"access_token": "a"'), id="half"),
        pytest.param((200, b"{}"), id="empty-object"),
    ],
)
def test_L40_lost_refresh_leaves_the_grant_dead(
    app: Any, ehr: Any, answer: Any, context_id: str, reply: Any
) -> None:
    ehr.on("/token", answer(*reply) if isinstance(reply, tuple) else reply)
    for _ in range(3):
        with pytest.raises(RelaunchNeeded):
            app.client.fhir(context_id).read("Patient", "p1")
    assert len(refreshes(ehr)) == 1, "a refresh token is never used twice"
    _, grant = app.grants.load(context_id)
    assert grant.dead
    assert not grant.access_token


def test_L40_refused_refresh_leaves_the_grant_dead(
    app: Any, ehr: Any, context_id: str
) -> None:
    ehr.refresh_tokens.clear()
    for _ in range(2):
        with pytest.raises(RelaunchNeeded):
            app.client.fhir(context_id).read("Patient", "p1")
    assert len(refreshes(ehr)) == 1


def test_L40_busy_token_endpoint_after_a_refused_token_is_busy(
    app: Any, ehr: Any, answer: Any
) -> None:
    fhir = app.client.fhir(app.launch(ehr).context.id)
    ehr.good_tokens.clear()
    ehr.on("/token", answer(503))
    with pytest.raises(FhirBusy):
        fhir.read("Patient", "p1")


@pytest.mark.parametrize("status", [429, 503])
def test_L40_refresh_that_was_not_done_is_tried_again_later(
    app: Any, ehr: Any, answer: Any, context_id: str, status: int
) -> None:
    ehr.on("/token", answer(status))
    with pytest.raises((FhirBusy, FhirUnavailable)):
        app.client.fhir(context_id).read("Patient", "p1")
    ehr.off("/token")
    assert app.client.fhir(context_id).read("Patient", "p1")


def test_L40_refresh_that_was_never_sent_spends_nothing(
    ehr: Any, new_ehr: Any, registered: Any, new_app: Any
) -> None:
    login = new_ehr("login")
    login.on("/token", ehr.token)
    ehr.token_url = f"{login.root}/token"
    app = new_app(registered(ehr, allowed_hosts=frozenset({login.host})))
    context_id = app.launch(ehr).context.id
    app.clock.advance(seconds=290)
    login.close()
    app.client.outbound.close()
    with pytest.raises(FhirUnavailable):
        app.client.fhir(context_id).read("Patient", "p1")
    assert app.grants.load(context_id)[1].refreshing_since is None
    assert app.grants.load(context_id)[1].refresh_token


def test_L40_discovery_that_fails_spends_nothing(
    app: Any, ehr: Any, answer: Any, context_id: str
) -> None:
    app.client.discovery._kept.clear()
    ehr.on("/fhir/.well-known", answer(500))
    with pytest.raises(EhrUnavailable):
        app.client._refreshing.usable(context_id)
    ehr.off("/fhir/.well-known")
    assert app.client.fhir(context_id).read("Patient", "p1")
    assert len(refreshes(ehr)) == 1


def test_L40_refresh_that_a_crash_cut_short_is_lost(
    app: Any, ehr: Any, context_id: str
) -> None:
    with app.grants.locked(context_id) as held:
        held.replace(replace(held.grant, refreshing_since=app.clock()))
    app.clock.advance(seconds=LOST_AFTER.total_seconds() + 1)
    with pytest.raises(RelaunchNeeded):
        app.client.fhir(context_id).read("Patient", "p1")
    assert refreshes(ehr) == []
    assert app.grants.load(context_id)[1].dead


def test_L40_waiting_for_anothers_refresh_ends(
    app: Any, ehr: Any, context_id: str
) -> None:
    with app.grants.locked(context_id) as held:
        held.replace(replace(held.grant, refreshing_since=app.clock()))
    ticks = iter(range(0, 10_000, 2))
    refreshing = replace(
        app.client._refreshing,
        sleep=lambda seconds: None,
        monotonic=lambda: float(next(ticks)),
    )
    with pytest.raises(EhrUnavailable):
        refreshing.usable(context_id)
    assert refreshes(ehr) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"patient": "p2"}, id="patient"),
        pytest.param({"scope": "launch patient/Condition.rs"}, id="narrower"),
        pytest.param({"scope": "launch patient/*.cruds"}, id="wider"),
    ],
)
def test_L41_refresh_with_another_patient_or_scope_ends_the_context(
    app: Any,
    ehr: Any,
    context_id: str,
    change: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    ehr.token_answer = change
    with pytest.raises(GrantRevoked):
        app.client.fhir(context_id).read("Patient", "p1")
    with pytest.raises(ContextEnded):
        app.client.fhir(context_id)
    assert ehr.calls("/fhir/Patient") == []
    assert "a refresh changed the grant" in caplog.text


def test_token_that_is_over_without_another_asks_for_a_relaunch(
    app: Any, ehr: Any
) -> None:
    ehr.token_answer = {"refresh_token": None}
    context_id = app.launch(ehr).context.id
    app.clock.advance(seconds=290)
    with pytest.raises(RelaunchNeeded):
        app.client.fhir(context_id).read("Patient", "p1")
    assert refreshes(ehr) == []


def test_context_ended_during_a_refresh_stays_ended(
    app: Any, ehr: Any, context_id: str
) -> None:
    plain = ehr.token

    def end_then_answer(request: Any, one: Any) -> Any:
        app.grants.end(context_id, "logged out")
        return plain(request, one)

    ehr.on("/token", end_then_answer)
    with pytest.raises(ContextEnded):
        app.client.fhir(context_id).read("Patient", "p1")
    assert ehr.calls("/fhir/Patient") == []


def test_context_ended_during_a_lost_refresh_stays_ended(
    app: Any, ehr: Any, context_id: str
) -> None:
    def end_then_hang_up(request: Any, one: Any) -> None:
        app.grants.end(context_id, "logged out")

    ehr.on("/token", end_then_hang_up)
    with pytest.raises(ContextEnded):
        app.client.fhir(context_id).read("Patient", "p1")


def test_slow_refresh_holds_no_lock(app: Any, ehr: Any, context_id: str) -> None:
    plain, release = ehr.token, threading.Event()

    def slowly(request: Any, one: Any) -> Any:
        release.wait(60)
        return plain(request, one)

    ehr.on("/token", slowly)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(app.client.fhir(context_id).read, "Patient", "p1")
        while not refreshes(ehr):
            time.sleep(0.01)
        with app.grants.locked(context_id) as held:
            assert held.grant.refreshing_since is not None
        assert not reading.done()
        release.set()
        assert reading.result().resource["id"] == "p1"
