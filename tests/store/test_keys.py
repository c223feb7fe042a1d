"""Signing keys are kept sealed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from plugin.clock import Clock
from plugin.store.engine import reading, writing
from plugin.store.keys import StoredKeys
from plugin.store.launch_tables import signing_keys
from smart_launch.client_keys import SigningKeys, StoredKey
from smart_launch.errors import SealBroken
from smart_launch.sealing import Seal


@pytest.fixture
def key(clock: Clock) -> StoredKey:
    return StoredKey(
        kid="kid-1",
        algorithm="ES384",
        private_jwk=b'{"kty": "EC", "d": "private-canary"}',
        created_at=clock(),
        active_from=clock() + timedelta(hours=1),
    )


def test_key_comes_back_as_it_was_until_removed(
    engine: Engine, seal: Seal, key: StoredKey
) -> None:
    store = StoredKeys(engine, seal)
    store.put(key)
    assert store.all() == [key]
    retired = replace(key, retire_at=key.created_at + timedelta(days=2))
    store.put(retired)
    assert store.all() == [retired]
    store.remove("kid-1")
    store.remove("kid-1")
    assert store.all() == []


def test_A10_private_key_is_sealed(engine: Engine, seal: Seal, key: StoredKey) -> None:
    store = StoredKeys(engine, seal)
    store.put(key)
    with reading(engine) as connection:
        assert "canary" not in repr(connection.execute(select(signing_keys)).all())
    with writing(engine) as connection:
        connection.execute(update(signing_keys).values(kid="kid-2"))
    with pytest.raises(SealBroken):
        store.all()


def test_keys_of_the_app_are_made_once_and_outlive_it(
    engine: Engine, seal: Seal, clock: Clock
) -> None:
    SigningKeys(StoredKeys(engine, seal), clock).ensure()
    again = SigningKeys(StoredKeys(engine, seal), clock)
    again.ensure()
    assert len(again.public_jwks()["keys"]) == 2
