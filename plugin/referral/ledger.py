"""The ledger: what was decided, kept in one transaction with what follows from it."""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from plugin.audit.trail import Event, Trail
from plugin.clock import Clock
from plugin.referral.decision import DecisionRequest
from plugin.referral.errors import KeyReused, ReferralUnknown
from plugin.referral.filed import Filed, Outcome, Resource, overall, shown_status
from plugin.referral.job_time import JobTime, job_time
from plugin.referral.outcomes import outcome_of, told_bytes
from plugin.referral.results import BLOCKED
from plugin.referral.signed import ReferralStatus, SignedReferral
from plugin.referral.signed_form import signed_bytes, signed_of
from plugin.store.engine import reading, writing
from plugin.store.referral_tables import decisions, outcomes, referrals, write_jobs
from plugin.store.schema import micros, moment
from smart_launch.context import LaunchContext


@dataclass(frozen=True, slots=True)
class NewJob:
    """One resource to write. `targets` are the types that a Provenance may point at.

    `takes_back` is the reference of what an earlier job wrote: with the action "update"
    its status is changed, with "create" a later note says that it does not hold.
    """

    kind: str
    payload: bytes = field(repr=False)
    identifier_system: str = ""
    identifier: str = ""
    targets: tuple[str, ...] = ()
    action: Literal["create", "update"] = "create"
    takes_back: str = ""


