"""Whether this process can do its work: what `/readyz` answers.

The checks run in a thread of their own: the threads that serve clinicians may all be
waiting for an EHR, and that is no reason to take the app out of service.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select

from plugin.foundation import Foundation
from plugin.store.engine import reading
from plugin.store.errors import StoreError
from plugin.store.referral_tables import write_jobs
from plugin.store.schema import micros
from smart_launch.errors import SealBroken

State = Literal["ok", "failed", "behind"]

# A write to the database proves that its disk is not full; once a minute is enough.
_WRITE_EVERY = timedelta(minutes=1)
# A job that has been due for so long is not waiting for its turn any more.
_BEHIND_AFTER = timedelta(minutes=15)
_OPEN = ("waiting", "leased")
_STATES = (*_OPEN, "written", "refused", "unknown", "held", "cancelled")


@dataclass(slots=True)
class Health:
    foundation: Foundation
    _written: datetime | None = field(default=None, init=False)

    def checks(self) -> dict[str, State]:
        """Each check with its state. Only `failed` means "not ready"."""
        try:
            self._write()
            return {"database": "ok", "keys": self._keys(), "jobs": self._jobs()}
        except StoreError:
            return {"database": "failed"}

    def backlog(self) -> Iterable[tuple[str, int]]:
        """Write jobs by status, each status named, for `/metrics`."""
        counted = (
            select(write_jobs.c.status, func.count())
            .group_by(write_jobs.c.status)
            .where(write_jobs.c.status != "written")
        )
        found: Counter[str] = Counter()
        try:
            with reading(self.foundation.engine) as connection:
                for status, count in connection.execute(counted):
                    found[status] = count
        except StoreError:
            return []  # no number is better than a wrong one
        return [(status, found[status]) for status in _STATES if status != "written"]

    def _write(self) -> None:
        now = self.foundation.clock()
        if self._written is None or now - self._written >= _WRITE_EVERY:
            # A state that is already over: the next one that is spent sweeps it out.
            self.foundation.contexts.spend("-", now.isoformat(), now)
            self._written = now

    def _keys(self) -> State:
        try:
            found = self.foundation.signing_keys.public_jwks()["keys"]
        except SealBroken:
            return "failed"
        return "ok" if found else "failed"

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
