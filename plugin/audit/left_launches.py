"""Launches that nobody ended: left until their time was over, and told so.

A launch that is left keeps its grant, by which what was signed is still written. So it
is not ended here; that its session is over is only recorded.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, exists, or_, select

from plugin.audit.trail import Event, Trail, lock_chain
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading, writing
from plugin.store.launch_tables import contexts
from plugin.store.schema import micros, moment

ENDED = "context.ended"
_LEFT = ("idle", "expired")


@dataclass(frozen=True, slots=True)
class LeftLaunches:
    """Takes: `idle`, after which time without use a session is over."""

    engine: Engine
    trail: Trail
    idle: timedelta

    def note(self, now: datetime) -> int:
        """Record each launch whose time is over and of which no end is recorded.

        Gives how many. Two processes at it record each launch once.
        """
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(
                    contexts.c.id,
                    contexts.c.tenant,
                    contexts.c.patient,
                    contexts.c.fhir_user,
                    contexts.c.seen_at,
                    contexts.c.expires_at,
                ).where(self._over(now), ~exists(_told_of()))
            ).all()
        count = 0
        for row in rows:
            idle_at = moment(row.seen_at) + self.idle
            expired = moment(row.expires_at) <= idle_at
            event = Event(
                row.tenant,
                ENDED,
                actor=row.fhir_user,
                patient=row.patient,
                context=row.id,
                detail={
                    "reason": "expired" if expired else "idle",
                    "over_since": min(idle_at, moment(row.expires_at)).isoformat(),
                },
            )
            with writing(self.engine) as connection:
                lock_chain(connection, row.tenant)
                mine = contexts.c.id == row.id
                open_still = select(contexts.c.id).where(mine, ~exists(_told_of()))
                if connection.execute(open_still).first() is not None:
                    self.trail.append(connection, event)
                    count += 1
        return count

    def _over(self, now: datetime) -> ColumnElement[bool]:
        return or_(
            contexts.c.ended_reason.in_(_LEFT),
            contexts.c.ended_at.is_(None)
            & (
                (contexts.c.seen_at <= micros(now - self.idle))
                | (contexts.c.expires_at <= micros(now))
            ),
        )


def _told_of() -> ColumnElement[bool]:
    """Whether the trail has the end of the context of the query around."""
    return (
        (audit_events.c.tenant == contexts.c.tenant)
        & (audit_events.c.context == contexts.c.id)
        & (audit_events.c.kind == ENDED)
    )
