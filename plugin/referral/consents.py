"""Whether a written consent under 42 CFR Part 2 stands in the chart.

A radio button is none (clinical-review R5): only a Consent resource that names Part 2
as its policy counts, and one that denies, or was taken back, is louder than one that
permits.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from plugin.chart.chart import Chart, Consent

# Source: HL7 v3 ActCode 42CFRPart2, and the policy's address as charts write it.
_PART2: Final = ("42cfrpart2", "42-cfr-part-2", "ecfr.gov/current/title-42/", "part-2")
_NOT_IN_FORCE: Final = frozenset({"draft", "proposed", "entered-in-error", "rejected"})


@dataclass(frozen=True, slots=True)
class Part2Consent:
    """`reference` is the consent that holds, "" for none; `refused`, that the patient
    said no in writing."""

    reference: str = ""
    refused: bool = False


NO_CONSENT: Final = Part2Consent()


def part2_consent(chart: Chart, on: date) -> Part2Consent:
    """What the chart's consents say on that day.

    A chart whose consents could not be read, or only in part, has none to go by.
    """
    about = [c for c in chart.consents if _is_part2(c) and not _is_over(c, on)]
    if any(c.status == "active" and c.provision == "deny" for c in about):
        return Part2Consent(refused=True)
    if {"Consent"} & {*chart.could_not_check, *chart.incomplete}:
        return Part2Consent()
    return Part2Consent(next((c.reference for c in about if _permits(c)), ""))


def _permits(consent: Consent) -> bool:
    return consent.status == "active" and consent.provision in ("permit", "")


def _is_part2(consent: Consent) -> bool:
    return consent.status not in _NOT_IN_FORCE and any(
        mark in policy.lower() for policy in consent.policies for mark in _PART2
    )


def _is_over(consent: Consent, on: date) -> bool:
    """A period whose end cannot be read is over: nothing is disclosed on a guess."""
    if not consent.period_end:
        return False
    try:
        return date.fromisoformat(_whole(consent.period_end)) < on
    except ValueError:
        return True


def _whole(recorded: str) -> str:
    """FHIR allows a year or a month alone: it ends with its first day, to be safe."""
    return (recorded[:10] + "-01-01")[:10] if len(recorded) < 10 else recorded[:10]
