"""Codes and security labels that our resources carry, each with its source."""

from collections.abc import Mapping
from typing import Any, Final

from plugin.referral.signed import SignedReferral

SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

# Source: SNOMED CT, as used in eCQM content; US Core's ServiceRequest category codes.
REFERRAL_CODE: Final = "711281004"
REFERRAL: Final = {
    "system": SNOMED,
    "code": REFERRAL_CODE,
    "display": "Referral to support group (procedure)",
}
SOCIAL_SERVICE: Final = {
    "system": SNOMED,
    "code": "410606002",
    "display": "Social service procedure (procedure)",
}

# Source: LOINC; a site chooses one of these.
NOTE_TYPES: Final[Mapping[str, str]] = {
    "11488-4": "Consult note",
    "34109-9": "Note",
    "57133-1": "Referral note",
}

CLINICAL_NOTE: Final = {
    "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
    "code": "clinical-note",
    "display": "Clinical Note",
}
# Source: IHE format codes; US Core names this one for plain content.
MIME_TYPE_SUFFICIENT: Final = {
    "system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
    "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient",
    "display": "mimeType Sufficient",
}

RESTRICTED: Final = {"system": CONFIDENTIALITY, "code": "R", "display": "restricted"}
PART2: Final = {"system": ACT_CODE, "code": "42CFRPart2", "display": "42 CFR Part2"}

# 42 CFR 2.32(a)(2): the short form of the notice that goes with each disclosure.
PART2_NOTICE: Final = (
    "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
)


def tells_part2(signed: SignedReferral) -> bool:
    """Whether what is written is a disclosure under 42 CFR Part 2."""
    return signed.named and signed.part2


def security(signed: SignedReferral) -> list[dict[str, Any]]:
    """The labels of what is written for a referral.

    The label that names Part 2 tells by itself of substance-use treatment, so it goes
    only where the record says as much anyway.
    """
    if tells_part2(signed):
        return [dict(RESTRICTED), dict(PART2)]
    return [dict(RESTRICTED)] if signed.restricted else []
