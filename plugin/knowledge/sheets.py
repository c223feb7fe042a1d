"""The rule sheet: what a rule rests on, for the clinician who asks.

Source: 45 CFR 170.315(b)(11)(iv)(A), source attributes of evidence-based decision
support.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from plugin.knowledge.knowledge import Knowledge

_DEMOGRAPHIC = {
    "race": "Race",
    "ethnicity": "Ethnicity",
    "language": "Language",
    "sexual_orientation": "Sexual orientation",
    "gender_identity": "Gender identity",
    "sex": "Sex",
    "date_of_birth": "Date of birth",
    "social_determinants": "Social determinants of health",
    "health_status_assessments": "Health status assessments",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """The thirteen attributes, and what else is known of a rule."""

    rule: str
    title: str
    version: str
    citation: tuple[str, ...]
    developer: str
    funding: str
    released: str
    uses: Mapping[str, bool]
    limits: str
    triggers: tuple[str, ...]
    validation: str
    fairness: str

    def lines(self) -> Iterable[tuple[str, str]]:
        yield "Rule", f"{self.rule} {self.title}"
        yield "Version", self.version
        yield "Fires on", "; ".join(self.triggers)
        yield "Source", "; ".join(self.citation)
        yield "Developer", self.developer
        yield "Funding", self.funding
        yield "Released", self.released
        for name, title in _DEMOGRAPHIC.items():
            yield f"Uses {title.lower()}", "yes" if self.uses[name] else "no"
        yield "Known limits", self.limits or "none known"
        yield "Validation", self.validation
        yield "Fairness", self.fairness


def sheet_of(rule_id: str, knowledge: Knowledge) -> Sheet:
    rule = knowledge.rule(rule_id)
    by_age = rule.age_below is not None or any(s.min_age for s in rule.scores)
    uses = dict.fromkeys(_DEMOGRAPHIC, False)
    uses["date_of_birth"] = by_age
    uses["health_status_assessments"] = bool(rule.scores)
    uses["social_determinants"] = any(t.groups == ("debts",) for t in rule.together)
    attributes = knowledge.attributes
    return Sheet(
        rule=rule.id,
        title=rule.title,
        version=knowledge.version,
        citation=rule.sources,
        developer=attributes["developer"],
        funding=attributes["funding"],
        released=knowledge.released,
        uses=uses,
        limits=rule.limits,
        triggers=tuple(_triggers(rule_id, knowledge)),
        validation=attributes["validation"],
        fairness=attributes["fairness"],
    )


def _triggers(rule_id: str, knowledge: Knowledge) -> Iterable[str]:
    rule = knowledge.rule(rule_id)
    for trigger in rule.codes:
        named = [*trigger.icd10cm, *sorted(trigger.snomed)]
        if trigger.pattern:
            named.append(f"codes like {trigger.pattern}")
        yield f"{trigger.level}: {', '.join(named)}"
    for score in rule.scores:
        asked = ", ".join(score.answers) or f"from {score.at_least}"
        if score.at_least is None and score.below is not None:
            asked = f"below {score.below:g}"
        yield f"{score.level}: LOINC {score.loinc} {asked}, last {score.days} days"
    for medicine in rule.medicines:
        yield f"{medicine.level}: {medicine.ingredient}"
    for together in rule.together:
        yield f"{together.level}: {' with '.join([*together.needs, *together.groups])}"
    if rule.age_below is not None:
        yield f"{rule.level}: age below {rule.age_below}"
