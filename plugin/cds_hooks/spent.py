"""Tokens that were used: each opens one call, on whichever replica it arrives.

The table decides, not a process's memory: a restart forgets nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import Connection, delete
from sqlalchemy.dialects import postgresql, sqlite

from plugin.cds_hooks.callers import Caller
from plugin.cds_hooks.errors import NotAuthenticated
from plugin.clock import Clock
from plugin.store.cds_tables import cds_tokens
from plugin.store.schema import micros

# Made once: to put a statement together takes longer than to run it.
_NOTE = {
    name: insert(cds_tokens).on_conflict_do_nothing().returning(cds_tokens.c.token_hash)
    for name, insert in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}
_CLEARED_EVERY = timedelta(minutes=1)


@dataclass(slots=True)
class SpentTokens:
    clock: Clock
    _cleared: datetime | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def spend(self, connection: Connection, caller: Caller) -> None:
        """Note the token in the caller's transaction.

        Raises: NotAuthenticated, where it was used before.
        """
        now = self.clock()
        if self._is_due(now):
            late = cds_tokens.c.expires_at < micros(now)
            connection.execute(delete(cds_tokens).where(late))
        token = {
            "issuer_hash": caller.issuer_hash,
            "token_hash": caller.token_hash,
            "expires_at": int(caller.expires * 1_000_000),
        }
        noted = connection.execute(_NOTE[connection.dialect.name], token)
        if noted.first() is None:
            raise NotAuthenticated("the token was used before")

    def _is_due(self, now: datetime) -> bool:
        with self._lock:
            due = self._cleared is None or now - self._cleared >= _CLEARED_EVERY
            if due:
                self._cleared = now
            return due
