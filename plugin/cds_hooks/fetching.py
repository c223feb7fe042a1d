"""The chart from the FHIR server, with the token that came for this one call."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from plugin.cds_hooks.call import Call
from plugin.chart.chart import Chart
from plugin.chart.errors import ChartError
from plugin.chart.reading import read_chart
from plugin.logs import log
from smart_launch.errors import FhirUnavailable, RelaunchNeeded, SmartError
from smart_launch.fhir_client import Entry, FhirClient, ReadLimits, SearchResult
from smart_launch.outbound import Outbound
from smart_launch.registration import Registration
from smart_launch.scopes import Scopes
from smart_launch.secret import Secret

BUDGET = 1.5  # seconds for the whole chart: the answer is due after 2.5
_LIMITS = ReadLimits(budget=BUDGET, attempts=1, pages=5, entries=2_000)


@dataclass(frozen=True, slots=True)
class _OneToken:
    """A token that came along: there is no other one to be had."""

    secret: Secret

    def token(self, *, fresh: bool) -> Secret:
        return self.secret

    def renewed(self, refused: Secret) -> Secret:
        raise RelaunchNeeded("the token that came with the call is refused")


@dataclass(frozen=True, slots=True)
class _InTime:
    """A FHIR client whose every read ends by the same moment."""

    client: FhirClient
    until: float
    monotonic: Callable[[], float]

    def read(self, resource_type: str, resource_id: str) -> Entry:
        return self._hurried().read(resource_type, resource_id)

    def search(self, resource_type: str, params: Mapping[str, str]) -> SearchResult:
        return self._hurried().search(resource_type, params)

    def concerns_patient(self, resource: Mapping[str, Any]) -> bool:
        return self.client.concerns_patient(resource)

    def _hurried(self) -> FhirClient:
        left = self.until - self.monotonic()
        if left <= 0:
            raise FhirUnavailable("the time for this call is used up")
        return replace(self.client, limits=replace(_LIMITS, budget=left))


@dataclass(frozen=True, slots=True)
class Fetching:
    """Takes: `side_by_side`, what makes the reads of a chart."""

    outbound: Outbound
    side_by_side: Executor
    budget: float = BUDGET
    monotonic: Callable[[], float] = field(default=time.monotonic, repr=False)

    def server(self, registration: Registration, call: Call) -> FhirClient | None:
        """The FHIR server, by the token that came along; None where none did."""
        if call.authorization is None:
            return None
        return FhirClient(
            # A share of its own: a slow answer to a card must not shut out a launch.
            registration=replace(registration, id=f"{registration.id}.cds"),
            patient=call.patient,
            access=_OneToken(call.authorization.token),
            outbound=self.outbound,
            limits=_LIMITS,
        )

    def chart(
        self, registration: Registration, call: Call, now: datetime
    ) -> Chart | None:
        """The patient's chart; None where it cannot be read in time."""
        client = self.server(registration, call)
        if client is None or call.authorization is None:
            return None
        try:
            return read_chart(
                _InTime(client, self.monotonic() + self.budget, self.monotonic),
                call.patient,
                encounter=call.encounter,
                now=now,
                scopes=Scopes.parse(call.authorization.scope),
                side_by_side=self.side_by_side,
            )
        except (SmartError, ChartError) as error:
            log().warning(
                "cds.unread", tenant=registration.id, error=type(error).__name__
            )
            return None
