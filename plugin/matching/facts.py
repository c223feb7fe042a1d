"""What the chart says, made ready for needs and rules: every code in one form."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from plugin.chart.chart import Chart, Coding, Condition, Medication
from plugin.chart.codes import as_icd10cm, is_misfiled, plain, system_of
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.rules import GroupIndex, Ingredient, When
from plugin.matching.moments import age_in_years, is_within, moment
from plugin.matching.recommendation import Because
from plugin.matching.scores import Scores, scores_of
from plugin.matching.sentences import sentence

_STATE: dict[str, When] = {
    "inactive": "inactive",
    "remission": "inactive",
    "resolved": "resolved",
}
_UNUSED = {"refuted", "entered-in-error"}
_QUESTIONED = {"unconfirmed", "provisional", "differential"}
_TAKEN = {"active", "on-hold", "unknown"}


@dataclass(frozen=True, slots=True)
class ReadCode:
    """A coding in the form in which codes are compared."""

    system: str  # icd-10-cm, snomed or other
    code: str
    coding: Coding
    by_kind: bool = False  # `code` is what the coding's own code is a kind of


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of the chart that may be used."""

    condition: Condition
    codes: tuple[ReadCode, ...]
    recorded: str  # the day that counts, as recorded
    state: When  # current, inactive (or in remission), resolved
    questioned: bool  # unconfirmed, provisional, differential, or misfiled
    old_encounter: bool  # an encounter diagnosis of another, older encounter
    misfiled: bool  # a code has the form of another system than it names
    words: str  # all the words of the problem, in lower case
    has_known_code: bool

    def because(self, read: ReadCode | None = None) -> Because:
        coding = read.coding if read else Coding("", "")
        return Because(
            self.condition.reference,
            coding.system,
            coding.code,
            self._marked(coding.display or self.condition.text),
            self.questioned,
        )

    def _marked(self, words: str) -> str:
        if not self.questioned:
            return words
        return sentence("%(words)s (unconfirmed?)", words=words)


@dataclass(frozen=True, slots=True)
class Taken:
    """A medicine of the chart that matters here."""

    ingredient: Ingredient
    because: Because


@dataclass(frozen=True, slots=True)
class Facts:
    at: datetime
    patient: str  # reference
    age: int | None
    gender: str
    country: str
    findings: tuple[Finding, ...]
    scores: Scores
    medicines: tuple[Taken, ...]
    groups: Mapping[str, tuple[Because, ...]]  # code groups that stand in the chart
    set_aside: tuple[Condition, ...] = ()  # refuted, or entered in error


def facts_of(
    chart: Chart, knowledge: Knowledge, at: datetime, country: str | None
) -> Facts:
    starts = {e.reference: e.start for e in chart.encounters}
    days = knowledge.encounter_diagnosis_days
    findings = [
        _finding(condition, starts, chart, days, at)
        for condition in chart.conditions
        if condition.verification_status not in _UNUSED
    ]
    findings.sort(key=lambda f: f.condition.reference)
    aside = [c for c in chart.conditions if c.verification_status in _UNUSED]
    return Facts(
        at=at,
        patient=chart.patient.reference,
        age=age_in_years(chart.patient.birth_date, at),
        gender=chart.patient.gender,
        country=_country(country or chart.patient.country),
        findings=tuple(findings),
        scores=scores_of(chart.observations, at),
        medicines=_medicines(chart.medications, knowledge.ingredients.values()),
        groups=_groups(findings, knowledge.groups, at),
        set_aside=tuple(sorted(aside, key=lambda c: c.reference)),
    )


def _country(country: str) -> str:
    code = country.strip().upper()
    return {"UK": "GB"}.get(code, code)


