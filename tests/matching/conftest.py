"""Charts for the tests of matching, written as a reader of charts would."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from plugin.chart.bundle import chart_from_bundle
from plugin.chart.chart import Chart
from plugin.directory.meeting import MeetingsWanted, Occurrence
from plugin.knowledge.load import Knowledge, load_knowledge
from plugin.matching.recommend import recommend
from plugin.matching.recommendation import Preferences, Recommendation

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
SYSTEMS = {
    "icd": "http://hl7.org/fhir/sid/icd-10-cm",
    "who": "http://hl7.org/fhir/sid/icd-10",
    "sct": "http://snomed.info/sct",
    "none": "",
    "local": "https://ehr.example/codes",
}
ME = {"reference": "Patient/p1"}
Json = dict[str, Any]


def coding(written: str) -> Json:
    """`F10.20`, or with its system in front: `sct:66590003`."""
    name, _, code = written.rpartition(":")
    system = SYSTEMS[name or "icd"]
    return {"code": code, **({"system": system} if system else {})}


def condition(number: int, written: str | Mapping[str, Any]) -> Json:
    """A code, or a mapping: codes, text, clinical, verification, category, on."""
    said = {"codes": [written]} if isinstance(written, str) else dict(written)
    resource: Json = {
        "resourceType": "Condition",
        "id": str(said.get("id", number)),
        "subject": said.get("subject", ME),
        "code": {"coding": [coding(c) for c in said.get("codes", [])]},
    }
    if "clinical" not in said or said["clinical"]:
        code = said.get("clinical", "active")
        resource["clinicalStatus"] = {"coding": [{"code": code}]}
    if "verification" in said:
        resource["verificationStatus"] = {"coding": [{"code": said["verification"]}]}
    if "text" in said:
        resource["code"]["text"] = said["text"]
    if "category" in said:
        names = said["category"].split()
        resource["category"] = [{"coding": [{"code": name}]} for name in names]
    if "on" in said:
        resource["recordedDate"] = said["on"]
    if "onset" in said:
        resource["onsetDateTime"] = said["onset"]
    if "encounter" in said:
        resource["encounter"] = {"reference": said["encounter"]}
    return resource


def score(number: int, loinc: str, value: Any, on: str | None = "2026-02-20") -> Json:
    resource: Json = {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "subject": ME,
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
    }
    if isinstance(value, bool):
        resource["valueBoolean"] = value
    elif isinstance(value, int | float):
        resource["valueQuantity"] = {"value": value}
    else:
        resource |= value
    if on:
        resource.setdefault("effectiveDateTime", on)
    return resource


def medicine(number: int, written: str) -> Json:
    """`rx:1819` a code, anything else the words of it."""
    concept: Json = {"text": written}
    if written.startswith("rx:"):
        system = "http://www.nlm.nih.gov/research/umls/rxnorm"
        concept = {"coding": [{"system": system, "code": written[3:]}]}
    return {
        "resourceType": "MedicationRequest",
        "id": f"m{number}",
        "status": "active",
        "intent": "order",
        "subject": ME,
        "medicationCodeableConcept": concept,
    }


def bundle_of(
    conditions: Sequence[str | Mapping[str, Any]] = (),
    scores: Mapping[str, Any] | Sequence[Json] = (),
    medicines: Sequence[str] = (),
    *,
    age: int | None = 40,
    gender: str = "male",
    country: str = "US",
    more: Sequence[Json] = (),
) -> bytes:
    patient: Json = {"resourceType": "Patient", "id": "p1", "gender": gender}
    if age is not None:
        patient["birthDate"] = f"{AT.year - age - 1}-06-01"
    if country:
        patient["address"] = [{"country": country}]
    results = (
        [score(i, c, v) for i, (c, v) in enumerate(scores.items(), 1)]
        if isinstance(scores, Mapping)
        else list(scores)
    )
    resources = [
        patient,
        *(condition(i, c) for i, c in enumerate(conditions, 1)),
        *results,
        *(medicine(i, m) for i, m in enumerate(medicines, 1)),
        *more,
    ]
    entries = [{"resource": resource} for resource in resources]
    return orjson.dumps(
        {"resourceType": "Bundle", "type": "collection", "entry": entries}
    )


@dataclass(slots=True)
class FakeDirectory:
    """Answers for every programme from a table, and counts how often it is asked."""

    meetings: Mapping[str, Sequence[Occurrence]] = field(default_factory=dict)
    asked: list[MeetingsWanted] = field(default_factory=list)

    def find(self, wanted: MeetingsWanted) -> Mapping[str, Sequence[Occurrence]]:
        self.asked.append(wanted)
        return {p: self.meetings.get(p, ()) for p in wanted.programs}


@dataclass(frozen=True, slots=True)
class Answered:
    """A recommendation, and short ways to look at it."""

    r: Recommendation

    @property
    def programs(self) -> list[str]:
        return [p.id for p in self.r.programs]

    @property
    def levels(self) -> dict[str, str]:
        return {w.id: w.level for w in self.r.warnings}

    @property
    def stages(self) -> dict[str, str]:
        return {n.id: n.stage for n in self.r.needs}

    @property
    def sessions(self) -> list[str]:
        return [s.id for s in self.r.single_sessions]

    @property
    def removed(self) -> dict[str, str]:
        return {m.id: m.reason for m in self.r.removed}

    def warning(self, rule: str) -> Any:
        return next(w for w in self.r.warnings if w.id == rule)

    def need(self, need: str) -> Any:
        return next(n for n in self.r.needs if n.id == need)


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="session")
def at() -> datetime:
    return AT


@pytest.fixture(scope="session")
def bundle() -> Callable[..., bytes]:
    return bundle_of


@pytest.fixture(scope="session", name="score")
def score_of() -> Callable[..., Json]:
    return score


@pytest.fixture(scope="session")
def chart() -> Callable[..., Chart]:
    return lambda *parts, **more: chart_from_bundle(bundle_of(*parts, **more), AT)


@pytest.fixture(scope="session")
def altered(knowledge: Knowledge) -> Callable[..., Knowledge]:
    """The knowledge base with some fields of some programmes changed."""

    def change(programs: Mapping[str, Mapping[str, Any]]) -> Knowledge:
        changed = {n: replace(knowledge.program(n), **c) for n, c in programs.items()}
        return replace(knowledge, programs={**knowledge.programs, **changed})

    return change


@pytest.fixture
def directory() -> FakeDirectory:
    return FakeDirectory()


@pytest.fixture(scope="session")
def answer(knowledge: Knowledge) -> Callable[..., Answered]:
    """Recommend for a chart written in short; `wishes` and `asks` are passed on."""

    def ask(
        *parts: Any,
        wishes: Preferences | None = None,
        asks: Mapping[str, Any] | None = None,
        find: Any = None,
        rules: Knowledge | None = None,
        **more: Any,
    ) -> Answered:
        chart = chart_from_bundle(bundle_of(*parts, **more), AT)
        return Answered(
            recommend(
                chart,
                rules or knowledge,
                wishes or Preferences(),
                at=AT,
                find_meetings=find or FakeDirectory().find,
                **(asks or {}),
            )
        )

    return ask
