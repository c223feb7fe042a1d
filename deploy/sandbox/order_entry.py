"""What can be ordered by hand in a chart: a few medicines, and a referral to groups.

An order is a draft until it is signed; decision support sees the draft.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from deploy.sandbox.grants import Launch
from deploy.sandbox.wire import Json

_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_SNOMED = "http://snomed.info/sct"
_DRAFT = "draft-1"


@dataclass(frozen=True, slots=True)
class Orderable:
    label: str
    resource: Json


def _medicine(label: str, rxnorm: str) -> Orderable:
    coded = {"coding": [{"system": _RXNORM, "code": rxnorm}], "text": label}
    resource = {"resourceType": "MedicationRequest", "medicationCodeableConcept": coded}
    return Orderable(label, resource)


ORDERABLES: Mapping[str, Orderable] = {
    "buprenorphine": _medicine(
        "buprenorphine 8 MG / naloxone 2 MG Sublingual Tablet", "351267"
    ),
    "acamprosate": _medicine("acamprosate", "82819"),
    "amoxicillin": _medicine("amoxicillin 500 MG Oral Capsule", "308191"),
    "support-group": Orderable(
        "Referral to support group",
        {
            "resourceType": "ServiceRequest",
            "code": {
                "coding": [
                    {
                        "system": _SNOMED,
                        "code": "711281004",
                        "display": "Referral to support group (procedure)",
                    }
                ],
                "text": "Referral to support group",
            },
        },
    ),
}


def draft_of(name: str, launch: Launch, now: datetime) -> Json:
    """The order as it stands before it is signed. Raises: KeyError."""
    draft: Json = {
        **ORDERABLES[name].resource,
        "id": _DRAFT,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{launch.patient}"},
        "authoredOn": now.isoformat(timespec="seconds"),
        "requester": {"reference": f"Practitioner/{launch.practitioner}"},
    }
    if launch.encounter:
        draft["encounter"] = {"reference": f"Encounter/{launch.encounter}"}
    return draft


def signed(draft: Json) -> Json:
    """The same order, in force; the record gives it an id."""
    order = {key: value for key, value in draft.items() if key != "id"}
    return order | {"status": "active"}