def _finding(
    condition: Condition,
    starts: Mapping[str, str],
    chart: Chart,
    days: int,
    at: datetime,
) -> Finding:
    recorded = _day_that_counts(condition, starts)
    codes = tuple(_codes(condition, chart.kinds))
    displays = [coding.display for coding in condition.codings]
    misfiled = any(is_misfiled(c.system, c.code) for c in condition.codings)
    return Finding(
        condition=condition,
        codes=codes,
        recorded=recorded,
        state=_STATE.get(condition.clinical_status, "current"),
        questioned=misfiled or condition.verification_status in _QUESTIONED,
        old_encounter=_is_old_encounter(condition, recorded, chart.encounter, days, at),
        misfiled=misfiled,
        words=" ".join([condition.text, *displays]).lower(),
        has_known_code=any(read.system != "other" for read in codes),
    )


def _codes(
    condition: Condition, kinds: Mapping[str, Sequence[str]]
) -> Iterable[ReadCode]:
    """The codes of a problem; behind each, what a terminology server takes it for."""
    for coding in condition.codings:
        read = _read(coding)
        yield read
        if read.system == "snomed":
            for listed in kinds.get(read.code, ()):
                yield replace(read, code=listed, by_kind=True)


def _read(coding: Coding) -> ReadCode:
    system = system_of(coding.system, coding.code)
    if is_misfiled(coding.system, coding.code):
        system = "snomed" if system == "icd-10-cm" else "icd-10-cm"
    if system == "icd-10-cm":
        return ReadCode(system, as_icd10cm(coding.system, coding.code), coding)
    if system == "snomed":
        return ReadCode(system, coding.code.strip(), coding)
    return ReadCode("other", plain(coding.code), coding)


def _day_that_counts(condition: Condition, starts: Mapping[str, str]) -> str:
    """The later of recorded and onset, else the start of its encounter."""
    stated = [d for d in (condition.recorded, condition.onset) if d]
    if stated:
        return max(stated, key=moment)
    return starts.get(condition.encounter, "")


def _is_old_encounter(
    condition: Condition, recorded: str, encounter: str, days: int, at: datetime
) -> bool:
    """An encounter diagnosis counts from this encounter or the last `days` only."""
    if "encounter-diagnosis" not in condition.categories:
        return False
    if "problem-list-item" in condition.categories:
        return False
    if encounter and condition.encounter == encounter:
        return False
    return not is_within(recorded, days, at)


def _medicines(
    medications: Iterable[Medication], ingredients: Iterable[Ingredient]
) -> tuple[Taken, ...]:
    known = tuple(ingredients)
    taken: dict[tuple[str, str], Taken] = {}
    for medication in medications:
        if medication.status.lower() not in _TAKEN:
            continue
        for ingredient in known:
            coding = _coding_of(medication, ingredient)
            if coding is not None:
                because = Because(
                    medication.reference,
                    coding.system,
                    coding.code,
                    coding.display or medication.text,
                )
                taken[ingredient.id, medication.reference] = Taken(ingredient, because)
    return tuple(taken[key] for key in sorted(taken))


def _coding_of(medication: Medication, ingredient: Ingredient) -> Coding | None:
    """The coding, or the words, by which a medication has an ingredient."""
    for coding in medication.codings:
        system = system_of(coding.system, coding.code)
        code = coding.code.strip()
        if system != "other" or not coding.system:
            listed = ingredient.snomed if system == "snomed" else ingredient.rxnorm
            if code in listed or (not coding.system and code in ingredient.rxnorm):
                return coding
    for coding in (*medication.codings, Coding("", "", medication.text)):
        if _names(coding.display, ingredient.names):
            return coding
    return None


def _names(words: str, names: Iterable[str]) -> bool:
    """Whether a name stands at the start of a word: methylnaltrexone is another."""
    padded = f" {words.lower()}".replace("/", " ").replace("-", " ").replace("[", " ")
    return any(f" {name}" in padded for name in names)


def _groups(
    findings: Iterable[Finding], groups: GroupIndex, at: datetime
) -> dict[str, tuple[Because, ...]]:
    found: dict[str, list[Because]] = {}
    for finding in findings:
        if finding.state != "current":
            continue
        for read in finding.codes:
            for group in groups.of(read.system, read.code):
                if group.days is None or is_within(finding.recorded, group.days, at):
                    found.setdefault(group.id, []).append(finding.because(read))
    return {name: tuple(lines) for name, lines in found.items()}
