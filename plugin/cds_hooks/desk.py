"""Where a call is answered: its cards, and the line in the trail with them."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Engine

from plugin.audit.trail import Event, Trail
from plugin.cds_hooks import shown
from plugin.cds_hooks.admission import Admission, Admitted
from plugin.cds_hooks.advice import Advice
from plugin.cds_hooks.cards import Suggested, Writer
from plugin.cds_hooks.counting import Count, not_counted
from plugin.cds_hooks.deciding import Deciding, Found
from plugin.cds_hooks.errors import DataMissing
from plugin.cds_hooks.shown import Card
from plugin.cds_hooks.wording import Say
from plugin.chart.chart import Chart
from plugin.clock import Clock
from plugin.fhir import checked
from plugin.referral.resources import service_requests
from plugin.referral.signing import Signing
from plugin.store.engine import writing

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    admission: Admission
    deciding: Deciding
    signing: Signing
    writer: Writer
    trail: Trail
    engine: Engine
    clock: Clock
    random_uuid: Callable[[], uuid.UUID] = uuid.uuid4
    count: Count = not_counted

    def answer(self, admitted: Admitted) -> Json:
        """The cards of a call.

        Raises: DataMissing; NotAuthenticated, where the token was used before.
        """
        try:
            found = self.deciding.found(admitted)
        except DataMissing:
            if not admitted.reads:
                self.admission.spend(admitted.caller)
            raise
        cards = self._cards(admitted, found.advice)
        with writing(self.engine) as connection:
            if not admitted.reads:
                self.admission.tokens.spend(connection, admitted.caller)
            shown.keep(connection, [(card, a) for card, a, _ in cards], self.clock())
            for event in self._events(admitted, found, cards):
                self.trail.append(connection, event)
        for _ in cards:
            self.count(admitted.call.service.id, "shown")
        return {"cards": [card for _, _, card in cards]}

    def _cards(
        self, admitted: Admitted, advice: Sequence[Advice]
    ) -> list[tuple[Card, Advice, Json]]:
        made = []
        for one in advice:
            say = self.deciding.wording_of(admitted.ehr.id).say
            suggested = self._suggested(one, say)
            card = Card(
                id=str(self.random_uuid()),
                tenant=admitted.ehr.id,
                patient=admitted.call.patient,
                actor=admitted.call.user,
                service=admitted.call.service.id,
                kind=one.kind,
                topics=one.topics,
                programs=() if one.hidden else shown.ids(one.programs),
                suggestions=shown.ids(suggested),
            )
            written = self.writer.card(one, card.id, card.service, suggested, say)
            made.append((card, one, written))
        return made

    def _suggested(self, advice: Advice, say: Say) -> list[Suggested]:
        """The ledger's orders: the bytes are those that the app would write itself."""
        if advice.filed is None:
            return []
        signed = advice.filed.signed
        orders = service_requests(signed, self.signing.site(signed.tenant))
        label = say("Use the signed referral")
        if len(orders) > 1:
            label = say("Use the signed referral {number} of {count}")
        return [
            Suggested(
                str(self.random_uuid()),
                label.format(number=number, count=len(orders)),
                orjson.loads(checked(order)),
            )
            for number, order in enumerate(orders, start=1)
        ]

    def _events(
        self,
        admitted: Admitted,
        found: Found,
        cards: Sequence[tuple[Card, Advice, Json]],
    ) -> Sequence[Event]:
        call = admitted.call
        called = self._event(
            admitted,
            "cds.called",
            "cards" if cards else "none",
            {
                "service": call.service.id,
                "issuer": admitted.caller.issuer,
                "source": found.source,
                "versions": _versions(found.chart),
                "could_not_check": list(found.chart.could_not_check)
                if found.chart
                else [],
                "knowledge_version": found.knowledge_version,
                "programs": sorted({p for card, _, _ in cards for p in card.programs}),
                "cards": [
                    {
                        "card": card.id,
                        "kind": card.kind,
                        "topics": card.topics,
                        "programs": card.programs,
                        "suggestions": card.suggestions,
                    }
                    for card, _, _ in cards
                ],
            },
        )
        if not admitted.sent.foreign:
            return [called]
        return [
            called,
            self._event(
                admitted,
                "security.rejected",
                "refused",
                {
                    "reason": "prefetch of another patient",
                    "service": call.service.id,
                    "entries": admitted.sent.foreign,
                },
            ),
        ]

    def _event(
        self, admitted: Admitted, kind: str, outcome: str, detail: Json
    ) -> Event:
        return Event(
            admitted.ehr.id,
            kind,
            actor=admitted.call.user,
            patient=admitted.call.patient,
            context=admitted.call.instance,
            outcome=outcome,
            detail=detail,
        )


def _versions(chart: Chart | None) -> dict[str, str]:
    if chart is None:
        return {}
    versions = {c.reference: c.version for c in chart.conditions}
    versions |= {o.reference: o.version for o in chart.observations}
    return versions | {m.reference: m.version for m in chart.medications}
