"""From advice to the card that the EHR shows.

A summary is one of these sentences and nothing else: it names no substance, medicine,
fellowship or violence. Whatever comes from the chart goes through `markdown.plain`.

Source: CDS Hooks 2.0, "Card Attributes"; non-adherence reasons, AHRQ CDSiC 2025.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from plugin.cds_hooks.advice import Advice
from plugin.cds_hooks.markdown import plain
from plugin.cds_hooks.wording import Say
from plugin.chart.codes import SNOMED
from plugin.chart.collector import SUPPORT_GROUP
from plugin.matching.recommendation import Because, Recommended
from plugin.matching.recommendation import Warning as SafetyWarning

Json = dict[str, Any]

LABEL = "Choose groups with the patient"
LABEL_OF_WARNING = "Answer it in the app"
# The sheet of what all recommendations rest on; a rule's own sheet has the rule's id.
GROUPS_SHEET = "groups"

_SUMMARIES = {
    "warning": "A safety finding in this chart needs an answer before any referral.",
    "groups": "Self-help groups fit this patient: {count} to discuss.",
    "adjunct": "A self-help group can stand beside this treatment.",
    "refer": "Choose the group in the app, so that this order says what was agreed.",
    "complete": "A referral that you have signed can complete this order.",
}
_BEFORE_DISCHARGE = "Before discharge: self-help groups fit this patient, {count}."
_REASONS_SYSTEM = "http://cds-hooks.hl7.org/CodeSystem/non-adherence-reason"
_REASONS = (
    ("patient-refuses", "The patient does not want it"),
    ("prefers-alternative", "The patient prefers something else"),
    ("service-not-available", "No such group can be reached"),
    ("cultural-religious-reason", "A cultural or religious reason"),
)
OVERRIDE_REASONS = [
    {"code": code, "system": _REASONS_SYSTEM, "display": display}
    for code, display in _REASONS
]
_TOPICS = {
    "warning": ("225338004", "Risk assessment"),
    "": (SUPPORT_GROUP, "Referral to support group"),
}
_NOT_NAMED = (
    "A finding in this chart is not named on cards. Open the app when the patient is "
    "alone, and read it there."
)
_DECIDES_NOTHING = (
    "This card orders and files nothing. Which meetings are near is shown in the app."
)
_CHOOSE_AND_SIGN = (
    "Open the app, choose with the patient, and sign there. Then sign this order "
    "again: it can be completed from what was signed."
)
_SIGNED_BY_YOU = (
    "Signed by you on {day}. The order below is the one in the ledger, with the "
    "identifier {id}: take it in place of the draft, so that there is one order and "
    "not two."
)
_STANDS_ALREADY = (
    "It stands in the record already as {reference}: then remove the draft instead."
)
_MOST_LINES = 3


@dataclass(frozen=True, slots=True)
class Suggested:
    """A suggestion: `resource` is the ledger's order as it would be written."""

    id: str
    label: str
    resource: Json


@dataclass(frozen=True, slots=True)
class Writer:
    """Takes: the address of the app, without a slash at its end."""

    public_url: str

    def card(
        self,
        advice: Advice,
        card_id: str,
        service: str,
        suggested: Sequence[Suggested] = (),
        say: Say = str,
    ) -> Json:
        is_warning = advice.kind == "warning"
        card: Json = {
            "uuid": card_id,
            "summary": _summary(advice, service, say),
            "detail": "\n".join(_detail(advice, say)).strip(),
            "indicator": "warning" if is_warning else "info",
            "source": self._source(advice, say),
            "links": [
                {
                    "label": say(LABEL_OF_WARNING if is_warning else LABEL),
                    "url": f"{self.public_url}/launch",
                    "type": "smart",
                    "appContext": orjson.dumps({"card": card_id}).decode(),
                }
            ],
        }
        if not is_warning:
            card["overrideReasons"] = [
                reason | {"display": say(reason["display"])}
                for reason in OVERRIDE_REASONS
            ]
        if suggested:
            card["suggestions"] = [_suggestion(one) for one in suggested]
            card["selectionBehavior"] = "any"
        return card

    def _source(self, advice: Advice, say: Say) -> Json:
        sheet, label = GROUPS_SHEET, say("Self-help referral")
        if advice.warnings:
            sheet = advice.warnings[0].id
        if advice.knowledge_version:
            version = advice.knowledge_version
            label = say("Self-help referral, rules {version}").format(version=version)
        code, display = _TOPICS.get(advice.kind, _TOPICS[""])
        return {
            "label": label,
            "url": f"{self.public_url}/rules/{sheet}",
            "topic": {"system": SNOMED, "code": code, "display": display},
        }


