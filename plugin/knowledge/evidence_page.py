"""What a clinician asks about a programme: evidence, limits, concerns, how it works.

The grade and the citations are those of the knowledge base; the words are chosen by
what it says of the programme, so that a site's own programme has a page as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.programs import Program
from plugin.knowledge.programs import Study as Graded

Json = dict[str, Any]
AS_CITED, NO_STUDY = "as-cited", "none"
OF_A_GROUP = ("group cohesiveness", "instillation of hope", "universality")


@dataclass(frozen=True, slots=True)
class StudyText:
    """What one cited study did and found."""

    citation: str
    reference: str  # with its DOI, and a mark where no source of it was seen
    text: str
    verified: bool


@dataclass(frozen=True, slots=True)
class GradeText:
    """The evidence for one need."""

    need: str
    need_name: str
    grade: str
    meaning: str  # what this letter means
    rests_on: str  # what the grade rests on here
    studies: tuple[StudyText, ...]


@dataclass(frozen=True, slots=True)
class Concern:
    kind: str
    question: str
    answer: str
    citations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Theme:
    """One way in which such groups work."""

    kind: str
    title: str
    text: str
    citations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvidencePage:
    program: str
    language: str
    name: str
    grades: tuple[GradeText, ...]
    ungraded: tuple[str, ...]  # names of needs it is offered for without a grade
    concerns: tuple[Concern, ...]
    themes: tuple[Theme, ...]
    limits: tuple[str, ...]
    sources: tuple[StudyText, ...]  # all that the page cites, once, in its order
    labels: Mapping[str, str]  # by citation: author and year, as the page names it


def evidence_page_of(
    data: Json, program: Program, knowledge: Knowledge, language: str
) -> EvidencePage:
    """The page of one programme. Takes the data of evidence.json."""
    writing = _Writing(data, knowledge, language)
    own: Json = next((r for r in data["programs"] if r["id"] == program.id), {})
    graded = program.evidence.values()
    concerns, themes = tuple(writing.concerns(program)), tuple(writing.themes(program))
    cited = [key for study in graded for key in study.citations]
    cited += [key for concern in concerns for key in concern.citations]
    cited += [key for theme in themes for key in theme.citations]
    cited = list(dict.fromkeys(cited))
    return EvidencePage(
        program=program.id,
        language=language,
        name=program.name,
        grades=tuple(writing.grade(g, own.get("rests_on", {})) for g in graded),
        ungraded=tuple(
            knowledge.need(n).name for n in program.needs if n not in program.evidence
        ),
        concerns=concerns,
        themes=themes,
        limits=tuple(writing.limits(program, own)),
        sources=tuple(writing.study(key) for key in cited),
        labels=labels_of(cited, knowledge),
    )


def labels_of(cited: Sequence[str], knowledge: Knowledge) -> dict[str, str]:
    """Author and year of each; with a letter where two papers would read alike."""
    alike: dict[str, list[str]] = {}
    for key in cited:
        alike.setdefault(knowledge.citation(key).short, []).append(key)
    return {
        key: short + (chr(ord("a") + place) if len(keys) > 1 else "")
        for short, keys in alike.items()
        for place, key in enumerate(keys)
    }


@dataclass(frozen=True, slots=True)
class _Writing:
    """The sentences of one page, in one language."""

    data: Json
    knowledge: Knowledge
    language: str

    def grade(self, graded: Graded, rests_on: Mapping[str, str]) -> GradeText:
        without = AS_CITED if graded.citations else NO_STUDY
        key = rests_on.get(graded.need, without)
        return GradeText(
            need=graded.need,
            need_name=self.knowledge.need(graded.need).name,
            grade=graded.grade,
            meaning=self.data["grades"][graded.grade][self.language],
            rests_on=self.data["rests_on"][key][self.language],
            studies=tuple(self.study(key) for key in graded.citations),
        )

    def study(self, key: str) -> StudyText:
        citation = self.knowledge.citation(key)
        told = self.data["studies"].get(key)
        text = told[self.language] if told else citation.finding
        return StudyText(key, citation.full, text, citation.verified)

    def concerns(self, program: Program) -> Iterable[Concern]:
        for kind, answer in concerns_of(program):
            asked = self.data["concerns"][kind]
            said = asked["answers"][answer]
            yield Concern(
                kind,
                asked["question"][self.language],
                said[self.language],
                tuple(said["citations"]),
            )

    def themes(self, program: Program) -> Iterable[Theme]:
        for kind, answer in themes_of(program):
            theme = self.data["themes"][kind]
            said = theme["answers"][answer] if answer else theme["text"]
            title, text = theme["title"][self.language], said[self.language]
            yield Theme(kind, title, text, tuple(said["citations"]))

    def limits(self, program: Program, own: Json) -> Iterable[str]:
        yield from (limit[self.language] for limit in own.get("limits", ()))
        for key in limits_of(program):
            yield self.data["limits"][key][self.language]


def concerns_of(program: Program) -> Iterable[tuple[str, str]]:
    """Which concerns a programme raises, and which answer holds for it."""
    steps = program.kind == "twelve-step"
    family = program.audience == "family"
    yield "spirituality", str(program.spirituality)
    yield "medication", program.psychiatric.stance
    if steps and not family:
        yield "pressure", "steps"
    if program.moud.stance != "not_applicable":
        yield "opioid_medication", program.moud.stance
    grades = sorted(study.grade for study in program.evidence.values())
    yield "evidence", grades[0] if grades else "none"
    fit = "family" if family else "steps" if steps else "other"
    yield "psychotherapy", fit
    yield "workload", "steps" if steps and not family else "other"


def themes_of(program: Program) -> Iterable[tuple[str, str]]:
    """Which of the ways of working hold for a programme; "" where there is one text."""
    if "sponsorship" in program.factors:
        yield "sponsorship", ""
    if "helper therapy principle" in program.factors:
        yield "helper_therapy", ""
    if any(factor in program.factors for factor in OF_A_GROUP):
        yield "group_factors", ""
    if "24/7-online" in program.tags:
        yield "availability", "around-the-clock"
    elif {"online", "phone"} & set(program.formats):
        yield "availability", "from-home"
    else:
        yield "availability", "in-person"


def limits_of(program: Program) -> Iterable[str]:
    """What is not known of a programme, beside what its own limits say."""
    yield "choice"
    stances = (program.psychiatric, program.moud)
    if any(s.stance != "not_applicable" and not s.verified for s in stances):
        yield "stance"
    if not program.age_verified:
        yield "ages"
    if program.url and not program.url_verified:
        yield "address"
    yield "review"
