"""The app's signing keys: made, published, rotated.

A new key is published before it signs, and an old one stays published after it has
signed for the last time, so that no EHR meets a `kid` that it cannot find.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, Protocol

import orjson
from joserfc.jwk import ECKey, RSAKey

Algorithm = Literal["RS384", "ES384"]
ALGORITHMS: tuple[Algorithm, ...] = ("RS384", "ES384")

# How long an EHR may keep our JWKS document; sent as Cache-Control.
JWKS_MAX_AGE = timedelta(minutes=15)
# A published key starts to sign when every cached copy of the document has it.
PUBLISH_AHEAD = 4 * JWKS_MAX_AGE
# Assertions live for minutes; a day also covers EHRs that ignore Cache-Control.
STAYS_PUBLISHED = timedelta(hours=24)
_RECALL = timedelta(seconds=30)
# SMART asks for 2048 at least. A longer one costs each launch 1.5 ms more to sign, and
# these keys are rotated; who wants more strength takes ES384, which is faster still.
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """One key pair. `private_jwk` is the JSON of a private JWK: seal it at rest.

    It signs from `active_from` on and is no longer published after `retire_at`.
    """

    kid: str
    algorithm: Algorithm
    private_jwk: bytes = field(repr=False)
    created_at: datetime
    active_from: datetime
    retire_at: datetime | None = None


class KeyStore(Protocol):
    """Where the keys are kept. Implemented by the app."""

    def all(self) -> Sequence[StoredKey]:
        """Every key that is kept, in any order."""
        ...

    def put(self, key: StoredKey) -> None:
        """Keep the key; one with the same `kid` is replaced."""
        ...

    def remove(self, kid: str) -> None:
        """Forget the key, if it is there."""
        ...


@dataclass(slots=True)
class SigningKeys:
    """The keys in a store, and which of them signs now.

    The store is asked at most every `_RECALL`: another replica's rotation is seen long
    before its key signs.
    """

    store: KeyStore
    clock: Callable[[], datetime]
    _known: Sequence[StoredKey] = field(default=(), repr=False)
    _known_until: datetime | None = field(default=None, repr=False)

    def ensure(self, algorithms: Sequence[Algorithm] = ALGORITHMS) -> None:
        """Make the first key of each algorithm where there is none; it signs at once.

        Two replicas that start together may both make one. Both are published, and
        any replica signs with the newest, so this does no harm.
        """
        have = {key.algorithm for key in self._published()}
        for algorithm in algorithms:
            if algorithm not in have:
                self._put(new_key(algorithm, now=self.clock()))

    def generate(self, algorithm: Algorithm) -> StoredKey:
        """Make and publish a further key, which signs after PUBLISH_AHEAD."""
        key = new_key(algorithm, now=self.clock(), ahead=PUBLISH_AHEAD)
        self._put(key)
        return key

    def rotate(self, algorithms: Sequence[Algorithm] = ALGORITHMS) -> list[StoredKey]:
        """Publish a new key of each algorithm and give the older ones their end."""
        made = []
        for algorithm in algorithms:
            older = [key for key in self._published() if key.algorithm == algorithm]
            new = self.generate(algorithm)
            made.append(new)
            for key in older:
                if key.retire_at is None:
                    end = new.active_from + STAYS_PUBLISHED
                    self._put(replace(key, retire_at=end))
        self.forget_retired()
        return made

    def forget_retired(self) -> None:
        """Remove the keys that are no longer published."""
        now = self.clock()
        for key in self.store.all():
            if not _is_published(key, now):
                self.store.remove(key.kid)
        self._known_until = None

    def signing_key(self, algorithm: Algorithm) -> StoredKey:
        """The newest published key that may sign by now.

        Raises: LookupError, where there is no such key: `ensure` was not called.
        """
        now = self.clock()
        keys = [key for key in self._published() if key.algorithm == algorithm]
        ready = [key for key in keys if key.active_from <= now]
        if not ready and not keys:
            raise LookupError(f"there is no {algorithm} key; generate one first")
        # A lone key that is not yet due is still better than none.
        return max(ready or keys, key=lambda key: (key.active_from, key.kid))

    def public_jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The document for `/.well-known/jwks.json`: public members only."""
        keys = sorted(self._published(), key=lambda key: (key.created_at, key.kid))
        return {"keys": [public_jwk(key) for key in keys]}

    def _published(self) -> list[StoredKey]:
        now = self.clock()
        if self._known_until is None or not now < self._known_until:
            self._known = tuple(self.store.all())
            # An empty store is asked again at once: the first keys are being made.
            self._known_until = now + _RECALL if self._known else None
        return [key for key in self._known if _is_published(key, now)]

    def _put(self, key: StoredKey) -> None:
        self.store.put(key)
        self._known_until = None


def _is_published(key: StoredKey, now: datetime) -> bool:
    return key.retire_at is None or now < key.retire_at


def new_key(
    algorithm: Algorithm, *, now: datetime, ahead: timedelta = timedelta(0)
) -> StoredKey:
    """Make a key pair; its `kid` is the RFC 7638 thumbprint."""
    pair = (
        RSAKey.generate_key(_RSA_BITS)
        if algorithm == "RS384"
        else ECKey.generate_key("P-384")
    )
    return StoredKey(
        kid=pair.thumbprint(),
        algorithm=algorithm,
        private_jwk=orjson.dumps(pair.as_dict(private=True)),
        created_at=now,
        active_from=now + ahead,
    )


@lru_cache(maxsize=32)  # reading an RSA key checks its primes, which takes longer
def private_key(key: StoredKey) -> RSAKey | ECKey:
    data = orjson.loads(key.private_jwk)
    kind: type[RSAKey] | type[ECKey] = RSAKey if key.algorithm == "RS384" else ECKey
    return kind.import_key(data)


def public_jwk(key: StoredKey) -> dict[str, Any]:
    public = dict(private_key(key).as_dict(private=False))
    return public | {"kid": key.kid, "use": "sig", "alg": key.algorithm}