def _summary(advice: Advice, service: str, say: Say) -> str:
    text = _SUMMARIES[advice.kind]
    if advice.kind == "groups" and service == "encounter-discharge":
        text = _BEFORE_DISCHARGE
    return say(text).format(count=len(advice.programs))


def _suggestion(one: Suggested) -> Json:
    return {
        "label": one.label,
        "uuid": one.id,
        "actions": [
            {"type": "create", "description": one.label, "resource": one.resource}
        ],
    }


def _detail(advice: Advice, say: Say) -> Iterable[str]:
    """Lines of Markdown. Each begins with words of ours."""
    if advice.kind == "warning":
        yield from _warnings(advice.warnings, say)
    elif advice.kind == "complete":
        yield from _signed(advice, say)
    elif advice.kind == "refer":
        yield say(_CHOOSE_AND_SIGN)
    elif not advice.hidden:
        yield from _groups(advice, say)
    if advice.hidden:
        yield ""
        yield say(_NOT_NAMED)
    if advice.could_not_check:
        sources = ", ".join(plain(say(one)) for one in advice.could_not_check)
        yield ""
        yield say("Could not check: {sources}. That is not the same as none.").format(
            sources=sources
        )
    if advice.kind in ("groups", "adjunct"):
        yield ""
        yield say(_DECIDES_NOTHING)


def _warnings(warnings: Iterable[SafetyWarning], say: Say) -> Iterable[str]:
    for warning in warnings:
        rule = say("rule {id}").format(id=plain(warning.id))
        yield f"**{plain(warning.title)}** ({rule})"
        yield ""
        for line in (warning.text, *warning.must):
            yield f"- {plain(line)}"
        yield from _because(warning.because, say)
        yield ""


def _groups(advice: Advice, say: Say) -> Iterable[str]:
    for program in advice.programs:
        yield from _program(program, say)
    if not advice.programs:
        for need in advice.needs:
            yield f"{say('To ask')}: {plain(need.question or need.name)}"
            yield ""
        yield say("If so, groups that welcome the medicine are listed in the app.")
    yield from _because((b for need in advice.needs for b in need.because), say)


def _program(program: Recommended, say: Say) -> Iterable[str]:
    yield f"**{plain(program.name)}**"
    yield ""
    for line in program.reasons:
        yield f"- {plain(line)}"
    for caution in program.cautions[:_MOST_LINES]:
        yield f"- {say('Mind')}: {plain(caution)}"
    for reference in program.evidence.references[:_MOST_LINES]:
        yield f"- {say('Source')}: {plain(reference)}"
    yield ""


def _because(lines: Iterable[Because], say: Say) -> Iterable[str]:
    seen = dict.fromkeys((line.display, line.code) for line in lines)
    for display, code in list(seen)[:_MOST_LINES]:
        coded = f" ({plain(code, 60)})" if code else ""
        named = plain(display) if display else say("a coded entry")
        yield f"- {say('In the chart')}: {named}{coded}"


def _signed(advice: Advice, say: Say) -> Iterable[str]:
    assert advice.filed is not None
    signed = advice.filed.signed
    yield say(_SIGNED_BY_YOU).format(
        day=f"{signed.signed_at:%Y-%m-%d}", id=plain(signed.id)
    )
    for part in advice.filed.resources:
        if (part.type, part.act, part.status) == ("ServiceRequest", 1, "written"):
            yield ""
            yield say(_STANDS_ALREADY).format(reference=plain(part.reference))
