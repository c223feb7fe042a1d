"""The kinds of EHR that the sandbox can be.

Each flavour keeps the limits that the vendor's sites are known for, so that the app's
ways of adapting can be seen and tested. `full` takes all that the app may write.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

READABLE = (
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "Encounter",
    "Condition",
    "Observation",
    "Medication",
    "MedicationRequest",
    "Consent",
    "ServiceRequest",
    "DocumentReference",
    "Provenance",
    "Task",
    "QuestionnaireResponse",
    "AuditEvent",
)
NoteRules = Literal["plain", "epic", "oracle"]


@dataclass(frozen=True, slots=True)
class Flavour:
    """What one kind of EHR allows, and how it speaks."""

    name: str
    title: str
    about: str
    creates: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()
    conditional_create: bool = False
    v1_scopes: bool = False  # lists and grants scopes in the spelling of SMART 1
    returns_created: bool = True  # without a Prefer header
    relative_location: bool = False
    most_per_page: int = 100
    tells_total: bool = True
    adds_outcome: bool = False  # each search answer carries an OperationOutcome
    sends_iss: bool = True  # RFC 9207
    note_rules: NoteRules = "plain"
    note_words: str = ""  # what the CapabilityStatement says of creating a note


FLAVOURS: Mapping[str, Flavour] = {
    flavour.name: flavour
    for flavour in (
        Flavour(
            name="full",
            title="General Hospital",
            about="Takes referrals, notes, provenance, tasks and audit events.",
            creates=frozenset(
                {"ServiceRequest", "DocumentReference", "Provenance", "Task"}
                | {"QuestionnaireResponse", "Consent", "AuditEvent"}
            ),
            updates=frozenset({"ServiceRequest", "Task"}),
            conditional_create=True,
        ),
        Flavour(
            name="epic",
            title="Lakeside Health",
            about="Takes a note for an existing encounter; no referral orders.",
            creates=frozenset({"DocumentReference"}),
            v1_scopes=True,
            returns_created=False,
            relative_location=True,
            tells_total=False,
            adds_outcome=True,
            sends_iss=False,
            note_rules="epic",
            note_words="The note must reference an existing encounter of the patient.",
        ),
        Flavour(
            name="oracle",
            title="Prairie Medical Center",
            about="Takes a note and its provenance; a final note has strict rules.",
            creates=frozenset({"DocumentReference", "Provenance"}),
            sends_iss=False,
            note_rules="oracle",
        ),
        Flavour(
            name="athena",
            title="Harbor Family Practice",
            about="Takes questionnaire responses only.",
            creates=frozenset({"QuestionnaireResponse"}),
            most_per_page=10,
            sends_iss=False,
        ),
        Flavour(
            name="read-only",
            title="Hillcrest Clinic",
            about="Takes nothing: the app may only read.",
        ),
    )
}


def flavour_named(name: str) -> Flavour:
    """Find a flavour. Raises: ValueError which lists the known ones."""
    if name not in FLAVOURS:
        raise ValueError(f"no flavour {name}; known are {', '.join(FLAVOURS)}")
    return FLAVOURS[name]
