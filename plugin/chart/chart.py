"""The patient's record as this app needs it: value types only.

Every value keeps the reference of the resource it came from, so that each line on the
screen can be traced back to the chart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

# The names by which a reading that failed is said: `could_not_check` holds these.
Source = Literal[
    "Patient",
    "Condition",
    "Observation",
    "MedicationRequest",
    "Encounter",
    "Consent",
    "QuestionnaireResponse",
    "ServiceRequest",
    "SNOMED CT hierarchy",
]

ClinicalStatus = Literal[
    "active", "recurrence", "relapse", "inactive", "remission", "resolved", "unknown"
]
VerificationStatus = Literal[
    "confirmed",
    "unconfirmed",
    "provisional",
    "differential",
    "refuted",
    "entered-in-error",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Coding:
    """One code. `system` is the URI as sent, "" where the chart names none."""

    system: str
    code: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """Who the chart is about. `reference` is `Patient/<id>`."""

    reference: str
    id: str
    name: str = ""
    birth_date: str = ""  # as recorded: YYYY, YYYY-MM or YYYY-MM-DD
    gender: str = "unknown"  # administrative gender, as recorded
    mrn: str = ""
    deceased: bool = False
    active: bool = True
    replaced_by: str = ""  # reference of the record this one was merged into
    language: str = ""  # BCP 47, the preferred communication language
    interpreter_needed: bool | None = None
    country: str = ""  # ISO 3166-1 alpha-2
    postal_code: str = ""
    latitude: float | None = None
    longitude: float | None = None
    restricted: bool = False  # meta.security carries R or V


@dataclass(frozen=True, slots=True)
class Condition:
    reference: str
    codings: tuple[Coding, ...]
    text: str = ""
    clinical_status: ClinicalStatus = "unknown"
    verification_status: VerificationStatus = "unknown"
    categories: frozenset[str] = frozenset()  # problem-list-item, encounter-diagnosis
    encounter: str = ""
    onset: str = ""  # as recorded, never padded
    recorded: str = ""  # recordedDate as recorded
    version: str = ""  # meta.versionId, or a hash of the entry where it has none
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """One result. A component or an answer of a questionnaire is one of these too."""

    reference: str
    codings: tuple[Coding, ...]
    value: float | None = None
    unit: str = ""
    answer: tuple[Coding, ...] = ()  # a coded value
    text: str = ""  # a textual value
    status: str = "final"
    effective: str = ""  # as recorded
    version: str = ""


@dataclass(frozen=True, slots=True)
class Medication:
    reference: str
    codings: tuple[Coding, ...]
    text: str = ""
    status: str = "active"
    authored: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Encounter:
    reference: str
    id: str
    status: str = ""
    start: str = ""
    end: str = ""
    kind: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    reference: str
    status: str
    scope: str = ""
    provision: str = ""  # permit or deny
    period_end: str = ""
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry that was set aside. `entry` is its place in what was read, from 0."""

    entry: int
    reason: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """All that was read, and what could not be."""

    patient: Patient
    conditions: Sequence[Condition] = ()
    observations: Sequence[Observation] = ()
    medications: Sequence[Medication] = ()
    encounters: Sequence[Encounter] = ()
    consents: Sequence[Consent] = ()
    referrals: Sequence["EarlierReferral"] = ()
    unreadable: Sequence[Unreadable] = ()
    could_not_check: Sequence[Source] = ()
    incomplete: Sequence[Source] = ()  # read in part: a cap or a broken page
    read_at: datetime | None = None
    # What the EHR was searched for, each without the patient: "Consent?_count=200".
    searches: Sequence[str] = ()
    encounter: str = ""  # reference of the encounter the app was opened in
    # By SNOMED CT code that nothing lists: the listed codes that it is a kind of.
    kinds: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EarlierReferral:
    """A ServiceRequest for a support group that already stands in the record."""

    reference: str
    status: str
    authored: str = ""
    requester: str = ""
    text: str = ""
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Age:
    """Whole years at a date, or None where the birth date does not tell."""

    years: int | None
    on: date = field(default_factory=lambda: date.min)
