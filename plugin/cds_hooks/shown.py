"""What was shown and what became of it: read before a card, written with it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Integer,
    Row,
    String,
    bindparam,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from plugin.cds_hooks.advice import Advice, Before
from plugin.settings.shape import Cds
from plugin.store.cds_tables import cds_cards, cds_feedback
from plugin.store.referral_tables import decisions, referrals
from plugin.store.schema import micros

_HOUR = timedelta(hours=1)


# Statements are made once: to put one together takes longer than to run it.
_TENANT: BindParameter[str] = bindparam("tenant", type_=String)
_PATIENT: BindParameter[str] = bindparam("patient", type_=String)
_ACTOR: BindParameter[str] = bindparam("actor", type_=String)
_SPOKEN = (
    select(cds_cards.c.id)
    .where(
        cds_cards.c.tenant == _TENANT,
        cds_cards.c.shown_at >= bindparam("hour"),
        cds_cards.c.kind != "warning",
    )
    .limit(1)
)
_BEFORE = select(
    select(referrals.c.id)
    .where(
        referrals.c.tenant == _TENANT,
        referrals.c.patient == _PATIENT,
        referrals.c.signed_at >= bindparam("recent"),
    )
    .exists()
    .label("signed"),
    select(decisions.c.id)
    .where(
        decisions.c.tenant == _TENANT,
        decisions.c.patient == _PATIENT,
        decisions.c.recorded_at >= bindparam("recent"),
    )
    .exists()
    .label("decided"),
    _SPOKEN.where(cds_cards.c.actor == _ACTOR)
    .offset(bindparam("clinician_last", type_=Integer))
    .scalar_subquery()
    .is_not(None)
    .label("enough_for_one"),
    _SPOKEN.offset(bindparam("tenant_last", type_=Integer))
    .scalar_subquery()
    .is_not(None)
    .label("enough_for_all"),
    # The same chart opened again shows its card again: that is not one more.
    _SPOKEN.where(cds_cards.c.actor == _ACTOR, cds_cards.c.patient == _PATIENT)
    .limit(None)
    .exists()
    .label("again"),
)
_TURNED_DOWN = (
    select(cds_cards.c.kind, cds_cards.c.actor, cds_cards.c.topics)
    .join(cds_feedback, cds_feedback.c.card_id == cds_cards.c.id)
    .where(
        cds_cards.c.tenant == _TENANT,
        cds_cards.c.patient == _PATIENT,
        cds_feedback.c.outcome == "overridden",
        cds_feedback.c.recorded_at >= bindparam("since"),
    )
)
_KEEP = insert(cds_cards)


@dataclass(frozen=True, slots=True)
class Card:
    """One card as it was shown."""

    id: str
    tenant: str
    patient: str
    actor: str
    service: str
    kind: str
    topics: tuple[str, ...]
    programs: tuple[str, ...]
    suggestions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a card. `comment` is sealed; `at` is the EHR's own time."""

    card: str
    outcome: str
    at: datetime
    reason: str = ""
    reason_system: str = ""
    suggestions: tuple[str, ...] = ()
    comment: bytes | None = None


def before(
    connection: Connection,
    settings: Cds,
    *,
    tenant: str,
    patient: str,
    actor: str,
    now: datetime,
) -> Before:
    """What bears on whether a card is shown now."""
    found = connection.execute(
        _BEFORE,
        {
            "tenant": tenant,
            "patient": patient,
            "actor": actor,
            "hour": micros(now - _HOUR),
            "recent": micros(now - timedelta(days=settings.referral_days)),
            "clinician_last": max(0, settings.clinician_per_hour - 1),
            "tenant_last": max(0, settings.tenant_per_hour - 1),
        },
    ).one()
    none_wanted = not (settings.clinician_per_hour and settings.tenant_per_hour)
    enough = not found.again and (found.enough_for_one or found.enough_for_all)
    return Before(
        muted=_muted(
            connection, tenant, patient, actor, now - timedelta(settings.mute_days)
        ),
        referred=bool(found.signed or found.decided),
        quiet=bool(none_wanted or enough),
    )


def keep(
    connection: Connection, cards: Sequence[tuple[Card, Advice]], now: datetime
) -> None:
    rows = [
        {
            "id": card.id,
            "tenant": card.tenant,
            "patient": card.patient,
            "actor": card.actor,
            "service": card.service,
            "kind": card.kind,
            "topics": " ".join(card.topics),
            "programs": " ".join(card.programs),
            "suggestions": " ".join(card.suggestions),
            "shown_at": micros(now),
        }
        for card, _ in cards
    ]
    if rows:
        connection.execute(_KEEP, rows)


def card_by_id(connection: Connection, card_id: str) -> Card | None:
    row = connection.execute(
        select(cds_cards).where(cds_cards.c.id == card_id)
    ).one_or_none()
    return None if row is None else _card(row)


def report(
    connection: Connection, card: Card, reported: Reported, now: datetime
) -> bool:
    """Keep what became of a card. Gives False for the same report once more."""
    insert_into = (
        postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    )
    row = (
        insert_into(cds_feedback)
        .values(
            card_id=card.id,
            outcome=reported.outcome,
            outcome_at=micros(reported.at),
            tenant=card.tenant,
            reason=reported.reason,
            reason_system=reported.reason_system,
            suggestions=" ".join(reported.suggestions),
            comment=reported.comment,
            recorded_at=micros(now),
        )
        .on_conflict_do_nothing()
        .returning(cds_feedback.c.card_id)
    )
    return connection.execute(row).first() is not None


def _muted(
    connection: Connection, tenant: str, patient: str, actor: str, since: datetime
) -> frozenset[str]:
    """A warning stays away from the one who turned it down; all else from everybody."""
    asked = {"tenant": tenant, "patient": patient, "since": micros(since)}
    return frozenset(
        topic
        for row in connection.execute(_TURNED_DOWN, asked)
        if row.kind != "warning" or row.actor == actor
        for topic in row.topics.split()
    )


def _card(row: Row[Any]) -> Card:
    return Card(
        id=row.id,
        tenant=row.tenant,
        patient=row.patient,
        actor=row.actor,
        service=row.service,
        kind=row.kind,
        topics=_words(row.topics),
        programs=_words(row.programs),
        suggestions=_words(row.suggestions),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def ids(found: Iterable[Any]) -> tuple[str, ...]:
    return tuple(one.id for one in found)
