"""What became of cards: reported by the EHR, or seen when the app is opened."""

from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, Engine

from plugin.audit.trail import Event, Trail
from plugin.cds_hooks import shown
from plugin.cds_hooks.admission import Admission, Request, service_of
from plugin.cds_hooks.callers import Caller
from plugin.cds_hooks.counting import Count, not_counted
from plugin.cds_hooks.errors import CardUnknown, CdsError
from plugin.cds_hooks.feedback import Report, reports_of
from plugin.cds_hooks.services import Service
from plugin.cds_hooks.shown import Card, Reported
from plugin.clock import Clock
from plugin.store.engine import writing
from smart_launch.context import LaunchContext
from smart_launch.sealing import Seal


@dataclass(frozen=True, slots=True)
class Reporting:
    admission: Admission
    trail: Trail
    engine: Engine
    seal: Seal
    clock: Clock
    count: Count = not_counted

    def take_feedback(self, request: Request) -> None:
        """Keep what became of cards: all of it, or nothing where one is unknown.

        Raises: CdsError and its kinds.
        """
        service = service_of(request.service)
        caller = self.admission.callers.prove(request.authorization, request.audience)
        try:
            reports = reports_of(request.content_type, request.body)
        except CdsError:
            self.admission.spend(caller)
            raise
        try:
            with writing(self.engine) as connection:
                self.admission.tokens.spend(connection, caller)
                told = [
                    (_card_of(connection, caller, service, one), one) for one in reports
                ]
                new = [
                    _feedback_event(card, one)
                    for card, one in told
                    if shown.report(
                        connection, card, self._reported(card, one), self.clock()
                    )
                ]
                for event in new:
                    self.trail.append(connection, event)
        except CardUnknown:
            self.admission.spend(caller)
            raise
        for event in new:
            self.count(service.id, event.outcome)

    def _reported(self, card: Card, one: Report) -> Reported:
        comment = None
        if one.comment:
            comment = self.seal.seal(
                one.comment.encode("utf-8", "replace"),
                tenant=card.tenant,
                table="cds_feedback",
                row=card.id,
                column="comment",
            )
        return Reported(
            card.id,
            one.outcome,
            one.at,
            one.reason,
            one.reason_system,
            one.suggestions,
            comment,
        )

    def opened_from(self, context: LaunchContext) -> str:
        """The programme to put forward: the first on the card the app was opened from.

        A card of another patient or EHR counts as none. Gives "" for none.
        """
        name = _card_named(context.app_context)
        if not name:
            return ""
        opened_now = False
        with writing(self.engine) as connection:
            card = shown.card_by_id(connection, name)
            if card is None or (card.tenant, card.patient) != (
                context.tenant,
                context.patient,
            ):
                return ""
            opened = Reported(card.id, "opened", context.launched_at)
            opened_now = shown.report(connection, card, opened, self.clock())
            if opened_now:
                self.trail.append(
                    connection,
                    Event(
                        card.tenant,
                        "cds.opened",
                        actor=context.fhir_user,
                        patient=card.patient,
                        context=context.id,
                        detail={"card": card.id, "service": card.service},
                    ),
                )
        if opened_now:
            self.count(card.service, "opened")
        return card.programs[0] if card.programs else ""


def _card_of(
    connection: Connection, caller: Caller, service: Service, one: Report
) -> Card:
    """Raises: CardUnknown, also for another caller's or another service's."""
    card = shown.card_by_id(connection, one.card)
    if (
        card is None
        or card.tenant not in caller.tenants
        or card.service != service.id
        or not set(one.suggestions) <= set(card.suggestions)
    ):
        raise CardUnknown("no such card of this caller's")
    return card


def _feedback_event(card: Card, one: Report) -> Event:
    return Event(
        card.tenant,
        "cds.feedback",
        actor=card.actor,
        patient=card.patient,
        context=card.id,
        outcome=one.outcome,
        detail={
            "card": card.id,
            "service": card.service,
            "kind": card.kind,
            "topics": card.topics,
            "at": one.at.isoformat(),
            "reason": one.reason,
            "reason_system": one.reason_system,
            "comment": bool(one.comment),
            "suggestions": one.suggestions,
        },
    )


def _card_named(app_context: str | None) -> str:
    """The card's id in what the EHR handed through from the link."""
    if not app_context:
        return ""
    try:
        told = orjson.loads(app_context)
    except orjson.JSONDecodeError:
        return ""
    name = told.get("card") if isinstance(told, dict) else None
    return name if isinstance(name, str) and len(name) == 36 else ""
