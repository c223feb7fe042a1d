"""A new master key takes over what the older one sealed, while the app runs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, Table, select, update

from plugin.clock import Clock
from plugin.store import resealing
from plugin.store.contexts import Contexts
from plugin.store.engine import reading, writing
from plugin.store.keys import StoredKeys
from plugin.store.launch_tables import contexts, drafts, grants, signing_keys
from plugin.store.resealing import Resealed, reseal
from smart_launch.client_keys import StoredKey
from smart_launch.context import LaunchContext
from smart_launch.errors import SealBroken
from smart_launch.sealing import Seal
from smart_launch.secret import Secret
from smart_launch.tokens import Grant

OLD, NEW = b"\x01" * 32, b"\x02" * 32
TABLES = (contexts, grants, drafts, signing_keys)


@pytest.fixture
def old() -> Seal:
    return Seal({"k1": OLD}, "k1")


@pytest.fixture
def both() -> Seal:
    """As the app has it while the key is being replaced."""
    return Seal({"k2": NEW, "k1": OLD}, "k2")


@pytest.fixture
def new() -> Seal:
    return Seal({"k2": NEW}, "k2")


@pytest.fixture
def filled(
    engine: Engine,
    old: Seal,
    clock: Clock,
    a_context: Callable[..., LaunchContext],
    a_grant: Callable[..., Grant],
) -> Engine:
    """Three launches with a draft each, and a signing key, under the old key."""
    store = Contexts(engine, old, clock)
    for number in range(3):
        context = a_context(id=f"ctx-{number}", tenant=f"tenant-{number}")
        store.create(context, a_grant())
        store.keep_draft(context, "note", b"a note")
    key = StoredKey(
        kid="kid-1",
        algorithm="ES384",
        private_jwk=b'{"kty": "EC"}',
        created_at=clock(),
        active_from=clock() + timedelta(hours=1),
    )
    StoredKeys(engine, old).put(key)
    return engine


def sealed_with(engine: Engine, table: Table, seal: Seal) -> set[bool]:
    with reading(engine) as connection:
        return {
            seal.is_current(one) for one in connection.scalars(select(table.c.sealed))
        }


def test_everything_opens_with_the_new_key_alone(
    filled: Engine,
    both: Seal,
    new: Seal,
    clock: Clock,
    a_context: Callable[..., LaunchContext],
    a_grant: Callable[..., Grant],
) -> None:
    assert list(reseal(filled, both)) == [
        Resealed("contexts", 3, 3, 0),
        Resealed("grants", 3, 3, 0),
        Resealed("drafts", 3, 3, 0),
        Resealed("signing_keys", 1, 1, 0),
    ]
    for table in TABLES:
        assert sealed_with(filled, table, new) == {True}, table.name
    store = Contexts(filled, new, clock)
    for number in range(3):
        context, grant = store.load(f"ctx-{number}")
        assert context == a_context(id=f"ctx-{number}", tenant=f"tenant-{number}")
        assert grant == a_grant()
        assert store.draft(context, "note") == b"a note"
    (key,) = StoredKeys(filled, new).all()
    assert key.private_jwk == b'{"kty": "EC"}'


def test_new_key_alone_opens_nothing_before(
    filled: Engine, new: Seal, clock: Clock
) -> None:
    with pytest.raises(SealBroken):
        Contexts(filled, new, clock).load("ctx-0")


def test_second_run_has_nothing_to_do(filled: Engine, both: Seal) -> None:
    list(reseal(filled, both))
    assert {one.resealed for one in reseal(filled, both)} == {0}


def test_many_rows_are_taken_in_pages(
    filled: Engine, both: Seal, new: Seal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "_AT_A_TIME", 2)
    assert [one.resealed for one in reseal(filled, both)] == [3, 3, 3, 1]
    for table in TABLES:
        assert sealed_with(filled, table, new) == {True}, table.name


def test_value_that_no_key_opens_is_counted_and_left(
    filled: Engine, both: Seal, clock: Clock
) -> None:
    with writing(filled) as connection:
        gone = update(grants).where(grants.c.context_id == "ctx-1")
        connection.execute(
            gone.values(
                sealed=Seal({"k9": NEW}, "k9").seal(
                    b"{}", tenant="t", table="grants", row="r", column="sealed"
                )
            )
        )
        torn = update(drafts).where(drafts.c.context_id == "ctx-2")
        connection.execute(torn.values(sealed=b"torn"))
    told = {one.table: (one.resealed, one.broken) for one in reseal(filled, both)}
    assert told == {
        "contexts": (3, 0),
        "grants": (2, 1),
        "drafts": (2, 1),
        "signing_keys": (1, 0),
    }


def test_grant_that_is_refreshed_meanwhile_keeps_its_new_tokens(
    filled: Engine, both: Seal, new: Seal, clock: Clock
) -> None:
    """The app writes between our look and our change: its row is left as it is."""
    running = Contexts(filled, both, clock)
    fresh = Secret("token-of-the-refresh")

    class Meddling(Seal):
        """Seals, and lets the app refresh this very grant first."""

        def open(self, sealed: bytes, **place: str) -> bytes:  # type: ignore[override]
            if place["table"] == "grants" and place["row"] == "ctx-1":
                with running.locked("ctx-1") as held:
                    held.replace(replace(held.grant, access_token=fresh))
            return super().open(sealed, **place)

    told = {one.table: one for one in reseal(filled, Meddling(both.keys, "k2"))}
    assert told["grants"] == Resealed("grants", 3, 2, 0)
    _, grant = Contexts(filled, new, clock).load("ctx-1")
    assert grant.access_token == fresh
