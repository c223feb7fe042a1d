"""Encryption at rest, tied to the place where the data lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smart_launch.errors import SealBroken

_VERSION = 1
_NONCE_BYTES = 12
_KEY_BYTES = 32
_MAX_KEY_ID = 64


@dataclass(frozen=True, slots=True)
class Seal:
    """AES-256-GCM with the tenant, table, row and column as associated data.

    A sealed value that is moved to another row, column or tenant does not open. The
    id of the key stands in front, so that older values open after a rotation.

    Takes: `keys`, 32 bytes each, by key id (1-64 ASCII characters); `current`, the
           id of the key that new values are sealed with.
    """

    keys: Mapping[str, bytes] = field(repr=False)
    current: str
    random: Callable[[int], bytes] = field(default=os.urandom, repr=False)

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise ValueError("the current sealing key is not among the keys")
        for key_id, key in self.keys.items():
            if len(key) != _KEY_BYTES:
                raise ValueError("a sealing key must have 32 bytes")
            if not (key_id.isascii() and 0 < len(key_id) <= _MAX_KEY_ID):
                raise ValueError("a sealing key's id must be 1-64 ASCII characters")

    def seal(
        self, plaintext: bytes, *, tenant: str, table: str, row: str, column: str
    ) -> bytes:
        head = bytes([_VERSION, len(self.current)]) + self.current.encode()
        nonce = self.random(_NONCE_BYTES)
        place = _place(head, tenant, table, row, column)
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, plaintext, place)
        return head + nonce + sealed

    def open(
        self, sealed: bytes, *, tenant: str, table: str, row: str, column: str
    ) -> bytes:
        """Raises: SealBroken, if anything is not as it was sealed."""
        head, rest = _split(sealed)
        key = self.keys.get(head[2:].decode("ascii", "replace"))
        if key is None:
            raise SealBroken("a sealed value names a key that is not there")
        place = _place(head, tenant, table, row, column)
        try:
            return AESGCM(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place)
        except InvalidTag:
            raise SealBroken("a sealed value does not open in this place") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the value was sealed with the current key; if not, seal it anew."""
        return _split(sealed)[0][2:] == self.current.encode()


def _split(sealed: bytes) -> tuple[bytes, bytes]:
    length = 2 + sealed[1] if len(sealed) > 2 and sealed[0] == _VERSION else 0
    if not length or len(sealed) < length + _NONCE_BYTES + 16:
        raise SealBroken("a sealed value is not in the form this version writes")
    return sealed[:length], sealed[length:]


def _place(head: bytes, *names: str) -> bytes:
    """Join with lengths, so that no two places have the same bytes."""
    parts = [head, *(name.encode() for name in names)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
