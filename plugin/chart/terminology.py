"""Which server says what codes are kinds of: a site's own, or the EHR's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from plugin.chart.chart import Chart
from plugin.chart.kinds import BUDGET, Asks, Kinds
from smart_launch.errors import AnswerTooLong, EhrUnavailable, FhirUnavailable
from smart_launch.fhir_reply import error_of, resource_of
from smart_launch.outbound import Outbound
from smart_launch.registration import Registration

MAX_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class TerminologyServer:
    """A FHIR terminology server that asks for no sign-in."""

    registration: Registration
    outbound: Outbound

    def operation(
        self, resource_type: str, name: str, params: Mapping[str, str], seconds: float
    ) -> dict[str, Any]:
        """Raises: FhirError and its kinds."""
        query = urlencode(params)
        url = f"{self.registration.base}/{resource_type}/${name}?{query}"
        try:
            reply = self.outbound.request(
                self.registration,
                "GET",
                url,
                deadline=seconds,
                max_bytes=MAX_BYTES,
                accept="application/fhir+json",
            )
        except (EhrUnavailable, AnswerTooLong) as error:
            raise FhirUnavailable("no answer from the terminology server") from error
        if 200 <= reply.status < 300:
            return resource_of(reply)
        raise error_of(reply, secret="", now=datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Terminology:
    """Takes: the site's server, if it has one; else the EHRs whose own is asked."""

    kinds: Kinds
    server: TerminologyServer | None = None
    tenants: frozenset[str] = frozenset()

    def added_to(
        self, chart: Chart, tenant: str, ehr: Asks | None, seconds: float = BUDGET
    ) -> Chart:
        """The chart with what its unlisted codes are kinds of, where a server says.

        Takes: `ehr`, the EHR's own server, where there is access to it; `seconds`, the
               longest that is waited.
        """
        if self.server is not None:
            name = self.server.registration.id
            return self.kinds.added_to(chart, name, self.server, seconds)
        if tenant in self.tenants and ehr is not None:
            return self.kinds.added_to(chart, tenant, ehr, seconds)
        return chart
