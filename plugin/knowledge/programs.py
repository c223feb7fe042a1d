"""What is known of programmes, single sessions, help lines and their evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Role = Literal["primary", "secondary", "adjunct"]
Grade = Literal["A", "B", "C", "D"]
Kind = Literal["twelve-step", "secular", "faith"]
Stance = Literal[
    "supportive", "friendly", "neutral", "varies", "limits", "unknown", "not_applicable"
]


# Behind a reference of which no source was seen.
UNSEEN = "(not verified)"


@dataclass(frozen=True, slots=True)
class Citation:
    id: str
    reference: str
    doi: str = ""
    verified: bool = False  # an abstract, record or page of it was seen
    finding: str = ""
    note: str = ""
    short: str = ""  # first author and year

    @property
    def full(self) -> str:
        """The reference with its DOI, and a mark where no source of it was seen."""
        doi = f". doi:{self.doi}" if self.doi else ""
        return f"{self.reference}{doi}" + ("" if self.verified else f" {UNSEEN}")


def short_form(reference: str) -> str:
    """First author and year, as a card shows it."""
    author = reference.split(" ", 1)[0].rstrip(",.")
    years = [w for w in reference.replace(";", " ").split() if _is_year(w)]
    return f"{author} {years[0]}" if years else author


def _is_year(word: str) -> bool:
    return len(word) == 4 and word.isdigit() and word[:2] in {"19", "20"}


@dataclass(frozen=True, slots=True)
class View:
    """A programme's stance on a kind of medication."""

    stance: Stance
    text: str = ""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Study:
    """The evidence of a programme for one need."""

    need: str
    grade: Grade
    citations: tuple[str, ...] = ()
    note: str = ""
    short: str = ""  # author and year of the first two
    references: tuple[str, ...] = ()  # the citations, as a reader cites them


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One reason why something is not offered; each field that is set must hold."""

    reason: str
    need: str = ""
    severity: str = ""
    stage: str = ""
    group: str = ""
    rule: str = ""
    level: str = ""
    score: str = ""
    at_least: float | None = None
    below: float | None = None
    min_age: int | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """What must be said before a programme is offered: codes alone are not enough."""

    kind: Literal["pick", "faith", "text"]
    text: str
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Ages:
    min: int | None = None
    max: int | None = None

    def hold(self, years: int | None) -> bool:
        """Whether an age falls in the band; an unknown age does."""
        if years is None:
            return True
        low = self.min is None or years >= self.min
        return low and (self.max is None or years <= self.max)


@dataclass(frozen=True, slots=True)
class Program:
    id: str
    name: str
    about: str
    needs: Mapping[str, Role]
    audience: Literal["self", "family", "both"]
    approach: tuple[str, ...]
    kind: Kind
    spirituality: int  # 0 secular, 1 optional, 2 spiritual, 3 religious
    goal: str
    psychiatric: View
    moud: View
    formats: tuple[str, ...]
    age: Ages
    gender: Literal["any", "women", "men"]
    languages: tuple[str, ...]
    cost: str
    aka: tuple[str, ...] = ()
    age_verified: bool = False
    any_language: bool = False
    countries: tuple[str, ...] = ()
    worldwide: bool = False
    online_anywhere: bool = False
    url: str = ""
    country_urls: Mapping[str, str] = field(default_factory=dict)
    url_verified: bool = False
    evidence: Mapping[str, Study] = field(default_factory=dict)
    factors: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    tags: tuple[str, ...] = ()
    requires: Requirement | None = None
    facts: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    featured: bool = False  # breaks ties; never a payment
    weight: float = 1.0  # a site's own factor

    def url_in(self, country: str) -> str:
        return self.country_urls.get(country, self.url)


@dataclass(frozen=True, slots=True)
class SingleSessionEntry:
    id: str
    name: str
    about: str
    targets: tuple[str, ...]
    age: Ages
    delivery: str
    minutes: int | None
    grade: Grade
    citations: tuple[str, ...]
    note: str
    url: str
    languages: tuple[str, ...]
    exclusions: tuple[Exclusion, ...] = ()
    active_only: bool = False
    requires: tuple[str, ...] = ()
    youth_default: bool = False
    in_visit: bool = False


@dataclass(frozen=True, slots=True)
class HelpLine:
    id: str
    name: str
    topic: str
    countries: tuple[str, ...]
    how: str
    note: str
    url: str
    number_seen: bool
    last_checked: date | None
    languages: tuple[str, ...] = ()

    @property
    def checked(self) -> str:
        """When a site last confirmed the number, in words."""
        if self.last_checked is None:
            return "not checked"
        return f"checked {self.last_checked.isoformat()}"
