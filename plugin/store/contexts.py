"""Launch contexts and their grants, kept over a restart of the app.

Implements `GrantStore` and `StateLedger` of smart_launch. Tokens and contexts are
sealed for their own row; of a cookie's secret only the hash is kept.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from plugin.clock import Clock
from plugin.store.context_form import RowSeal
from plugin.store.engine import reading, writing
from plugin.store.launch_tables import contexts, drafts, grants, spent_states
from plugin.store.schema import micros, moment
from smart_launch.context import LaunchContext
from smart_launch.errors import ContextEnded, ContextUnknown, RelaunchNeeded
from smart_launch.sealing import Seal
from smart_launch.secret import Secret
from smart_launch.tokens import CHANGED_BY_EHR, Grant

ContextRow = Row[Any]

IDLE = timedelta(minutes=15)
# A use is noted at most this often, so that a busy page does not write each time.
_SEEN_EVERY = timedelta(seconds=30)
# A draft of a launch that was left waits this long for its user to come back.
_LEFT_FOR = timedelta(hours=2)
_LEFT = ("idle", "expired")  # how a launch ends that nobody ended
# Ended contexts stay this long, to answer "ended" and not "unknown".
_KEPT_AFTER_END = timedelta(days=1)

# Made once: to put a statement together costs more than to run it.
_INSERT_CONTEXT, _INSERT_GRANT = insert(contexts), insert(grants)
_CONTEXT = select(contexts).where(contexts.c.id == bindparam("id"))
_GRANT = select(grants.c.sealed).where(grants.c.context_id == bindparam("context"))
_LOCKED_GRANT = _GRANT.with_for_update()
_BOTH = (
    select(contexts, grants.c.sealed.label("grant_sealed"))
    .outerjoin(grants, grants.c.context_id == contexts.c.id)
    .where(contexts.c.id == bindparam("id"))
)
_OF_A_USER = (
    contexts.c.tenant == bindparam("tenant"),
    contexts.c.patient == bindparam("patient"),
    contexts.c.subject == bindparam("subject"),
)
_USABLE = (
    select(contexts.c.id)
    .join(grants, grants.c.context_id == contexts.c.id)
    .where(
        *_OF_A_USER,
        contexts.c.expires_at > bindparam("now"),
        grants.c.dead_reason.is_(None),
        or_(grants.c.usable_until.is_(None), grants.c.usable_until > bindparam("now")),
    )
    .order_by(contexts.c.launched_at.desc(), contexts.c.id)
)
_NEWEST_LAUNCH = select(func.max(contexts.c.launched_at)).where(*_OF_A_USER)
_DRAFT = select(drafts.c.sealed).where(
    drafts.c.context_id == bindparam("context"), drafts.c.name == bindparam("name")
)
_LEFT_DRAFT = (
    select(drafts.c.context_id, drafts.c.sealed)
    .join(contexts, contexts.c.id == drafts.c.context_id)
    .where(
        drafts.c.name == bindparam("name"),
        drafts.c.updated_at > bindparam("left_after"),
        contexts.c.id != bindparam("context"),
        contexts.c.tenant == bindparam("tenant"),
        contexts.c.patient == bindparam("patient"),
        contexts.c.subject == bindparam("subject"),
        contexts.c.fhir_user == bindparam("fhir_user"),
        or_(
            contexts.c.ended_reason.in_(_LEFT),
            contexts.c.ended_at.is_(None)
            & (contexts.c.seen_at <= bindparam("idle_since")),
        ),
    )
    .order_by(drafts.c.updated_at.desc())
    .limit(1)
)
_FORGET_STATES = delete(spent_states).where(
    spent_states.c.expires_at < bindparam("now")
)
_SPEND = {
    dialect: insert_into(spent_states)
    .on_conflict_do_nothing()
    .returning(spent_states.c.tenant)
    for dialect, insert_into in (
        ("postgresql", postgresql.insert),
        ("sqlite", sqlite.insert),
    )
}


@dataclass(frozen=True, slots=True)
class Contexts:
    """All launch contexts of all tenants."""

    engine: Engine
    seal: Seal = field(repr=False)
    clock: Clock
    idle: timedelta = IDLE

    # What smart_launch asks for

    def create(self, context: LaunchContext, grant: Grant) -> None:
        now = micros(self.clock())
        with writing(self.engine) as connection:
            connection.execute(
                _INSERT_CONTEXT,
                {
                    "id": context.id,
                    "tenant": context.tenant,
                    "issuer": context.issuer,
                    "patient": context.patient,
                    "fhir_user": context.fhir_user,
                    "subject": context.subject,
                    "secret_hash": context.secret_hash,
                    "sealed": self._sealed(context.tenant, context.id).close_context(
                        context
                    ),
                    "launched_at": micros(context.launched_at),
                    "seen_at": now,
                    "expires_at": micros(context.expires_at),
                },
            )
            connection.execute(
                _INSERT_GRANT,
                {
                    "context_id": context.id,
                    "tenant": context.tenant,
                    **self._grant_columns(context.tenant, context.id, grant),
                },
            )

    def load(self, context_id: str) -> tuple[LaunchContext, Grant]:
        with reading(self.engine) as connection:
            row = connection.execute(_BOTH, {"id": context_id}).one_or_none()
        row = _there(row)
        _refuse_ended(row)
        seal = self._sealed(row.tenant, row.id)
        context = seal.open_context(row.sealed)
        return context, seal.open_grant(_granted(row.grant_sealed))

    @contextmanager
    def locked(self, context_id: str) -> Iterator["LockedRow"]:
        with writing(self.engine) as connection:
            row = _found(connection, context_id)
            grant = self._opened_grant(connection, row, lock=True)
            yield LockedRow(self, connection, row, grant)

    def end(self, context_id: str, reason: str) -> None:
        with writing(self.engine) as connection:
            self._end(connection, context_id, reason)

    def spend(self, tenant: str, state: str, expires: datetime) -> bool:
        note = {
            "tenant": tenant,
            "state_hash": hashlib.sha256(state.encode("utf-8", "replace")).hexdigest(),
            "expires_at": micros(expires),
        }
        with writing(self.engine) as connection:
            # What can be forgotten goes first, so that the table stays bounded.
            connection.execute(_FORGET_STATES, {"now": micros(self.clock())})
            spend = _SPEND[connection.dialect.name]
            return connection.execute(spend, note).first() is not None

    # What the screens ask for

    def opened(self, context_id: str, secret: str | None) -> LaunchContext:
        """The context that a browser's cookie opens, and note that it is in use.

        Raises: ContextUnknown for a wrong or missing secret too, so that nobody
                learns which contexts there are; ContextEnded; RelaunchNeeded after 15
                minutes without use, or at the absolute end.
        """
        now = self.clock()
        with reading(self.engine) as connection:
            row = _found(connection, context_id, ended_too=True)
        context = self._sealed(row.tenant, row.id).open_context(row.sealed)
        if not context.opens_with(secret):
            raise ContextUnknown("the cookie does not open this context")
        _refuse_ended(row)
        if now >= context.expires_at or now - moment(row.seen_at) >= self.idle:
            self.end(context_id, "expired" if now >= context.expires_at else "idle")
            raise RelaunchNeeded("the session was not used, or is over")
        if now - moment(row.seen_at) >= _SEEN_EVERY:
            self._note_use(context_id, now)
        return context

    def keep_draft(self, context: LaunchContext, name: str, content: bytes) -> None:
        """Keep what a screen needs again later, such as an unfinished note."""
        sealed = self._sealed(context.tenant, context.id).close_draft(name, content)
        with writing(self.engine) as connection:
            key = (drafts.c.context_id == context.id) & (drafts.c.name == name)
            connection.execute(delete(drafts).where(key))
            connection.execute(
                insert(drafts).values(
                    context_id=context.id,
                    name=name,
                    sealed=sealed,
                    updated_at=micros(self.clock()),
                )
            )

    def draft(self, context: LaunchContext, name: str) -> bytes | None:
        with reading(self.engine) as connection:
            which = {"context": context.id, "name": name}
            sealed = connection.scalar(_DRAFT, which)
        if sealed is None:
            return None
        return self._sealed(context.tenant, context.id).open_draft(name, sealed)

    def take_left_draft(self, context: LaunchContext, name: str) -> bytes | None:
        """What this user left unfinished with this patient when the session ran out.

        It moves: the next launch does not find it again.
        """
        now = self.clock()
        asked = {
            "name": name,
            "left_after": micros(now - _LEFT_FOR),
            "idle_since": micros(now - self.idle),
            "context": context.id,
            "tenant": context.tenant,
            "patient": context.patient,
            "subject": context.subject,
            "fhir_user": context.fhir_user,
        }
        with reading(self.engine) as connection:
            if connection.execute(_LEFT_DRAFT, asked).first() is None:
                return None  # as nearly always: no need to wait for other writers
        with writing(self.engine) as connection:
            row = connection.execute(_LEFT_DRAFT, asked).first()
            if row is None:
                return None
            left = (drafts.c.context_id == row.context_id) & (drafts.c.name == name)
            connection.execute(delete(drafts).where(left))
        seal = self._sealed(context.tenant, row.context_id)
        return seal.open_draft(name, row.sealed)

    # What the writer asks for

    def usable(self, tenant: str, patient: str, subject: str) -> tuple[str, ...]:
        """Contexts of this user and patient whose grant may still write, newest first.

        Idle ones count: the user has signed, and what was signed is to be written.
        """
        whose = {"tenant": tenant, "patient": patient, "subject": subject}
        asked = whose | {"now": micros(self.clock())}
        with reading(self.engine) as connection:
            return tuple(connection.scalars(_USABLE, asked))

    def changed_by_ehr(self, tenant: str, patient: str, subject: str) -> bool:
        """Whether a launch of this user ended because its grant became another one."""
        found = select(contexts.c.id).where(
            contexts.c.tenant == tenant,
            contexts.c.patient == patient,
            contexts.c.subject == subject,
            contexts.c.ended_reason.startswith(CHANGED_BY_EHR),
        )
        with reading(self.engine) as connection:
            return connection.execute(found.limit(1)).first() is not None

    def newest_launch(self, tenant: str, patient: str, subject: str) -> int:
        """When this user last opened this patient, in microseconds; 0 for never."""
        whose = {"tenant": tenant, "patient": patient, "subject": subject}
        with reading(self.engine) as connection:
            return connection.scalar(_NEWEST_LAUNCH, whose) or 0

    def purge(self) -> int:
        """Forget contexts that ended or expired a day ago. Gives how many."""
        before = micros(self.clock() - _KEPT_AFTER_END)
        gone = or_(contexts.c.expires_at < before, contexts.c.ended_at < before)
        with writing(self.engine) as connection:
            return connection.execute(delete(contexts).where(gone)).rowcount

    # Inside

    def _note_use(self, context_id: str, now: datetime) -> None:
        with writing(self.engine) as connection:
            connection.execute(
                update(contexts)
                .where(contexts.c.id == context_id)
                .values(seen_at=micros(now))
            )

    def _end(self, connection: Connection, context_id: str, reason: str) -> None:
        ended = connection.execute(
            update(contexts)
            .where(contexts.c.id == context_id, contexts.c.ended_at.is_(None))
            .values(ended_at=micros(self.clock()), ended_reason=reason[:64])
        )
        if ended.rowcount:
            mine = grants.c.context_id == context_id
            connection.execute(delete(grants).where(mine))
            if reason not in _LEFT:
                own = drafts.c.context_id == context_id
                connection.execute(delete(drafts).where(own))

    def _sealed(self, tenant: str, context_id: str) -> RowSeal:
        return RowSeal(self.seal, tenant, context_id)

    def _opened_grant(
        self, connection: Connection, row: ContextRow, *, lock: bool = False
    ) -> Grant:
        # The lock says nothing on SQLite, where the whole transaction is one.
        wanted = _LOCKED_GRANT if lock else _GRANT
        sealed = connection.scalar(wanted, {"context": row.id})
        return self._sealed(row.tenant, row.id).open_grant(_granted(sealed))

    def _grant_columns(
        self, tenant: str, context_id: str, grant: Grant
    ) -> dict[str, object]:
        return {
            "sealed": self._sealed(tenant, context_id).close_grant(grant),
            "usable_until": None if grant.refresh_token else micros(grant.expires_at),
            "dead_reason": grant.dead[:64] if grant.dead else None,
            "updated_at": micros(self.clock()),
        }


@dataclass(slots=True)
class LockedRow:
    """A grant while its row is locked."""

    store: Contexts
    connection: Connection
    row: ContextRow
    grant: Grant

    def replace(self, grant: Grant) -> None:
        columns = self.store._grant_columns(self.row.tenant, self.row.id, grant)
        mine = grants.c.context_id == self.row.id
        self.connection.execute(update(grants).where(mine).values(columns))
        self.grant = grant

    def mark_dead(self, reason: str) -> None:
        gone = Secret("")
        self.replace(
            replace(self.grant, access_token=gone, refresh_token=None, dead=reason)
        )


def _found(
    connection: Connection, context_id: str, *, ended_too: bool = False
) -> ContextRow:
    """Raises: ContextUnknown; ContextEnded, unless ended ones are wanted too."""
    row = _there(connection.execute(_CONTEXT, {"id": context_id}).one_or_none())
    if not ended_too:
        _refuse_ended(row)
    return row


def _there(row: ContextRow | None) -> ContextRow:
    if row is None:
        raise ContextUnknown("there is no context with this id")
    return row


def _granted(sealed: bytes | None) -> bytes:
    if sealed is None:
        raise ContextEnded("the context has no grant any more")
    return sealed


def _refuse_ended(row: ContextRow) -> None:
    if row.ended_at is not None:
        raise ContextEnded("the context has ended", reason=row.ended_reason)
