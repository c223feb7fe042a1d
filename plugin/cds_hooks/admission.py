"""Who may make a call, and what comes along with it. Nothing is asked of the EHR.

A token is spent here where the EHR has to be asked, so that a replay asks nothing;
else with the answer, in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from plugin.audit.trail import Event, Trail
from plugin.cds_hooks import drafts
from plugin.cds_hooks.call import Call, call_of
from plugin.cds_hooks.callers import Caller, Callers
from plugin.cds_hooks.errors import (
    BadCall,
    CdsError,
    NoService,
    OtherTenant,
    UnknownServer,
)
from plugin.cds_hooks.prefetched import Prefetched, drafted, prefetched
from plugin.cds_hooks.services import SERVICES, Service
from plugin.cds_hooks.spent import SpentTokens
from plugin.chart.chart import Chart, Source
from plugin.clock import Clock
from plugin.knowledge.knowledge import Knowledge
from plugin.logs import log
from plugin.store.engine import writing
from smart_launch.registration import Registration, Registrations, same_issuer

# What a chart can do without: nothing is read for its sake.
_SPARED: frozenset[Source] = frozenset({"Encounter"})


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `audience` is the address that was called."""

    service: str
    audience: str
    authorization: Sequence[str]
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call from somebody who may make it.

    `orders` are the draft orders; `reads`, whether the FHIR server has to be asked:
    then the token is spent already.
    """

    caller: Caller
    call: Call
    ehr: Registration
    sent: Prefetched
    orders: Chart | None
    reads: bool = False

    @property
    def refers(self) -> bool:
        """Whether one of the orders is a referral to a support group."""
        return self.orders is not None and drafts.names_support_group(self.orders)


@dataclass(frozen=True, slots=True)
class Admission:
    registrations: Registrations
    callers: Callers
    tokens: SpentTokens
    knowledge: Knowledge
    trail: Trail
    engine: Engine
    clock: Clock

    def admit(self, request: Request) -> Admitted:
        """Raises: CdsError and its kinds."""
        service = service_of(request.service)
        caller = self.callers.prove(request.authorization, request.audience)
        try:
            call = call_of(service, request.content_type, request.body)
            ehr = self._ehr(caller, call)
        except CdsError as error:
            self.spend(caller)  # a token opens one call, a bad one too
            self._note_refusal(caller, error)
            raise
        now = self.clock()
        orders = drafted(call, ehr.base, now) if call.drafts else None
        sent = prefetched(call, ehr.base, now)
        foreign = sent.foreign + (orders.foreign if orders else 0)
        admitted = Admitted(
            caller=caller,
            call=call,
            ehr=ehr,
            sent=replace(sent, foreign=foreign),
            orders=orders.chart if orders else None,
        )
        if self._must_read(admitted):
            self.spend(caller)
            return replace(admitted, reads=True)
        return admitted

    def _must_read(self, admitted: Admitted) -> bool:
        call, sent = admitted.call, admitted.sent
        return (
            call.authorization is not None
            and call.is_clinician
            and not sent.foreign
            and not sent.refused
            and (sent.chart is None or bool(set(sent.absent) - _SPARED))
            and self.concerns(admitted)
        )

    def concerns(self, admitted: Admitted) -> bool:
        """Whether the chart bears on what is said to this hook."""
        if admitted.call.service.hook != "order-sign":
            return True
        orders = admitted.orders
        return orders is not None and (
            admitted.refers
            or drafts.for_substance_use(orders, self.knowledge, self.clock)
        )

    def spend(self, caller: Caller) -> None:
        """Raises: NotAuthenticated, where the token was used before."""
        with writing(self.engine) as connection:
            self.tokens.spend(connection, caller)

    def _ehr(self, caller: Caller, call: Call) -> Registration:
        """The EHR that a call is about: one of those that its caller speaks for.

        Raises: UnknownServer; OtherTenant; BadCall.
        """
        if call.fhir_server is None:
            if len(caller.tenants) > 1:
                raise BadCall("fhirServer is missing, and the caller has several")
            return self.registrations.by_id(caller.tenants[0])
        for ehr in self.registrations:
            if same_issuer(ehr.issuer, call.fhir_server):
                if ehr.id not in caller.tenants:
                    raise OtherTenant("the caller does not speak for this EHR")
                return ehr
        raise UnknownServer("no registration has this fhirServer")

    def _note_refusal(self, caller: Caller, error: CdsError) -> None:
        """A signature that holds, and a call that does not: that is worth a line."""
        log().warning(
            "cds.refused", tenant=caller.tenants[0], error=type(error).__name__
        )
        if not isinstance(error, UnknownServer | OtherTenant):
            return
        self.trail.record(
            self.engine,
            Event(
                caller.tenants[0],
                "security.rejected",
                outcome="refused",
                detail={"reason": type(error).__name__, "issuer": caller.issuer},
            ),
        )


def service_of(name: str) -> Service:
    """Raises: NoService."""
    service = SERVICES.get(name)
    if service is None:
        raise NoService("no such service")
    return service
