"""What a clinician signed: value types only, frozen at the moment of signing."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Agreement = Literal["named", "unnamed"]
ReferralStatus = Literal[
    "waiting", "written", "refused", "unknown", "held", "cancelled"
]
JobStatus = Literal[
    "waiting", "leased", "written", "refused", "unknown", "held", "cancelled"
]
NoteStatus = Literal["preliminary", "final"]
NoteForm = Literal["text", "xhtml"]


@dataclass(frozen=True, slots=True)
class ChosenMeeting:
    id: str
    name: str
    starts: datetime
    attendance: str
    where: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One programme that was chosen, as it was shown when it was signed."""

    program: str
    name: str
    meeting: ChosenMeeting | None
    reasons: tuple[str, ...]
    conditions: tuple[str, ...]  # `Condition/<id>` references that matched
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What was done about a warning."""

    warning: str
    text: str
    follow_up: date | None = None


@dataclass(frozen=True, slots=True)
class SignedReferral:
    """One signed decision: one or two choices, one note for all.

    `id` is the referral's UUID; the choices' ServiceRequests are `<id>.1` and `<id>.2`.
    """

    id: str
    tenant: str
    patient: str  # the FHIR id
    encounter: str | None
    author: str  # fhirUser reference, e.g. Practitioner/1
    author_name: str
    choices: tuple[Choice, ...]
    note: str
    agreement: Agreement
    acknowledged: tuple[Acknowledgement, ...]
    signed_at: datetime
    language: str = "en"
    encounter_start: str = ""
    encounter_end: str = ""
    # The record it comes from falls under 42 CFR Part 2, and it tells of substance use.
    part2: bool = False
    part2_consent: str = ""  # the signed consent it is written under, as `Consent/1`
    restricted: bool = False  # violence and the like: label R, nothing named

    @property
    def named(self) -> bool:
        """Whether the record may name the programmes, the reasons, the meetings."""
        return self.agreement == "named" and not self.restricted


@dataclass(frozen=True, slots=True)
class Site:
    """What the registration says about writing."""

    public_url: str
    note_type: str = "11488-4"  # LOINC
    note_status: NoteStatus = "preliminary"
    note_form: NoteForm = "text"
    part2: str = "confirm"
    name: str = ""  # the organisation on whose behalf the app writes

    @property
    def identifier_system(self) -> str:
        return self.public_url.rstrip("/") + "/referrals"
