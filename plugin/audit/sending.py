"""Sends the trail's AuditEvents to a repository, as far as it has not got them.

One row for each tenant is the job: taken under a lease by one process at a time, put
off for longer after each failure, and never ahead of the chain. What the repository
refuses for good is kept by its id for a person, and the rest goes on.
"""

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from plugin.audit.balp import PATTERNS, Json, Site, events_of
from plugin.audit.entries import Entry, after, opener
from plugin.audit.repository import EventRefused, Repository, RepositoryAway
from plugin.audit.trail import Trail
from plugin.clock import Clock
from plugin.fhir import InvalidResource, checked
from plugin.logs import log
from plugin.store.audit_tables import audit_events, audit_sendings, audit_unsent
from plugin.store.engine import reading, writing
from plugin.store.errors import StoreError
from plugin.store.schema import micros

LEASE = timedelta(minutes=2)
_BATCH = 20  # records; fewer where they take half of the lease
_FIRST_RETRY, _LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=5)
_NOTHING_NEW = timedelta(seconds=10)
_LOOK_EVERY = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class _Sent:
    """How far a batch came. `stopped` says why it went no further; "" for its end."""

    through: int
    refused: Sequence[Json] = ()
    stopped: str = ""
    wait: timedelta = timedelta(0)
    count: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one tenant: the last record that was sent, the newest, and what stands still.

    `reason` is why the last attempt failed, "" where it did not.
    """

    tenant: str
    through: int
    newest: int
    attempts: int
    reason: str
    refused: int


@dataclass(frozen=True, slots=True)
class Sending:
    """Takes: `sites`, the two sides of each tenant's events, by tenant."""

    engine: Engine
    trail: Trail
    repository: Repository
    sites: Mapping[str, Site]
    clock: Clock
    lease: timedelta = field(default=LEASE)

    def run(self, stop: threading.Event) -> None:
        """Send what there is, until told to stop."""
        while not stop.wait(_LOOK_EVERY):
            try:
                while self.run_once() and not stop.is_set():
                    pass
            except StoreError as error:
                log().warning("audit.not_sent", error=type(error).__name__)

    def run_once(self) -> bool:
        """Send one batch of one tenant's. Gives: False where none was due."""
        job = self._claimed()
        if job is None:
            return False
        sent = self._send(job.tenant, job.through)
        self._settle(job, sent)
        return True

    def _claimed(self) -> Row[Any] | None:
        self._enrol()
        now = micros(self.clock())
        due = (
            select(audit_sendings)
            .where(audit_sendings.c.due <= now)
            .where(audit_sendings.c.tenant.in_(self.sites))
            .order_by(audit_sendings.c.due)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with writing(self.engine) as connection:
            row = connection.execute(due).first()
            if row is None:
                return None
            taken = {"due": now + _micros(self.lease), "fence": row.fence + 1}
            mine = audit_sendings.c.tenant == row.tenant
            connection.execute(update(audit_sendings).where(mine).values(taken))
            return row

    def _enrol(self) -> None:
        """A row for each tenant: its chain may be empty yet."""
        known = select(audit_sendings.c.tenant)
        with reading(self.engine) as connection:
            new = self.sites.keys() - set(connection.scalars(known))
        now = micros(self.clock())
        for tenant in sorted(new):
            row = {"tenant": tenant, "through": 0, "due": now, "fence": 0}
            row |= {"attempts": 0, "reason": "", "changed_at": now}
            try:
                with writing(self.engine) as connection:
                    connection.execute(insert(audit_sendings).values(row))
            except IntegrityError:  # another process was at it
                continue

    def _send(self, tenant: str, through: int) -> _Sent:
        entries, last = after(self.engine, tenant, through, PATTERNS, most=_BATCH)
        sent, until = _Sent(through), self.clock() + self.lease / 2
        for entry in entries:
            sent = self._sent(entry, sent)
            if sent.stopped or self.clock() >= until:
                return sent
        return replace(sent, through=last)  # behind the last of them nothing is to send

    def _sent(self, entry: Entry, before: _Sent) -> _Sent:
        """All events of one record; those of a record that is stopped at come again."""
        refused, count = list(before.refused), before.count
        site = self.sites[entry.tenant]

        def opened_by(context: str) -> str:
            return opener(self.engine, entry.tenant, context)

        try:
            events = events_of(self.trail, entry, site, opened_by)
        except (ValueError, TypeError, LookupError, AttributeError):
            # What malformed data raises: the record is named, and the rest goes on.
            named = f"{site.app_url}/audit/{entry.tenant}/{entry.sequence}"
            whole = {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, named))}
            events, refused = [], [*refused, _unsent(whole, entry, "malformed")]
        for event in events:
            try:
                self.repository.put(event["id"], checked(event))
                count += 1
            except RepositoryAway as away:
                wait = timedelta(seconds=away.retry_after)
                return replace(before, stopped=str(away)[:64], wait=wait)
            except EventRefused as refusal:
                refused.append(_unsent(event, entry, str(refusal)))
            except InvalidResource:  # sent again it would be none either
                refused.append(_unsent(event, entry, "malformed"))
        return _Sent(entry.sequence, refused, count=count)

    def _settle(self, job: Row[Any], sent: _Sent) -> None:
        now = micros(self.clock())
        attempts = job.attempts + 1 if sent.stopped else 0
        wait = timedelta(0) if sent.through > job.through else _NOTHING_NEW
        if sent.stopped:
            wait = max(_backoff(attempts), sent.wait)
        values = {
            "through": sent.through,
            "due": now + _micros(wait),
            "attempts": attempts,
            "reason": sent.stopped,
            "changed_at": now,
        }
        mine = audit_sendings.c.tenant == job.tenant
        mine &= audit_sendings.c.fence == job.fence + 1
        with writing(self.engine) as connection:
            if not connection.execute(
                update(audit_sendings).where(mine).values(values)
            ).rowcount:
                return  # the lease was over: whoever has it now sends the same again
            for one in sent.refused:
                again = audit_unsent.c.id == one["id"]
                connection.execute(delete(audit_unsent).where(again))
                connection.execute(
                    insert(audit_unsent).values(one | {"refused_at": now})
                )
        if sent.stopped:
            log().warning("audit.not_sent", tenant=job.tenant, reason=sent.stopped)
        if sent.refused:
            count = len(sent.refused)
            log().error("audit.refused", tenant=job.tenant, count=count)


