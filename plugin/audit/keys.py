"""The keys of the trail. None of them is ever in the database."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from smart_launch.sealing import Seal

KEY_BYTES = 32
_BLOCK_BYTES = 64  # of SHA-256
_PURPOSES = ("chain", "pseudonym", "digest", "identity", "checkpoint")
_PSEUDONYM_CHARACTERS = 24  # 96 bits: no two patients of a hospital share one


@dataclass(frozen=True, slots=True)
class AuditKeys:
    """A ring of keys: the first one is written with, all of them are read with.

    A key is known by the first letters of its fingerprint, so that a record can name
    its key and an installation need not invent names.

    Takes: 32 bytes for each key, the current one first.
    """

    ring: Sequence[bytes] = field(repr=False)
    current: str = field(init=False)
    _derived: dict[str, dict[str, bytes]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.ring or any(len(key) != KEY_BYTES for key in self.ring):
            raise ValueError("the audit trail needs keys of 32 bytes")
        derived = {
            _fingerprint(key): {purpose: _derive(key, purpose) for purpose in _PURPOSES}
            for key in self.ring
        }
        object.__setattr__(self, "_derived", derived)
        object.__setattr__(self, "current", _fingerprint(self.ring[0]))

    def knows(self, key_id: str) -> bool:
        return key_id in self._derived

    def chain(self, canonical: bytes, key_id: str) -> bytes:
        """HMAC-SHA256 of one record, which itself holds the one before."""
        return hmac.digest(self.chain_keys[key_id], canonical, "sha256")

    @property
    def chain_keys(self) -> Mapping[str, bytes]:
        """The chain's key for each key of the ring."""
        return {key_id: keys["chain"] for key_id, keys in self._derived.items()}

    @property
    def chain_pads(self) -> Mapping[str, tuple[bytes, bytes]]:
        """The inner and the outer padded key, for each key of the ring.

        HMAC is the digest of the outer one and of the digest of the inner one and the
        text. So it takes half the time of `hmac.digest`, which prepares the key for
        each text anew. Source: RFC 2104, 2.
        """
        return {
            key_id: (_padded(key, 0x36), _padded(key, 0x5C))
            for key_id, key in self.chain_keys.items()
        }

    def pseudonym(self, tenant: str, patient: str, key_id: str | None = None) -> str:
        """The name by which the trail speaks of a patient; "" for no patient."""
        if not patient:
            return ""
        key = self._derived[key_id or self.current]["pseudonym"]
        words = f"{len(tenant)}:{tenant}{patient}".encode()
        return hmac.new(key, words, "sha256").hexdigest()[:_PSEUDONYM_CHARACTERS]

    def pseudonyms(self, tenant: str, patient: str) -> tuple[str, ...]:
        """All names that a patient ever had, one for each key of the ring."""
        return tuple(
            self.pseudonym(tenant, patient, key_id) for key_id in self._derived
        )

    def digest(self, content: bytes) -> str:
        """A keyed digest `key id:hex`, which nobody can make who has only the rows."""
        return f"{self.current}:{self._digest(content, self.current)}"

    def has_digest(self, content: bytes, digest: str) -> bool:
        key_id, _, expected = digest.partition(":")
        return self.knows(key_id) and hmac.compare_digest(
            self._digest(content, key_id), expected
        )

    def _digest(self, content: bytes, key_id: str) -> str:
        key = self._derived[key_id]["digest"]
        return hmac.new(key, content, "sha256").hexdigest()

    def seal(self) -> Seal:
        """Seals the patients' identities, and opens them for who may see them."""
        keys = {key_id: keys["identity"] for key_id, keys in self._derived.items()}
        return Seal(keys, self.current)

    def signing_key(self, key_id: str) -> Ed25519PrivateKey:
        """The key that signs checkpoints made under this key of the ring."""
        return Ed25519PrivateKey.from_private_bytes(self._derived[key_id]["checkpoint"])


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(_derive(key, "id")).hexdigest()[:12]


def _padded(key: bytes, byte: int) -> bytes:
    return bytes(one ^ byte for one in key.ljust(_BLOCK_BYTES, b"\0"))


def _derive(key: bytes, purpose: str) -> bytes:
    """One key for one purpose. Source: RFC 5869."""
    info = f"selfhelp audit {purpose}".encode()
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(key)
