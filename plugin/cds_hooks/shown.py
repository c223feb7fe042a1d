"""What was shown and what became of it: read before a card, written with it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from plugin.cds_hooks.advice import Advice, Before
from plugin.settings.shape import Cds
from plugin.store.cds_tables import cds_cards, cds_feedback
from plugin.store.referral_tables import decisions, referrals
from plugin.store.schema import micros

_HOUR = timedelta(hours=1)


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
    cards = (cds_cards.c.tenant == tenant) & (cds_cards.c.kind != "warning")
    mine = cards & (cds_cards.c.actor == actor)
    hour = micros(now - _HOUR)
    recent = micros(now - timedelta(days=settings.referral_days))
    return Before(
        muted=_muted(
            connection,
            tenant,
            patient,
            actor,
            micros(now - timedelta(settings.mute_days)),
        ),
        referred=_decided(connection, tenant, patient, recent),
        quiet=_reached(connection, mine, hour, settings.clinician_per_hour)
        or _reached(connection, cards, hour, settings.tenant_per_hour),
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
        connection.execute(insert(cds_cards), rows)


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
    connection: Connection, tenant: str, patient: str, actor: str, since: int
) -> frozenset[str]:
    """A warning stays away from the one who turned it down; all else from everybody."""
    turned_down = (
        select(cds_cards.c.kind, cds_cards.c.actor, cds_cards.c.topics)
        .join(cds_feedback, cds_feedback.c.card_id == cds_cards.c.id)
        .where(
            cds_cards.c.tenant == tenant,
            cds_cards.c.patient == patient,
            cds_feedback.c.outcome == "overridden",
            cds_feedback.c.recorded_at >= since,
        )
    )
    return frozenset(
        topic
        for row in connection.execute(turned_down)
        if row.kind != "warning" or row.actor == actor
        for topic in row.topics.split()
    )


def _decided(connection: Connection, tenant: str, patient: str, since: int) -> bool:
    """Whether the patient was referred, or said no, since then."""
    signed = select(referrals.c.id).where(
        referrals.c.tenant == tenant,
        referrals.c.patient == patient,
        referrals.c.signed_at >= since,
    )
    told = select(decisions.c.id).where(
        decisions.c.tenant == tenant,
        decisions.c.patient == patient,
        decisions.c.recorded_at >= since,
    )
    return any(
        connection.execute(query.limit(1)).first() is not None
        for query in (signed, told)
    )


def _reached(connection: Connection, which: Any, since: int, most: int) -> bool:
    if most == 0:
        return True
    recent = select(cds_cards.c.id).where(which, cds_cards.c.shown_at >= since)
    return connection.execute(recent.offset(most - 1).limit(1)).first() is not None


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
