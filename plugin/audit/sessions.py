"""The sessions of reviewers: kept here, so that they can be ended here."""

import hashlib
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import orjson
from sqlalchemy import Engine, delete, insert, select, update

from plugin.audit.reviewer import Reviewer
from plugin.clock import Clock
from plugin.store.audit_tables import audit_sessions
from plugin.store.engine import reading, writing
from plugin.store.schema import micros
from smart_launch.errors import SealBroken
from smart_launch.sealing import Seal

# A use is noted at most this often, so that turning pages does not write each time.
_SEEN_EVERY = timedelta(seconds=30)
_LONGEST_SECRET = 64


@dataclass(frozen=True, slots=True)
class Sessions:
    """A cookie's secret opens one session; only its digest is kept."""

    engine: Engine
    seal: Seal = field(repr=False)
    clock: Clock
    idle: timedelta
    absolute: timedelta
    random: Callable[[int], bytes] = os.urandom

    def begin(self, reviewer: Reviewer) -> str:
        """Gives the secret for the cookie. Sessions that are over are cleared away."""
        secret = urlsafe_b64encode(self.random(32)).rstrip(b"=").decode()
        now = self.clock()
        told = orjson.dumps(
            {
                "subject": reviewer.subject,
                "name": reviewer.name,
                "roles": sorted(reviewer.roles),
                "tenants": sorted(reviewer.tenants),
            }
        )
        row = {
            "id": _id(secret),
            "subject": reviewer.subject,
            "sealed": self.seal.seal(told, **_place(_id(secret))),
            "seen_at": micros(now),
            "expires_at": micros(now + self.absolute),
        }
        over = audit_sessions.c.expires_at < micros(now)
        with writing(self.engine) as connection:
            connection.execute(delete(audit_sessions).where(over))
            connection.execute(insert(audit_sessions).values(row))
        return secret

    def reviewer(self, secret: str) -> Reviewer | None:
        """Whose session the secret opens; None where it is over, or never was."""
        if not 0 < len(secret) <= _LONGEST_SECRET:
            return None
        mine = audit_sessions.c.id == _id(secret)
        with reading(self.engine) as connection:
            row = connection.execute(select(audit_sessions).where(mine)).first()
        now = micros(self.clock())
        if row is None or now >= row.expires_at:
            return None
        idle = now - row.seen_at
        if idle >= self.idle // timedelta(microseconds=1):
            return None
        if idle >= _SEEN_EVERY // timedelta(microseconds=1):
            with writing(self.engine) as connection:
                connection.execute(
                    update(audit_sessions).where(mine).values(seen_at=now)
                )
        try:
            told = orjson.loads(self.seal.open(row.sealed, **_place(row.id)))
        except SealBroken:
            return None
        return Reviewer(
            told["subject"],
            told["name"],
            frozenset(told["roles"]),
            frozenset(told["tenants"]),
        )

    def end(self, secret: str) -> None:
        with writing(self.engine) as connection:
            connection.execute(
                delete(audit_sessions).where(audit_sessions.c.id == _id(secret))
            )


def _id(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _place(row: str) -> dict[str, str]:
    return {
        "tenant": "-",
        "table": "audit_sessions",
        "row": row,
        "column": "sealed",
    }
