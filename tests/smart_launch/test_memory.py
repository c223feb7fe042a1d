"""The example stores keep what the protocols promise."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from smart_launch.errors import ContextEnded, ContextUnknown
from smart_launch.memory import MemoryGrants, MemoryKeys, MemoryStates
from smart_launch.secret import Secret
from smart_launch.tokens import GrantStore, StateLedger


@pytest.fixture
def kept(app: Any, ehr: Any) -> tuple[MemoryGrants, str]:
    context_id = app.launch(ehr).context.id
    store: GrantStore = app.grants
    assert store.load(context_id)
    return app.grants, context_id


def test_replaced_grant_is_kept(kept: Any) -> None:
    grants, context_id = kept
    with grants.locked(context_id) as held:
        held.replace(replace(held.grant, access_token=Secret("next")))
    assert grants.load(context_id)[1].access_token == Secret("next")


def test_error_inside_the_lock_changes_nothing(kept: Any) -> None:
    grants, context_id = kept
    before = grants.load(context_id)

    def fail() -> None:
        with grants.locked(context_id) as held:
            held.mark_dead("lost")
            raise ValueError("oops")

    with pytest.raises(ValueError, match="oops"):
        fail()
    assert grants.load(context_id) == before


def test_lock_is_held_against_others(kept: Any) -> None:
    grants, context_id = kept
    order: list[str] = []

    def second() -> None:
        with grants.locked(context_id):
            order.append("second")

    with grants.locked(context_id):
        other = threading.Thread(target=second)
        other.start()
        other.join(0.1)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_context_ended_while_waiting_for_the_lock_is_ended(kept: Any) -> None:
    grants, context_id = kept

    def lock_twice() -> None:
        with grants.locked(context_id):
            grants.end(context_id, "first")
            grants.end(context_id, "second")
            with grants.locked(context_id):
                pytest.fail("an ended context was locked")

    with pytest.raises(ContextEnded):
        lock_twice()
    with pytest.raises(ContextEnded) as raised:
        grants.load(context_id)
    assert raised.value.reason == "first"


def test_unknown_context_is_unknown() -> None:
    grants = MemoryGrants()
    with pytest.raises(ContextUnknown):
        grants.load("none")
    with pytest.raises(ContextUnknown):
        grants.end("none", "x")


def test_context_is_created_once(kept: Any) -> None:
    grants, context_id = kept
    with pytest.raises(ValueError, match="already"):
        grants.create(*grants.load(context_id))


def test_state_is_spent_once_and_forgotten_after_its_end(clock: Any) -> None:
    states: StateLedger = MemoryStates(clock)
    end = clock.now.replace(hour=10)
    assert states.spend("a", "s", end)
    assert not states.spend("a", "s", end)
    assert states.spend("b", "s", end)
    clock.now = end
    assert states.spend("a", "s", end.replace(hour=11))


def test_keys_are_removed_quietly() -> None:
    keys = MemoryKeys()
    keys.remove("none")
    assert list(keys.all()) == []
