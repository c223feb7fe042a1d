"""Whether this process can do its work: what `/readyz` answers.

The checks run in a thread of their own: the threads that serve clinicians may all be
waiting for an EHR, and that is no reason to take the app out of service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select

from plugin.directory.health import STALE_DAYS
from plugin.foundation import Foundation
from plugin.store.directory_tables import feeds
from plugin.store.engine import reading
from plugin.store.errors import StoreError
from plugin.store.migrate import newest_revision, revision
from plugin.store.referral_tables import write_jobs
from plugin.store.schema import micros
from smart_launch.errors import SealBroken

# Only `failed` means "not ready". What is `behind`, `ahead`, `empty` or `quarantined` a
# person should look at; taking this process out of service would mend nothing.
State = Literal["ok", "failed", "behind", "ahead", "empty", "quarantined"]

# A write to the database proves that its disk is not full; once a minute is enough.
_WRITE_EVERY = timedelta(minutes=1)
# A job that has been due for so long is not waiting for its turn any more.
_BEHIND_AFTER = timedelta(minutes=15)
# A feed may miss two of its turns before the directory counts as behind.
_TURNS = 3


@dataclass(slots=True)
class Health:
    foundation: Foundation
    _written: datetime | None = field(default=None, init=False)

    def checks(self) -> dict[str, State]:
        """Each check with its state."""
        try:
            self._write()
            return {
                "database": "ok",
                "migrations": self._migrations(),
                "keys": self._keys(),
                "directory": self._directory(),
                "jobs": self._jobs(),
            }
        except StoreError:
            return {"database": "failed"}

    def _write(self) -> None:
        now = self.foundation.clock()
        if self._written is None or now - self._written >= _WRITE_EVERY:
            # A state that is already over: the next one that is spent sweeps it out.
            self.foundation.contexts.spend("-", now.isoformat(), now)
            self._written = now

    def _migrations(self) -> State:
        """`ahead` while a newer version has migrated and this process still runs.

        A migration only adds until the version after it, so this one works on.
        """
        at, newest = revision(self.foundation.engine), newest_revision()
        if at is None or at < newest:
            return "failed"
        return "ok" if at == newest else "ahead"

    def _keys(self) -> State:
        try:
            found = self.foundation.signing_keys.public_jwks()["keys"]
        except SealBroken:
            return "failed"
        return "ok" if found else "failed"

    def _directory(self) -> State:
        """`quarantined` while a feed that lost many rows is set aside."""
        asked = select(feeds.c.id, feeds.c.fetched_at, feeds.c.live, feeds.c.state)
        with reading(self.foundation.engine) as connection:
            known = connection.execute(asked).fetchall()
        live = [row for row in known if row.live is not None]
        if not live:
            return "empty"
        if any(row.state == "quarantined" for row in live):
            return "quarantined"
        if any(row.live is None and row.state == "failed" for row in known):
            return "behind"
        allowed = self._allowed()
        now = micros(self.foundation.clock())
        late = timedelta(days=STALE_DAYS)
        for row in live:
            age = timedelta(microseconds=now - (row.fetched_at or 0))
            if age > allowed.get(row.id, late):
                return "behind"
        return "ok"

    def _allowed(self) -> Mapping[str, timedelta]:
        """How old each feed of the settings may be."""
        return {
            feed.id: timedelta(hours=feed.every_hours * _TURNS)
            for feed in self.foundation.settings.feeds
        }

    def _jobs(self) -> State:
        before = micros(self.foundation.clock() - _BEHIND_AFTER)
        late = (
            select(write_jobs.c.id)
            .where(write_jobs.c.status == "waiting", write_jobs.c.due < before)
            .where(write_jobs.c.needs_launch.is_(False))
            .limit(1)
        )
        with reading(self.foundation.engine) as connection:
            return "behind" if connection.execute(late).first() else "ok"