@dataclass(frozen=True, slots=True)
class SignOutcome:
    """`created` is false where the same decision had been signed with the same key."""

    id: str
    status: ReferralStatus
    created: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    engine: Engine
    trail: Trail
    clock: Clock
    time: JobTime | None = None
    random_uuid: Callable[[], uuid.UUID] = uuid.uuid4

    def signed_before(
        self, context: LaunchContext, key: str, digest: str
    ) -> SignOutcome | None:
        """What this user signed for this patient with this key, if anything.

        Raises: KeyReused, where it was another decision.
        """
        with reading(self.engine) as connection:
            return _signed_before(connection, context, key, digest)

    def sign(
        self,
        context: LaunchContext,
        signed: SignedReferral,
        jobs: Sequence[NewJob],
        *,
        key: str,
        digest: str,
        events: Iterable[Event] = (),
    ) -> SignOutcome:
        """Keep the referral, its write jobs and its events, or nothing of it.

        Takes:  `key`, the Idempotency-Key; `digest`, of the decision as it was sent.
        Raises: KeyReused; StoreUnavailable, with nothing kept.
        """
        with writing(self.engine) as connection:
            if not self._insert_referral(connection, context, signed, key, digest):
                before = _signed_before(connection, context, key, digest)
                assert before is not None
                return before
            now = self.now(connection)
            rows = [
                self._job_row(job, number, signed, now)
                for number, job in enumerate(jobs, start=1)
            ]
            connection.execute(insert(write_jobs), rows)
            for event in events:
                self.trail.append(connection, event)
            self.trail.append(connection, _signed_event(context, signed, rows))
        return SignOutcome(signed.id, "waiting", created=True)

    def referrals(self, tenant: str, patient: str) -> list[Filed]:
        """A patient's referrals, the newest first."""
        mine = (referrals.c.tenant == tenant) & (referrals.c.patient == patient)
        with reading(self.engine) as connection:
            return _filed(connection, mine)

    def referral(self, referral_id: str) -> Filed:
        """One referral, whoever's; the caller compares tenant and patient.

        Raises: ReferralUnknown.
        """
        with reading(self.engine) as connection:
            found = _filed(connection, referrals.c.id == referral_id)
        if not found:
            raise ReferralUnknown(referral_id)
        return found[0]

    def referral_of(self, context: LaunchContext, referral_id: str) -> Filed:
        """One referral of the patient that this launch is about.

        Raises: ReferralUnknown, also for another patient's.
        """
        found = self.referral(referral_id)
        if (found.tenant, found.patient) != (context.tenant, context.patient):
            raise ReferralUnknown(referral_id)
        return found

    def record_decision(
        self,
        context: LaunchContext,
        request: DecisionRequest,
        *,
        red_unresolved: Sequence[str] = (),
    ) -> str:
        """Keep a decision that writes nothing to the record. Gives its id.

        Takes: `red_unresolved`, the red warnings that nobody has answered.
        """
        decision_id = str(self.random_uuid())
        kind = "handout" if request.decision == "handout_only" else "declined"
        with writing(self.engine) as connection:
            connection.execute(
                insert(decisions).values(
                    id=decision_id,
                    tenant=context.tenant,
                    patient=context.patient,
                    context_id=context.id,
                    author=context.fhir_user,
                    decision=request.decision,
                    reason=request.reason,
                    red_unresolved=bool(red_unresolved),
                    recorded_at=micros(self.clock()),
                )
            )
            detail = {
                "decision": decision_id,
                "reason": request.reason,
                "acknowledged": [a.warning for a in request.acknowledged],
                "red_unresolved": list(red_unresolved),
            }
            self.trail.append(connection, event_of(context, f"referral.{kind}", detail))
        return decision_id

    def record_outcome(
        self,
        context: LaunchContext,
        referral_id: str,
        outcome: Outcome,
        jobs: Sequence[NewJob] = (),
    ) -> Filed:
        """Keep what the patient told. Gives the referral with it.

        Takes:  `jobs`, which tell the record of it, with this person's grant.
        Raises: ReferralUnknown.
        """
        found = self.referral_of(context, referral_id)
        detail = {
            "referral": referral_id,
            "attended": outcome.attended,
            "reason": outcome.reason,
        }
        with writing(self.engine) as connection:
            connection.execute(
                insert(outcomes).values(
                    id=str(self.random_uuid()),
                    referral_id=referral_id,
                    tenant=context.tenant,
                    author=context.fhir_user,
                    attended=outcome.attended,
                    told=told_bytes(outcome),
                    recorded_at=micros(self.clock()),
                )
            )
            self.add_act(connection, context, found, jobs)
            self.trail.append(connection, event_of(context, "outcome.recorded", detail))
        return self.referral(referral_id)

    def add_act(
        self,
        connection: Connection,
        context: LaunchContext,
        found: Filed,
        jobs: Sequence[NewJob],
    ) -> list[dict[str, Any]]:
        """Add the jobs of something done later, in its transaction. Gives their rows.

        They have an order of their own, and are done with the grant of this person.
        """
        if not jobs:
            return []
        now = self.now(connection)
        after, act = _ends(connection, found.id)
        rows = [
            self._job_row(job, after + number, found.signed, now)
            | {
                "due": now if number == 1 else BLOCKED,
                "act": act + 1,
                "action": job.action,
                "takes_back": job.takes_back,
                "by_subject": context.subject,
                "by_context": context.id,
            }
            for number, job in enumerate(jobs, start=1)
        ]
        connection.execute(insert(write_jobs), rows)
        return rows

    def now(self, connection: Connection) -> int:
        """The write jobs' time, in microseconds."""
        return (self.time or job_time(self.engine, self.clock))(connection)

    def _insert_referral(
        self,
        connection: Connection,
        context: LaunchContext,
        signed: SignedReferral,
        key: str,
        digest: str,
    ) -> bool:
        insert_into = (
            postgresql.insert
            if connection.dialect.name == "postgresql"
            else sqlite.insert
        )
        # The same request may arrive twice at the same moment: PostgreSQL lets the
        # second one wait for the first one's commit, and then changes nothing.
        row = (
            insert_into(referrals)
            .values(
                id=signed.id,
                tenant=signed.tenant,
                patient=signed.patient,
                context_id=context.id,
                author=signed.author,
                subject=context.subject,
                request_key=key,
                request_digest=digest,
                signed=signed_bytes(signed),
                signed_at=micros(signed.signed_at),
            )
            .on_conflict_do_nothing()
            .returning(referrals.c.id)
        )
        return connection.execute(row).first() is not None

    def _job_row(
        self, job: NewJob, number: int, signed: SignedReferral, now: int
    ) -> dict[str, Any]:
        return {
            "id": str(self.random_uuid()),
            "referral_id": signed.id,
            "position": number,
            "tenant": signed.tenant,
            "patient": signed.patient,
            "kind": job.kind,
            "identifier_system": job.identifier_system,
            "identifier": job.identifier,
            "targets": " ".join(job.targets),
            "payload": job.payload,
            "payload_digest": self.trail.keys.digest(job.payload),
            "status": "waiting",
            "due": now if number == 1 else BLOCKED,
            "confirmed_at": now,
            "changed_at": now,
        }


