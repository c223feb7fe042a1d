"""A13 and A14 as far as sealing goes: nothing opens but in its own place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.errors import SealBroken
from smart_launch.sealing import Seal
from smart_launch.secret import Secret

PLACE = {"tenant": "a", "table": "t", "row": "1", "column": "c"}
SEAL = Seal({"old": b"o" * 32, "new": b"n" * 32}, "new")


@given(st.binary())
def test_sealed_value_opens_in_its_place(plain: bytes) -> None:
    sealed = SEAL.seal(plain, **PLACE)
    assert SEAL.open(sealed, **PLACE) == plain
    assert sealed != SEAL.seal(plain, **PLACE)


@pytest.mark.parametrize("name", list(PLACE))
def test_sealed_value_does_not_open_elsewhere(name: str) -> None:
    sealed = SEAL.seal(b"x", **PLACE)
    with pytest.raises(SealBroken):
        SEAL.open(sealed, **(PLACE | {name: "other"}))


def test_names_do_not_run_into_each_other() -> None:
    sealed = SEAL.seal(b"x", **(PLACE | {"table": "ta", "row": "b"}))
    with pytest.raises(SealBroken):
        SEAL.open(sealed, **(PLACE | {"table": "t", "row": "ab"}))


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_changed_byte_does_not_open(where: int, change: int) -> None:
    sealed = bytearray(SEAL.seal(b"some text", **PLACE))
    sealed[where % len(sealed)] ^= change
    with pytest.raises(SealBroken):
        SEAL.open(bytes(sealed), **PLACE)


@given(st.binary(max_size=100))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SealBroken):
        SEAL.open(data, **PLACE)


def test_old_key_still_opens_and_is_known_as_old() -> None:
    sealed = Seal({"old": b"o" * 32}, "old").seal(b"x", **PLACE)
    assert SEAL.open(sealed, **PLACE) == b"x"
    assert not SEAL.is_current(sealed)
    assert SEAL.is_current(SEAL.seal(b"x", **PLACE))
    with pytest.raises(SealBroken, match="key"):
        Seal({"new": b"n" * 32}, "new").open(sealed, **PLACE)
    with pytest.raises(SealBroken):
        Seal({"old": b"x" * 32}, "old").open(sealed, **PLACE)


@pytest.mark.parametrize(
    ("keys", "current"),
    [
        pytest.param({}, "a", id="none"),
        pytest.param({"a": b"short"}, "a", id="short"),
        pytest.param({"": b"k" * 32}, "", id="empty-id"),
        pytest.param({"é": b"k" * 32}, "é", id="not-ASCII"),
        pytest.param({"a" * 65: b"k" * 32}, "a" * 65, id="long-id"),
    ],
)
def test_unusable_keys_are_refused(keys: dict[str, bytes], current: str) -> None:
    with pytest.raises(ValueError, match="key"):
        Seal(keys, current)


def test_keys_and_secrets_do_not_print() -> None:
    assert "nnn" not in repr(SEAL)
    secret = Secret("canary")
    assert "canary" not in f"{secret} {secret!r} {[secret]}"
    assert secret == Secret("canary")
    assert secret != Secret("other")
    assert secret != "canary"
    assert len({secret, Secret("canary")}) == 1
    assert not Secret("")
