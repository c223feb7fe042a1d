"""What a recommendation is: value types only, in the order in which they are read."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from plugin.directory.meeting import MeetingsWanted, Occurrence

_ICD = re.compile(r"[A-Z][0-9][0-9A-Z](\.?[0-9A-Z]{1,4})?")
_TAG = re.compile(r" \((disorder|finding|situation|event|procedure)\)")
A_DAY = 24 * 60  # minutes
Level = Literal["red", "amber", "info"]
Stage = Literal["active", "remission", "ask"]
Owner = Literal["clinician", "patient", "clinic"]

# The directory, as matching sees it: asked once, answers for every programme.
FindMeetings = Callable[[MeetingsWanted], Mapping[str, Sequence[Occurrence]]]


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the patient said. Nothing here is ever inferred.

    Days, times and distance are said in the visit; the file of the command has no key
    for them. Times are minutes of the meeting's own day; a time that ends before it
    begins goes over midnight.

    Source: contract, "Preferences file".
    """

    spiritual: Literal["secular_only", "spiritual_ok", "faith"] | None = None
    modality: Literal["online", "in-person"] | None = None
    language: str | None = None
    lgbtq: bool = False
    women: bool = False
    men: bool = False
    veterans: bool = False
    young_people: bool = False
    beginners: bool = False
    picks: tuple[str, ...] = ()
    weekdays: int = 0  # added up: 1 Monday, 2 Tuesday ... 64 Sunday; 0: any
    earliest: int = 0  # inclusive
    latest: int = A_DAY  # exclusive
    within_km: float | None = None

    @property
    def names_times(self) -> bool:
        return self.weekdays > 0 or self.earliest > 0 or self.latest < A_DAY


@dataclass(frozen=True, slots=True)
class Because:
    """One line of the chart that speaks for something. `resource` is `Type/id`."""

    resource: str
    system: str = ""
    code: str = ""
    display: str = ""
    questioned: bool = False  # the chart itself is not sure of it

    @property
    def is_icd(self) -> bool:
        """Clinicians read these codes; other codes say nothing to them."""
        return _ICD.fullmatch(self.code) is not None

    @property
    def words(self) -> str:
        """As displayed, without the tag of SNOMED CT behind a name."""
        return _TAG.sub("", self.display)


@dataclass(frozen=True, slots=True)
class Need:
    id: str
    name: str
    stage: Stage
    confidence: float  # 1 high, 0.7 medium, 0 ask the clinician
    because: tuple[Because, ...]
    derived: bool = False
    severity: str = ""  # "dependence" where a code says so
    question: str = ""  # what to ask the clinician where the stage is "ask"

    @property
    def sure_lines(self) -> tuple[Because, ...]:
        """What it rests on; all lines where the chart is sure of none."""
        for line in self.because:
            if line.questioned:
                break
        else:
            return self.because
        return tuple(b for b in self.because if not b.questioned) or self.because


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the clinicians' word
    id: str
    level: Level
    title: str
    text: str
    because: tuple[Because, ...] = ()
    must: tuple[str, ...] = ()  # what the clinician is asked to do
    needs_answer: bool = False  # red: text of what was done
    needs_follow_up: bool = False  # suicide risk: a date as well
    asks_withdrawal: bool = False  # low / plan first / not asked
    crisis_lines: tuple[str, ...] = ()  # ids of knowledge help lines
    history: bool = False  # only old or past entries speak for it


@dataclass(frozen=True, slots=True)
class Evidence:
    grade: Literal["A", "B", "C", "D"] | None
    citations: tuple[str, ...] = ()  # ids of the knowledge base
    note: str = ""
    references: tuple[str, ...] = ()  # the same, as a reader cites them


@dataclass(frozen=True, slots=True)
class Feature:
    """One part of the fit. `known` is False where no data spoke and 0.5 was taken."""

    id: str
    weight: float
    value: float  # 0-1; the points it gives are weight * value
    known: bool
    text: str


@dataclass(frozen=True, slots=True)
class Recommended:
    """One suitable programme."""

    id: str
    name: str
    score: float  # 0-1
    fit: Literal["strong", "good", "fair"]  # the score in words
    approach: tuple[str, ...]
    evidence: Evidence
    needs: tuple[str, ...]
    reasons: tuple[str, ...]
    cautions: tuple[str, ...]
    deferred: bool
    features: tuple[Feature, ...]
    meetings: tuple[Occurrence, ...] = ()
    finder_url: str = ""
    because: tuple[Because, ...] = ()
    has_sponsors: bool = False


@dataclass(frozen=True, slots=True)
class SingleSession:
    id: str
    name: str
    minutes: int | None
    reasons: tuple[str, ...]
    evidence: Evidence = field(default_factory=lambda: Evidence(None))
    url: str = ""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step of the active referral. Its words stand in the texts, by its id."""

    id: str
    owner: Owner
    due: date | None  # None: when the patient is settled


@dataclass(frozen=True, slots=True)
class ActiveReferral:
    """How to bring a patient to a first meeting. `steps` is empty without an offer."""

    steps: tuple[PlanStep, ...] = ()
    contact: str = ""  # "safe": only as the patient says; "minor": ask who may know
    waits_for: tuple[str, ...] = ()  # warnings because of which the hand-off waits
    citations: tuple[str, ...] = ()  # ids of the knowledge base


@dataclass(frozen=True, slots=True)
class Removed:
    id: str
    name: str
    reason: str
    kind: str = ""  # what counts are kept by: age, language, country, rule S6 ...


@dataclass(frozen=True, slots=True)
class Unmapped:
    resource: str
    display: str
    system: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    entry: int
    reason: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    knowledge_version: str
    at: datetime
    age: int | None
    gender: str
    needs: tuple[Need, ...]
    warnings: tuple[Warning, ...]
    programs: tuple[Recommended, ...]  # every suitable one, in rank order
    offered: tuple[str, ...]  # the three to five put forward
    single_sessions: tuple[SingleSession, ...]
    removed: tuple[Removed, ...]
    unmapped: tuple[Unmapped, ...]
    unreadable: tuple[UnreadableEntry, ...]
    could_not_check: tuple[str, ...]
    notes: tuple[str, ...] = ()  # lines that always stand on the screen
    plan: ActiveReferral = ActiveReferral()

    def program(self, program_id: str) -> Recommended | None:
        return next((p for p in self.programs if p.id == program_id), None)