def _ends(connection: Connection, referral_id: str) -> tuple[int, int]:
    """The last position and the last act of a referral, which is locked from here."""
    mine = referrals.c.id == referral_id
    # FOR NO KEY UPDATE: it lets those go on who only add to it, as this act did too.
    locked = select(referrals.c.id).where(mine).with_for_update(key_share=True)
    connection.execute(locked)
    position, act = connection.execute(
        select(func.max(write_jobs.c.position), func.max(write_jobs.c.act)).where(
            write_jobs.c.referral_id == referral_id
        )
    ).one()
    return position or 0, act or 1


def event_of(
    context: LaunchContext, kind: str, detail: dict[str, Any], outcome: str = "done"
) -> Event:
    """An act of the clinician whose launch this is."""
    return Event(
        context.tenant,
        kind,
        actor=context.fhir_user,
        patient=context.patient,
        context=context.id,
        outcome=outcome,
        detail=detail,
    )


def _signed_before(
    connection: Connection, context: LaunchContext, key: str, digest: str
) -> SignOutcome | None:
    mine = (
        (referrals.c.tenant == context.tenant)
        & (referrals.c.subject == context.subject)
        & (referrals.c.patient == context.patient)
        & (referrals.c.request_key == key)
    )
    asked = select(referrals.c.request_digest).where(mine)
    before = connection.scalar(asked)
    if before is None:
        return None
    if before != digest:
        raise KeyReused("this Idempotency-Key came with another decision")
    found = _filed(connection, mine)[0]
    return SignOutcome(found.id, found.status, created=False)


def _signed_event(
    context: LaunchContext, signed: SignedReferral, rows: Sequence[dict[str, Any]]
) -> Event:
    detail = {
        "referral": signed.id,
        "agreement": signed.agreement,
        "part2": signed.part2,
        "part2_consent": signed.part2_consent,
        "restricted": signed.restricted,
        "choices": [
            {
                "program": choice.program,
                "meeting": choice.meeting.id if choice.meeting else None,
                "conditions": choice.conditions,
                "needs": choice.needs,
            }
            for choice in signed.choices
        ],
        "note": hashlib.sha256(signed.note.encode()).hexdigest(),
        "writes": [
            {"job": row["id"], "kind": row["kind"], "payload": row["payload_digest"]}
            for row in rows
        ],
    }
    return event_of(context, "referral.signed", detail)


def _filed(connection: Connection, mine: Any) -> list[Filed]:
    newest_first = (referrals.c.signed_at.desc(), referrals.c.id)
    rows = connection.execute(select(referrals).where(mine).order_by(*newest_first))
    found = rows.all()
    if not found:
        return []
    ids = [row.id for row in found]
    jobs = connection.execute(
        select(write_jobs)
        .where(write_jobs.c.referral_id.in_(ids))
        .order_by(write_jobs.c.position)
    ).all()
    told = connection.execute(
        select(outcomes)
        .where(outcomes.c.referral_id.in_(ids))
        .order_by(outcomes.c.recorded_at, outcomes.c.id)
    ).all()
    return [_one(row, jobs, told) for row in found]


def _one(row: Row[Any], jobs: Sequence[Row[Any]], told: Sequence[Row[Any]]) -> Filed:
    resources = tuple(_resource(job) for job in jobs if job.referral_id == row.id)
    return Filed(
        id=row.id,
        tenant=row.tenant,
        patient=row.patient,
        context=row.context_id,
        status=overall(resources),
        signed=signed_of(row.signed),
        resources=resources,
        outcomes=tuple(outcome_of(one) for one in told if one.referral_id == row.id),
    )


def _resource(row: Row[Any]) -> Resource:
    status = shown_status(row.status, row.looks_owed)
    coming = status in ("waiting", "unknown") and not row.needs_launch
    return Resource(
        job=row.id,
        type=row.kind,
        identifier=row.identifier,
        status=status,
        reference=row.reference,
        reason=row.reason,
        attempts=row.attempts,
        act=row.act,
        action=row.action,
        takes_back=row.takes_back,
        due=moment(row.due) if coming and row.due < BLOCKED else None,
        changed_at=moment(row.changed_at),
    )
