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
        insert_into = (
            postgresql.insert
            if connection.dialect.name == "postgresql"
            else sqlite.insert
        )
        noted = (
            insert_into(cds_tokens)
            .values(
                issuer_hash=caller.issuer_hash,
                token_hash=caller.token_hash,
                expires_at=int(caller.expires * 1_000_000),
            )
            .on_conflict_do_nothing()
            .returning(cds_tokens.c.token_hash)
        )
        if connection.execute(noted).first() is None:
            raise NotAuthenticated("the token was used before")

    def _is_due(self, now: datetime) -> bool:
        with self._lock:
            due = self._cleared is None or now - self._cleared >= _CLEARED_EVERY
            if due:
                self._cleared = now
            return due
