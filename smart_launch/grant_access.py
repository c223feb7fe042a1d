"""Where a FHIR client gets its access token from."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from smart_launch.refreshing import Refreshing
from smart_launch.secret import Secret


class Access(Protocol):
    def token(self, *, fresh: bool) -> Secret:
        """A usable token; with `fresh`, after a look at whether it still is one."""
        ...

    def renewed(self, refused: Secret) -> Secret:
        """Another token than the one that the EHR refused."""
        ...


@dataclass(slots=True)
class GrantAccess:
    """The token of one context's grant.

    Reads that run side by side share one look into the store; a write always looks
    again, so that nothing is written for a context that has been ended.
    """

    context_id: str
    refreshing: Refreshing
    _seen: Secret | None = None
    _usable_until: float = 0.0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def token(self, *, fresh: bool) -> Secret:
        with self._lock:
            now = self.refreshing.monotonic()
            if self._seen is None or fresh or now >= self._usable_until:
                self._seen = self.refreshing.usable(self.context_id).access_token
                self._usable_until = now + _SHARED_FOR
            return self._seen

    def renewed(self, refused: Secret) -> Secret:
        with self._lock:
            if self._seen is None or self._seen == refused:
                grant = self.refreshing.usable(self.context_id, refused=refused)
                self._seen = grant.access_token
                self._usable_until = self.refreshing.monotonic() + _SHARED_FOR
            return self._seen


# Seconds; less than refreshing.MARGIN, so a shared token does not run out meanwhile.
_SHARED_FOR = 10.0
