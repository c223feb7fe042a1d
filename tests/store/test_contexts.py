"""Contexts, grants and spent states, over restarts and threads."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from sqlalchemy import Engine, func, select, text, update

from plugin.store.context_form import context_bytes, context_of
from plugin.store.contexts import Contexts
from plugin.store.engine import open_engine, reading, writing
from plugin.store.launch_tables import contexts as context_table
from plugin.store.launch_tables import drafts, grants, spent_states
from smart_launch.context import LaunchContext
from smart_launch.errors import (
    ContextEnded,
    ContextUnknown,
    RelaunchNeeded,
    SealBroken,
)
from smart_launch.sealing import Seal
from smart_launch.secret import Secret
from smart_launch.tokens import CHANGED_BY_EHR, Grant

MakeContext = Callable[..., LaunchContext]
MakeGrant = Callable[..., Grant]


@pytest.fixture
def stored(
    contexts: Contexts, a_context: MakeContext, a_grant: MakeGrant
) -> LaunchContext:
    context = a_context()
    contexts.create(context, a_grant())
    return context


def test_context_and_grant_come_back_as_they_were(
    contexts: Contexts, stored: LaunchContext, a_grant: MakeGrant
) -> None:
    assert contexts.load(stored.id) == (stored, a_grant())


def test_R7_context_keeps_what_its_user_is(
    contexts: Contexts, a_context: MakeContext, a_grant: MakeGrant
) -> None:
    context = a_context(user_roles=("md", "tutor"))
    contexts.create(context, a_grant())
    assert contexts.load(context.id)[0] == context


def test_context_of_an_earlier_version_is_read(a_context: MakeContext) -> None:
    kept = orjson.loads(context_bytes(a_context()))
    del kept["user_roles"]
    assert context_of(orjson.dumps(kept)) == a_context()


def test_launch_that_the_ehr_changed_is_known_as_such(
    contexts: Contexts, stored: LaunchContext
) -> None:
    whose = (stored.tenant, stored.patient, stored.subject)
    assert not contexts.changed_by_ehr(*whose)
    contexts.end(stored.id, f"{CHANGED_BY_EHR} the patient")
    assert contexts.changed_by_ehr(*whose)
    assert not contexts.changed_by_ehr(stored.tenant, stored.patient, "somebody-else")


def test_context_survives_a_restart(
    contexts: Contexts, stored: LaunchContext, database_url: str
) -> None:
    again = Contexts(open_engine(database_url), contexts.seal, contexts.clock)
    assert again.opened(stored.id, "cookie-secret-canary") == stored
    again.engine.dispose()


def test_A10_no_secret_lies_in_the_database(
    contexts: Contexts, stored: LaunchContext, engine: Engine
) -> None:
    contexts.keep_draft(stored, "note", b"note-canary")
    contexts.spend("general", "state-canary", stored.expires_at)
    with reading(engine) as connection:
        rows = [
            repr(tuple(row))
            for table in (context_table, grants, drafts, spent_states)
            for row in connection.execute(select(table))
        ]
    assert len(rows) == 4
    assert "canary" not in "".join(rows).lower()


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("another", id="wrong"),
        pytest.param("", id="empty"),
        pytest.param(None, id="missing"),
    ],
)
def test_L32_context_without_its_cookie_is_unknown(
    contexts: Contexts, stored: LaunchContext, secret: str | None
) -> None:
    with pytest.raises(ContextUnknown):
        contexts.opened(stored.id, secret)


def test_unknown_context_is_unknown(contexts: Contexts) -> None:
    with pytest.raises(ContextUnknown):
        contexts.opened("ctx-none", "x")
    with pytest.raises(ContextUnknown):
        contexts.load("ctx-none")
    with pytest.raises(ContextUnknown), contexts.locked("ctx-none"):
        pass


def test_ended_context_is_ended_with_its_reason(
    contexts: Contexts, stored: LaunchContext, engine: Engine
) -> None:
    contexts.keep_draft(stored, "note", b"half a note")
    contexts.end(stored.id, "superseded")
    contexts.end(stored.id, "logout")  # the first reason stays
    for use in (
        lambda: contexts.opened(stored.id, "cookie-secret-canary"),
        lambda: contexts.load(stored.id),
    ):
        with pytest.raises(ContextEnded) as caught:
            use()
        assert caught.value.reason == "superseded"
    with reading(engine) as connection:
        for table in (grants, drafts):
            assert connection.scalar(select(func.count()).select_from(table)) == 0


def test_L42_unused_context_ends_after_fifteen_minutes(
    contexts: Contexts, stored: LaunchContext, clock: Callable[..., object]
) -> None:
    for _ in range(3):
        clock.forward(minutes=14, seconds=59)  # type: ignore[attr-defined]
        contexts.opened(stored.id, "cookie-secret-canary")
    clock.forward(minutes=15)  # type: ignore[attr-defined]
    with pytest.raises(RelaunchNeeded):
        contexts.opened(stored.id, "cookie-secret-canary")
    with pytest.raises(ContextEnded, match="ended"):
        contexts.opened(stored.id, "cookie-secret-canary")


def test_L42_used_context_ends_at_its_absolute_end(
    contexts: Contexts, stored: LaunchContext, clock: Callable[..., object]
) -> None:
    while contexts.clock() < stored.expires_at - timedelta(minutes=10):
        contexts.opened(stored.id, "cookie-secret-canary")
        clock.forward(minutes=10)  # type: ignore[attr-defined]
    clock.forward(minutes=10)  # type: ignore[attr-defined]
    with pytest.raises(RelaunchNeeded):
        contexts.opened(stored.id, "cookie-secret-canary")


def test_replaced_grant_is_kept_only_without_an_error(
    contexts: Contexts, stored: LaunchContext, a_grant: MakeGrant
) -> None:
    new = a_grant(access_token=Secret("second"))

    def fail_in_the_middle() -> None:
        with contexts.locked(stored.id) as row:
            row.replace(new)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_in_the_middle()
    assert contexts.load(stored.id)[1] == a_grant()
    with contexts.locked(stored.id) as row:
        row.replace(new)
    assert contexts.load(stored.id)[1] == new


def test_dead_grant_has_no_tokens(contexts: Contexts, stored: LaunchContext) -> None:
    with contexts.locked(stored.id) as row:
        row.mark_dead("refresh was refused")
    grant = contexts.load(stored.id)[1]
    assert grant.dead == "refresh was refused"
    assert not grant.access_token
    assert grant.refresh_token is None
    assert contexts.usable(stored.tenant, stored.patient, stored.subject) == ()


def test_L39_locked_grant_is_changed_by_one_at_a_time(
    contexts: Contexts, stored: LaunchContext
) -> None:
    def count() -> None:
        for _ in range(10):
            with contexts.locked(stored.id) as row:
                seen = row.grant.scope
                row.replace(replace(row.grant, scope=seen + "x"))

    with contexts.locked(stored.id) as row:
        row.replace(replace(row.grant, scope=""))
    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contexts.load(stored.id)[1].scope == "x" * 40


@pytest.mark.parametrize(
    "column", ["tenant", "sealed"], ids=["tenant-changed", "sealed-changed"]
)
def test_A13_moved_row_does_not_open(
    contexts: Contexts, stored: LaunchContext, engine: Engine, column: str
) -> None:
    value = {"tenant": "other", "sealed": b"\x01\x02k1" + bytes(40)}[column]
    with writing(engine) as connection:
        connection.execute(update(context_table).values({column: value}))
    with pytest.raises(SealBroken):
        contexts.load(stored.id)


def test_A13_grant_of_another_row_does_not_open(
    contexts: Contexts,
    stored: LaunchContext,
    engine: Engine,
    a_context: MakeContext,
    a_grant: MakeGrant,
) -> None:
    contexts.create(a_context(id="ctx-2", tenant="other"), a_grant())
    stolen = text(
        "UPDATE grants SET sealed = (SELECT g.sealed FROM grants g "
        "WHERE g.context_id = 'ctx-1') WHERE context_id = 'ctx-2'"
    )
    with writing(engine) as connection:
        connection.execute(stolen)
    with pytest.raises(SealBroken):
        contexts.load("ctx-2")


def test_A14_wrong_master_key_opens_nothing(
    contexts: Contexts, stored: LaunchContext
) -> None:
    other = replace(contexts, seal=Seal({"k1": b"\x02" * 32}, "k1"))
    with pytest.raises(SealBroken):
        other.load(stored.id)


def test_L12_state_is_spent_once_by_any_number_of_callbacks(
    contexts: Contexts, clock: Callable[..., object]
) -> None:
    until = contexts.clock() + timedelta(minutes=10)
    gate = threading.Barrier(8)
    answers: list[bool] = []

    def spend() -> None:
        gate.wait()
        answers.append(contexts.spend("general", "state", until))

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 7 + [True]
    assert contexts.spend("other", "state", until)


def test_L35_spent_states_are_forgotten_when_they_are_over(
    contexts: Contexts, engine: Engine, clock: Callable[..., object]
) -> None:
    for number in range(50):
        contexts.spend("general", str(number), contexts.clock() + timedelta(minutes=10))
    clock.forward(minutes=11)  # type: ignore[attr-defined]
    contexts.spend("general", "last", contexts.clock() + timedelta(minutes=10))
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(spent_states)) == 1


def test_draft_is_kept_for_its_context_and_replaced(
    contexts: Contexts, stored: LaunchContext
) -> None:
    assert contexts.draft(stored, "note") is None
    contexts.keep_draft(stored, "note", b"one")
    contexts.keep_draft(stored, "note", b"two")
    assert contexts.draft(stored, "note") == b"two"
    assert contexts.draft(stored, "preferences") is None


@pytest.mark.parametrize(
    ("later", "changed", "ended", "found"),
    [
        pytest.param(20, {}, "", True, id="ran-out"),
        pytest.param(20, {}, "idle", True, id="ran-out-and-told-so"),
        pytest.param(5, {}, "", False, id="still-in-use"),
        pytest.param(20, {}, "logged out", False, id="logged-out"),
        pytest.param(20, {}, "superseded", False, id="superseded"),
        pytest.param(121, {}, "", False, id="too-long-ago"),
        pytest.param(20, {"patient": "pat-2"}, "", False, id="another-patient"),
        pytest.param(20, {"subject": "sub-8"}, "", False, id="another-user"),
        pytest.param(20, {"fhir_user": "Practitioner/9"}, "", False, id="another-role"),
        pytest.param(20, {"tenant": "other"}, "", False, id="another-tenant"),
    ],
)
def test_left_draft_is_found_once_by_its_user_and_patient(
    contexts: Contexts,
    stored: LaunchContext,
    a_context: MakeContext,
    a_grant: MakeGrant,
    clock: Callable[..., object],
    later: int,
    changed: dict[str, object],
    ended: str,
    found: bool,
) -> None:
    contexts.keep_draft(stored, "note", b"half")
    clock.forward(minutes=later)  # type: ignore[attr-defined]
    if ended:
        contexts.end(stored.id, ended)
    again = a_context(**{"id": "ctx-2", **changed})
    contexts.create(again, a_grant())
    assert contexts.take_left_draft(again, "note") == (b"half" if found else None)
    assert contexts.take_left_draft(again, "note") is None
    assert contexts.take_left_draft(again, "other") is None


@pytest.mark.parametrize(
    ("context", "grant", "found"),
    [
        pytest.param({}, {}, True, id="same-user-and-patient"),
        pytest.param({"subject": "sub-8"}, {}, False, id="another-user"),
        pytest.param({"patient": "pat-2"}, {}, False, id="another-patient"),
        pytest.param({"tenant": "other"}, {}, False, id="another-tenant"),
        pytest.param({}, {"refresh_token": None}, False, id="token-over"),
    ],
)
def test_usable_context_is_the_same_user_s_for_the_same_patient(
    contexts: Contexts,
    a_context: MakeContext,
    a_grant: MakeGrant,
    clock: Callable[..., object],
    context: dict[str, object],
    grant: dict[str, object],
    found: bool,
) -> None:
    contexts.create(a_context(**context), a_grant(**grant))
    clock.forward(hours=2)  # type: ignore[attr-defined]
    assert contexts.usable("general", "pat-1", "sub-7") == (("ctx-1",) if found else ())


def test_newest_usable_context_comes_first(
    contexts: Contexts, a_context: MakeContext, a_grant: MakeGrant
) -> None:
    for number in (1, 2, 3):
        later = a_context().launched_at + timedelta(minutes=number)
        contexts.create(a_context(id=f"ctx-{number}", launched_at=later), a_grant())
    contexts.end("ctx-3", "logout")
    assert contexts.usable("general", "pat-1", "sub-7") == ("ctx-2", "ctx-1")


def test_purge_forgets_what_ended_a_day_ago(
    contexts: Contexts, stored: LaunchContext, clock: Callable[..., object]
) -> None:
    contexts.end(stored.id, "logout")
    assert contexts.purge() == 0
    clock.forward(hours=25)  # type: ignore[attr-defined]
    assert contexts.purge() == 1
    with pytest.raises(ContextUnknown):
        contexts.opened(stored.id, "cookie-secret-canary")
