"""Turns at one EHR: so many calls at a time, while other jobs are prepared or settled.

A job holds its turn from the moment at which it is noted as being sent until the answer
is there, and for each read or search. It holds none while it waits for the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Semaphore
from typing import Any

from plugin.referral.lookup import Fhir, Json
from plugin.referral.own_access import OwnAccess
from smart_launch.fhir_client import Created, SearchResult
from smart_launch.scopes import Scopes


@dataclass(slots=True)
class Turn:
    """One job's. Taken and given back by the thread that does the job."""

    free: Semaphore
    held: bool = False

    def take(self) -> None:
        if not self.held:
            self.free.acquire()
            self.held = True

    def give_back(self) -> None:
        if self.held:
            self.held = False
            self.free.release()


@dataclass(frozen=True, slots=True)
class InTurn:
    """A FHIR client whose calls are made in turn."""

    fhir: Fhir
    turn: Turn

    @property
    def patient(self) -> str:
        return self.fhir.patient

    def read(self, resource_type: str, resource_id: str) -> Any:
        with self.turn.free:
            return self.fhir.read(resource_type, resource_id)

    def search(
        self, resource_type: str, params: Sequence[tuple[str, str]]
    ) -> SearchResult:
        with self.turn.free:
            return self.fhir.search(resource_type, params)

    def create(
        self, resource_type: str, body: bytes, *, if_none_exist: str | None = None
    ) -> Created:
        """Its turn was taken when it was noted as being sent."""
        try:
            return self.fhir.create(resource_type, body, if_none_exist=if_none_exist)
        finally:
            self.turn.give_back()

    def update(
        self,
        resource_type: str,
        resource_id: str,
        body: bytes,
        *,
        if_match: str | None = None,
    ) -> Created:
        """In the turn that was taken when it was noted as being sent, as a create."""
        try:
            return self.fhir.update(resource_type, resource_id, body, if_match=if_match)
        finally:
            self.turn.give_back()

    def capabilities(self) -> Any:
        return self.fhir.capabilities()

    def concerns_patient(self, resource: Json) -> bool:
        return self.fhir.concerns_patient(resource)


@dataclass(frozen=True, slots=True)
class OwnInTurn:
    """The app's own access, in turn as well."""

    own: OwnAccess
    turn: Turn

    def granted(self, tenant: str) -> Scopes:
        return self.own.granted(tenant)

    def fhir(self, tenant: str, patient: str) -> Fhir:
        return InTurn(self.own.fhir(tenant, patient), self.turn)
