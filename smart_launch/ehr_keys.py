"""The EHR's public keys, cached, and asked for again with restraint."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from smart_launch.discovery import PATIENCE
from smart_launch.errors import EhrBusy, EhrUnavailable
from smart_launch.outbound import Outbound, strict_json
from smart_launch.registration import Registration

_log = logging.getLogger("smart_launch")

# Asymmetric only: an EHR's public key must never serve as an HMAC secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "ES256", "ES384")

RENEW_AFTER = 3600.0  # seconds
USABLE_FOR = 24 * 3600.0
# However many tokens with unknown keys arrive, ask no more often than this.
PAUSE = 30.0
_PAUSE_WITHOUT_KEYS = 2.0
_DEADLINE = 5.0
_MAX_BYTES = 512 * 1024
_MAX_KEYS = 100
_LEAST_RSA_BITS = 2048


class NamesKeys(Protocol):
    """What says where a key set is: a discovered configuration, for one."""

    @property
    def jwks_uri(self) -> str: ...


@dataclass(slots=True)
class _Kept:
    lock: Lock = field(default_factory=Lock)
    address: str = ""
    keys: KeySet | None = None
    fetched: float = float("-inf")
    tried: float = float("-inf")


@dataclass(slots=True)
class EhrKeys:
    outbound: Outbound
    monotonic: Callable[[], float] = time.monotonic
    patience: float = PATIENCE
    _kept: dict[str, _Kept] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def warm(self, registration: Registration, configuration: NamesKeys) -> None:
        """Fetch the key set now if it is due, so that a callback need not wait."""
        self._current(registration, configuration, key_id=None)

    def with_key(
        self,
        registration: Registration,
        configuration: NamesKeys,
        key_id: str,
    ) -> KeySet:
        """The key set, asked for again if it is old or does not have this key.

        Raises: EhrUnavailable, where there is no set that is fresh enough.
        """
        return self._current(registration, configuration, key_id=key_id)

    def _current(
        self,
        registration: Registration,
        configuration: NamesKeys,
        *,
        key_id: str | None,
    ) -> KeySet:
        with self._lock:
            kept = self._kept.setdefault(registration.id, _Kept())
        # Whoever has the key does not wait for another's renewal, as with discovery.
        usable = self._usable(kept, configuration.jwks_uri, key_id)
        if not kept.lock.acquire(timeout=0 if usable else self.patience):
            if usable is not None:
                return usable
            raise EhrBusy("another thread waits for the key set")
        try:
            return self._looked_up(registration, configuration, kept, key_id)
        finally:
            kept.lock.release()

    def _usable(self, kept: _Kept, address: str, key_id: str | None) -> KeySet | None:
        """The set as it is kept, if it is fresh enough and has the key."""
        keys, age = kept.keys, self.monotonic() - kept.fetched
        if keys is None or kept.address != address or age >= USABLE_FOR:
            return None
        return keys if key_id is None or _has(keys, key_id) else None

    def _looked_up(
        self,
        registration: Registration,
        configuration: NamesKeys,
        kept: _Kept,
        key_id: str | None,
    ) -> KeySet:
        if kept.address != configuration.jwks_uri:
            kept.keys, kept.fetched = None, float("-inf")
            kept.tried, kept.address = float("-inf"), configuration.jwks_uri
        age = self.monotonic() - kept.fetched
        unknown = key_id is not None and not _has(kept.keys, key_id)
        if kept.keys is None or age >= RENEW_AFTER or unknown:
            self._renew(registration, kept)
        if kept.keys is None or self.monotonic() - kept.fetched >= USABLE_FOR:
            raise EhrUnavailable("there is no fresh key set of this EHR")
        return kept.keys

    def _renew(self, registration: Registration, kept: _Kept) -> None:
        now = self.monotonic()
        pause = _PAUSE_WITHOUT_KEYS if kept.keys is None else PAUSE
        if now - kept.tried < pause:
            return
        kept.tried = now
        try:
            kept.keys = fetch(registration, kept.address, self.outbound)
            kept.fetched = now
        except EhrUnavailable as error:
            _log.warning(
                "the EHR's key set could not be fetched",
                extra={"tenant": registration.id, "error": str(error)},
            )


def _has(keys: KeySet | None, key_id: str) -> bool:
    return keys is not None and any(key.kid == key_id for key in keys)


def fetch(registration: Registration, address: str, outbound: Outbound) -> KeySet:
    """Raises: EhrUnavailable, for anything but a set with at least one usable key."""
    reply = outbound.request(
        registration, "GET", address, deadline=_DEADLINE, max_bytes=_MAX_BYTES
    )
    if reply.status != 200:
        raise EhrUnavailable(f"the key set's address answered {reply.status}")
    return read_keys(reply.body)


def read_keys(body: bytes) -> KeySet:
    """Raises: EhrUnavailable, for anything but a set with at least one usable key."""
    try:
        document = strict_json(body)
    except ValueError:
        raise EhrUnavailable("the key set is not JSON") from None
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise EhrUnavailable("the key set has no keys")
    found = [key for key in map(_usable_key, listed[:_MAX_KEYS]) if key is not None]
    if not found:
        raise EhrUnavailable("the key set has no usable key")
    return KeySet(list(found))


def _usable_key(data: Any) -> RSAKey | ECKey | None:
    """One bad key does not hide the others."""
    if not isinstance(data, dict) or not isinstance(data.get("kid"), str):
        return None
    if data.get("use", "sig") != "sig":
        return None
    public = {name: data[name] for name in _PUBLIC_MEMBERS if name in data}
    try:
        if data.get("kty") == "RSA":
            key = RSAKey.import_key(public)
            return key if key.public_key.key_size >= _LEAST_RSA_BITS else None
        if data.get("kty") == "EC":
            return ECKey.import_key(public)
    except (JoseError, ValueError, TypeError, LookupError, UnsupportedAlgorithm):
        return None
    return None


# `alg` and `key_ops` are left out: servers get them wrong, and the token's own
# algorithm is checked against the allow-list and the key's type.
_PUBLIC_MEMBERS = ("kty", "kid", "n", "e", "crv", "x", "y")
