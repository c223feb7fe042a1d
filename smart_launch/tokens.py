"""The grant: what the EHR's tokens allow, kept by the app and refreshed once."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from smart_launch.context import LaunchContext
from smart_launch.secret import Secret

# With this begins the reason of a context that ended because a refresh came back for
# another patient or scope: nothing more is done in its user's name.
CHANGED_BY_EHR = "the EHR changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One context's tokens.

    `scope` is the text that the EHR granted, `patient` the token's patient.
    `refreshing_since` is set while a refresh is under way: the refresh token counts as
    spent from then on. `dead` is the reason why the grant can no longer be used.
    """

    access_token: Secret
    refresh_token: Secret | None
    scope: str
    expires_at: datetime
    patient: str = field(repr=False)
    refreshing_since: datetime | None = None
    dead: str | None = None

    def as_bytes(self) -> bytes:
        """All of it, secrets in clear: for a store that seals what it keeps."""
        refresh = self.refresh_token
        return orjson.dumps(
            {
                "access_token": self.access_token.reveal(),
                "refresh_token": None if refresh is None else refresh.reveal(),
                "scope": self.scope,
                "expires_at": self.expires_at,
                "patient": self.patient,
                "refreshing_since": self.refreshing_since,
                "dead": self.dead,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Grant:
        kept: dict[str, Any] = orjson.loads(data)
        refresh = kept["refresh_token"]
        since = kept["refreshing_since"]
        return cls(
            access_token=Secret(kept["access_token"]),
            refresh_token=None if refresh is None else Secret(refresh),
            scope=kept["scope"],
            expires_at=datetime.fromisoformat(kept["expires_at"]).astimezone(UTC),
            patient=kept["patient"],
            refreshing_since=None if since is None else datetime.fromisoformat(since),
            dead=kept["dead"],
        )


class LockedGrant(Protocol):
    """A grant that nobody else can change until the `with` block ends."""

    @property
    def grant(self) -> Grant:
        """As it is now, read after the lock was taken."""
        ...

    def replace(self, grant: Grant) -> None:
        """Keep this one instead; lasting when the block ends without an error."""
        ...

    def mark_dead(self, reason: str) -> None:
        """Keep it with `dead` set and the tokens gone."""
        ...


class GrantStore(Protocol):
    """Where contexts and grants are kept. Implemented by the app; see `memory`.

    `load` and `locked` raise ContextUnknown where there is no such context, and
    ContextEnded (with the reason) where it has been ended. The lock of `locked` holds
    over threads and processes, and is never held over a call to the EHR.
    """

    def create(self, context: LaunchContext, grant: Grant) -> None: ...

    def load(self, context_id: str) -> tuple[LaunchContext, Grant]: ...

    def locked(self, context_id: str) -> AbstractContextManager[LockedGrant]: ...

    def end(self, context_id: str, reason: str) -> None:
        """End the context and forget its tokens; nothing happens if it is ended."""
        ...


class StateLedger(Protocol):
    """Which launches have been finished. Implemented by the app; see `memory`."""

    def spend(self, tenant: str, state: str, expires: datetime) -> bool:
        """Note the state as used; False if it was already.

        Atomic over threads and processes. The note may be forgotten after `expires`.
        """
        ...
