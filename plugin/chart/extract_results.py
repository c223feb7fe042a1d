"""Results and medicines: Observation, QuestionnaireResponse, MedicationRequest."""

import re
from collections.abc import Callable, Iterator

from plugin.chart.chart import Coding, Medication, Observation
from plugin.chart.codes import LOINC
from plugin.chart.errors import Unusable
from plugin.chart.extract import refuse_modifiers, version
from plugin.chart.json_shapes import (
    Json,
    codings,
    concept_text,
    many,
    number,
    one,
    text,
)
from plugin.chart.references import plain_reference

_LOINC_LINK = re.compile(r"(?:^|/)(\d{1,7}-\d)$")
_ORDERED = {
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "",
}
MAX_DEPTH = 20

# Gives the Medication resource that a reference names, or None.
FindMedication = Callable[[str], Json | None]


def observations_of(resource: Json, reference: str) -> tuple[Observation, ...]:
    """The result itself and each of its components, as one value each."""
    refuse_modifiers(resource)
    effective = (
        text(resource.get("effectiveDateTime"))
        or text(resource.get("effectiveInstant"))
        or text(one(resource.get("effectivePeriod")).get("start"))
        or text(resource.get("issued"))
    )
    status = text(resource.get("status")) or "unknown"
    stamp = version(resource)

    def value_of(part: Json) -> Observation:
        amount, unit, answer, words = _value(part)
        return Observation(
            reference=reference,
            codings=codings(part.get("code")),
            value=amount,
            unit=unit,
            answer=answer,
            text=words,
            status=status,
            effective=effective,
            version=stamp,
        )

    parts = [resource, *many(resource.get("component"))]
    if not codings(resource.get("code")) and not concept_text(resource.get("code")):
        raise Unusable("it has no code")
    return tuple(value_of(part) for part in parts)


def _value(part: Json) -> tuple[float | None, str, tuple[Coding, ...], str]:
    """The number, unit, coded answer and words of a value[x] or an answer."""
    if isinstance(part.get("valueBoolean"), bool):
        said = bool(part["valueBoolean"])
        return float(said), "", (), "yes" if said else "no"
    if "valueQuantity" in part:
        quantity = one(part["valueQuantity"])
        unit = text(quantity.get("code")) or text(quantity.get("unit"))
        return number(quantity.get("value")), unit, (), ""
    if "valueCodeableConcept" in part:
        concept = part["valueCodeableConcept"]
        return None, "", codings(concept), concept_text(concept)
    if "valueCoding" in part:
        concept = {"coding": [part["valueCoding"]]}
        return None, "", codings(concept), concept_text(concept)
    words = text(part.get("valueString"))
    for key in ("valueInteger", "valueDecimal", "valueString"):
        amount = number(part.get(key))
        if amount is not None:
            return amount, "", (), words
    return None, "", (), words


def answers_of(resource: Json, reference: str) -> tuple[Observation, ...]:
    """The answers of a QuestionnaireResponse whose questions carry a LOINC code."""
    refuse_modifiers(resource)
    status = text(resource.get("status"))
    final = {"completed": "final", "amended": "amended"}.get(status, status)
    stamp = version(resource)
    found = []
    for item in _items(resource, 0):
        code = _question(item)
        for answer in many(item.get("answer")):
            if code:
                amount, unit, answered, words = _value(answer)
                found.append(
                    Observation(
                        reference=reference,
                        codings=(Coding(LOINC, code, text(item.get("text"))),),
                        value=amount,
                        unit=unit,
                        answer=answered,
                        text=words,
                        status=final or "unknown",
                        effective=text(resource.get("authored")),
                        version=stamp,
                    )
                )
    return tuple(found)


def _items(node: Json, depth: int) -> Iterator[Json]:
    if depth > MAX_DEPTH:
        return
    for item in many(node.get("item")):
        yield item
        yield from _items(item, depth + 1)
        for answer in many(item.get("answer")):
            yield from _items(answer, depth + 1)


def _question(item: Json) -> str:
    for key in ("linkId", "definition"):
        match = _LOINC_LINK.search(text(item.get(key)))
        if match:
            return match.group(1)
    return ""


def medication_of(
    resource: Json, reference: str, find: FindMedication
) -> Medication | None:
    """The ordered medicine; None for what was only proposed or planned."""
    refuse_modifiers(resource)
    if resource.get("doNotPerform") is True:
        return None
    if text(resource.get("intent")) not in _ORDERED:
        return None
    concept = _medicine(resource, find)
    found = codings(concept)
    words = concept_text(concept) or text(
        one(resource.get("medicationReference")).get("display")
    )
    if not found and not words:
        raise Unusable("the medicine it names could not be found")
    return Medication(
        reference=reference,
        codings=found,
        text=words,
        status=text(resource.get("status")) or "unknown",
        authored=text(resource.get("authoredOn")),
        version=version(resource),
    )


def _medicine(resource: Json, find: FindMedication) -> object:
    if "medicationCodeableConcept" in resource:
        return resource["medicationCodeableConcept"]
    target = text(one(resource.get("medicationReference")).get("reference"))
    if target.startswith("#"):
        for contained in many(resource.get("contained")):
            if text(contained.get("id")) == target[1:]:
                return contained.get("code")
        return None
    medication = find(target) or find(plain_reference(target))
    return medication.get("code") if medication else None
