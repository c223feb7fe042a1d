"""From plain FHIR JSON to the values of the chart, one resource at a time.

Each function takes a resource as the server sent it and gives a value, or raises
`Unusable` with the reason. Nothing here trusts a shape: what is missing stays empty.
"""

import hashlib
from typing import cast, get_args

import orjson

from plugin.chart.chart import (
    ClinicalStatus,
    Condition,
    Consent,
    EarlierReferral,
    Encounter,
    VerificationStatus,
)
from plugin.chart.errors import Unusable
from plugin.chart.json_shapes import (
    Json,
    codings,
    concept_text,
    first_code,
    many,
    one,
    text,
)
from plugin.chart.references import reference_of

_RESTRICTED = {"R", "V"}
_CLINICAL = frozenset(get_args(ClinicalStatus))
_VERIFICATION = frozenset(get_args(VerificationStatus))


def version(resource: Json) -> str:
    """meta.versionId, else a hash of the entry as it was read."""
    stated = text(one(resource.get("meta")).get("versionId"))
    if stated:
        return stated
    try:
        canonical = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # not JSON: only a caller's own dictionary can be
        return ""
    return "sha256:" + hashlib.sha256(canonical).hexdigest()[:32]


def is_restricted(resource: Json) -> bool:
    labels = many(one(resource.get("meta")).get("security"))
    return any(text(label.get("code")) in _RESTRICTED for label in labels)


def refuse_modifiers(resource: Json) -> None:
    """A modifierExtension may turn the meaning round: unknown ones are not used.

    Source: FHIR R4, "Extensibility", isModifier.
    """
    for extension in many(resource.get("modifierExtension")):
        url = text(extension.get("url"))
        if "family" in url.lower():
            raise Unusable("it is about the patient's family, not the patient")
        name = url.rsplit("/", 1)[-1] or "without a name"
        raise Unusable(f"it carries a modifier that is not known here: {name}")


def condition_of(resource: Json, reference: str) -> Condition:
    refuse_modifiers(resource)
    found = codings(resource.get("code"))
    words = concept_text(resource.get("code"))
    if not found and not words:
        raise Unusable("it has no code and no text")
    return Condition(
        reference=reference,
        codings=found,
        text=words,
        clinical_status=_clinical_status(resource),
        verification_status=cast(
            "VerificationStatus",
            _listed(first_code(resource.get("verificationStatus")), _VERIFICATION),
        ),
        categories=frozenset(c.code for c in codings(resource.get("category"))),
        encounter=reference_of(resource.get("encounter")),
        onset=text(resource.get("onsetDateTime"))
        or text(one(resource.get("onsetPeriod")).get("start")),
        recorded=text(resource.get("recordedDate")),
        version=version(resource),
        restricted=is_restricted(resource),
    )


def _clinical_status(resource: Json) -> ClinicalStatus:
    status = _listed(first_code(resource.get("clinicalStatus")), _CLINICAL)
    abated = any(key.startswith("abatement") for key in resource)
    if status == "unknown" and abated:
        status = "resolved"
    return cast("ClinicalStatus", status)


def _listed(code: str, known: frozenset[str]) -> str:
    return code.lower() if code.lower() in known else "unknown"


def encounter_of(resource: Json, reference: str) -> Encounter:
    period = one(resource.get("period"))
    return Encounter(
        reference=reference,
        id=reference.partition("/")[2],
        status=text(resource.get("status")),
        start=text(period.get("start")),
        end=text(period.get("end")),
        kind=concept_text(resource.get("type")),
        location=text(
            one(one(resource.get("location")).get("location")).get("display")
        ),
    )


def consent_of(resource: Json, reference: str) -> Consent:
    provision = one(resource.get("provision"))
    policies = [text(p.get("uri")) for p in many(resource.get("policy"))]
    policies += [c.code for c in codings(resource.get("policyRule"))]
    return Consent(
        reference=reference,
        status=text(resource.get("status")),
        scope=first_code(resource.get("scope")),
        provision=text(provision.get("type")),
        period_end=text(one(provision.get("period")).get("end")),
        policies=tuple(p for p in policies if p),
    )


def referral_of(resource: Json, reference: str) -> EarlierReferral:
    identifiers = [text(i.get("value")) for i in many(resource.get("identifier"))]
    requester = one(resource.get("requester"))
    return EarlierReferral(
        reference=reference,
        status=text(resource.get("status")),
        authored=text(resource.get("authoredOn")),
        requester=text(requester.get("display")) or reference_of(requester),
        text=concept_text(resource.get("orderDetail"))
        or concept_text(resource.get("code")),
        identifiers=tuple(i for i in identifiers if i),
    )