def standings(engine: Engine, tenant: str = "") -> list[Standing]:
    """How far the chain of each tenant was sent, or of one."""
    sendings = select(audit_sendings).order_by(audit_sendings.c.tenant)
    if tenant:
        sendings = sendings.where(audit_sendings.c.tenant == tenant)
    refused = select(audit_unsent.c.tenant, func.count()).group_by(
        audit_unsent.c.tenant
    )
    with reading(engine) as connection:
        rows = connection.execute(sendings).all()
        counts = {one[0]: one[1] for one in connection.execute(refused)}
        ends = {row.tenant: _newest(connection, row.tenant) for row in rows}
    return [
        Standing(
            row.tenant,
            row.through,
            max(ends[row.tenant], row.through),
            row.attempts,
            row.reason,
            counts.get(row.tenant, 0),
        )
        for row in rows
    ]


def _newest(connection: Connection, tenant: str) -> int:
    mine = audit_events.c.tenant == tenant
    asked = select(func.max(audit_events.c.sequence)).where(mine)
    return connection.scalar(asked) or 0


def unsent(engine: Engine) -> Sequence[Row[Any]]:
    """The events that were refused for good, the oldest first; no patient in them."""
    rows = select(audit_unsent).order_by(audit_unsent.c.tenant, audit_unsent.c.sequence)
    with reading(engine) as connection:
        return connection.execute(rows).all()


def send_again(engine: Engine) -> int:
    """Send from the first refused record on, at once. Gives how many were refused.

    What the repository has already it is only told again.
    """
    with writing(engine) as connection:
        firsts = (
            select(audit_unsent.c.tenant, func.min(audit_unsent.c.sequence))
            .group_by(audit_unsent.c.tenant)
            .order_by(audit_unsent.c.tenant)
        )
        for tenant, first in connection.execute(firsts).all():
            mine = audit_sendings.c.tenant == tenant
            back = {"through": first - 1, "fence": audit_sendings.c.fence + 1}
            connection.execute(
                update(audit_sendings).where(mine).values(back | {"due": 0})
            )
        return connection.execute(delete(audit_unsent)).rowcount


def _unsent(event: Json, entry: Entry, reason: str) -> Json:
    return {
        "id": event["id"],
        "tenant": entry.tenant,
        "sequence": entry.sequence,
        "reason": reason[:64],
    }


def _backoff(attempts: int) -> timedelta:
    """5 s, then doubling up to 5 minutes."""
    doublings = min(attempts - 1, 8)
    return min(_FIRST_RETRY * (1 << doublings), _LONGEST_WAIT)


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
