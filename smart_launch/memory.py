"""Stores that keep everything in this process: for tests, and as worked examples.

An app that runs in more than one process, or wants its sessions to survive a restart,
implements the same protocols over its database.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock, RLock

from smart_launch.client_keys import SigningKeys, StoredKey
from smart_launch.context import LaunchContext
from smart_launch.discovery import Discovery
from smart_launch.errors import ContextEnded, ContextUnknown
from smart_launch.outbound import Outbound
from smart_launch.registration import Registration, Registrations
from smart_launch.sealing import Seal
from smart_launch.secret import Secret
from smart_launch.smart_client import SmartClient
from smart_launch.tokens import Grant

_GONE = Secret("")


@dataclass(slots=True)
class _Kept:
    context: LaunchContext
    grant: Grant
    ended: str | None = None
    lock: RLock = field(default_factory=RLock)


@dataclass(slots=True)
class _Held:
    kept: _Kept

    @property
    def grant(self) -> Grant:
        return self.kept.grant

    def replace(self, grant: Grant) -> None:
        self.kept.grant = grant

    def mark_dead(self, reason: str) -> None:
        self.kept.grant = replace(
            self.kept.grant,
            access_token=_GONE,
            refresh_token=None,
            refreshing_since=None,
            dead=reason,
        )


@dataclass(slots=True)
class MemoryGrants:
    """A GrantStore."""

    _kept: dict[str, _Kept] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def create(self, context: LaunchContext, grant: Grant) -> None:
        with self._lock:
            if context.id in self._kept:
                raise ValueError("there is already a context with this id")
            self._kept[context.id] = _Kept(context, grant)

    def load(self, context_id: str) -> tuple[LaunchContext, Grant]:
        kept = self._find(context_id)
        return kept.context, kept.grant

    @contextmanager
    def locked(self, context_id: str) -> Iterator[_Held]:
        kept = self._find(context_id)
        with kept.lock:
            before = kept.grant
            try:
                # It may have been ended while this one waited for the lock.
                self._find(context_id)
                yield _Held(kept)
            except BaseException:
                kept.grant = before
                raise

    def end(self, context_id: str, reason: str) -> None:
        kept = self._find(context_id, ended_too=True)
        with kept.lock:
            if kept.ended is None:
                kept.ended = reason
                _Held(kept).mark_dead(reason)

    def _find(self, context_id: str, *, ended_too: bool = False) -> _Kept:
        kept = self._kept.get(context_id)
        if kept is None:
            raise ContextUnknown("there is no such context")
        if kept.ended is not None and not ended_too:
            raise ContextEnded("the context was ended", reason=kept.ended)
        return kept


@dataclass(slots=True)
class MemoryStates:
    """A StateLedger."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _spent: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def spend(self, tenant: str, state: str, expires: datetime) -> bool:
        with self._lock:
            now = self.clock()
            self._spent = {key: end for key, end in self._spent.items() if end > now}
            if (tenant, state) in self._spent:
                return False
            self._spent[tenant, state] = expires
            return True


@dataclass(slots=True)
class MemoryKeys:
    """A KeyStore."""

    _kept: dict[str, StoredKey] = field(default_factory=dict)

    def all(self) -> Sequence[StoredKey]:
        return tuple(self._kept.values())

    def put(self, key: StoredKey) -> None:
        self._kept[key.kid] = key

    def remove(self, kid: str) -> None:
        self._kept.pop(kid, None)


def client_in_memory(
    registrations: Iterable[Registration],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SmartClient:
    """A whole client whose sessions and keys end with the process."""
    outbound, keys = Outbound(), SigningKeys(MemoryKeys(), clock)
    keys.ensure()
    return SmartClient(
        registrations=Registrations(registrations),
        outbound=outbound,
        discovery=Discovery(outbound),
        seal=Seal({"process": os.urandom(32)}, "process"),
        keys=keys,
        grants=MemoryGrants(),
        states=MemoryStates(clock),
        clock=clock,
        random=os.urandom,
    )
