"""Which services there are, and what each asks to come along.

Source: CDS Hooks 2.0, "Discovery" and "Prefetch Template". Tokens are plain context
ids and the user's, which every client can fill in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from plugin.chart.chart import Source
from plugin.chart.codes import LOINC
from plugin.chart.measures import LOINC_CODES

Hook = Literal["patient-view", "order-sign", "encounter-discharge"]

_MINE = "patient={{context.patientId}}"
_SCORES = ",".join(f"{LOINC}|{code}" for code in LOINC_CODES)
_CHART = {
    "patient": "Patient/{{context.patientId}}",
    "conditions": f"Condition?{_MINE}",
    "observations": f"Observation?{_MINE}&code={_SCORES}",
    "medications": f"MedicationRequest?{_MINE}&status=active",
}

# Which part of the chart a prefetch key holds; `patient` and `user` stand apart.
SOURCES: Mapping[str, Source] = {
    "conditions": "Condition",
    "observations": "Observation",
    "medications": "MedicationRequest",
    "encounter": "Encounter",
}


@dataclass(frozen=True, slots=True)
class Service:
    id: str
    hook: Hook
    title: str
    description: str
    prefetch: Mapping[str, str]

    @property
    def parts(self) -> Sequence[str]:
        """The prefetch keys that make up the chart."""
        return [key for key in self.prefetch if key in SOURCES]


SERVICES: Mapping[str, Service] = {
    service.id: service
    for service in (
        Service(
            "patient-view",
            "patient-view",
            "Self-help groups for this patient",
            "Says when a need in the chart has a self-help group that fits, and nobody "
            "has referred to one lately.",
            _CHART,
        ),
        Service(
            "order-sign",
            "order-sign",
            "Self-help groups beside this order",
            "Completes an order for referral to a support group, and offers groups "
            "beside a medicine for alcohol or opioid use.",
            {**_CHART, "user": "Practitioner/{{userPractitionerId}}"},
        ),
        Service(
            "encounter-discharge",
            "encounter-discharge",
            "Self-help groups before discharge",
            "Says before discharge when a need in the chart has a self-help group that "
            "fits.",
            {**_CHART, "encounter": "Encounter/{{context.encounterId}}"},
        ),
    )
}


def discovery() -> dict[str, Any]:
    return {
        "services": [
            {
                "hook": service.hook,
                "title": service.title,
                "description": service.description,
                "id": service.id,
                "prefetch": dict(service.prefetch),
                "usageRequirements": "Needs the patient and the problems, as prefetch "
                "or through fhirAuthorization.",
            }
            for service in SERVICES.values()
        ]
    }
