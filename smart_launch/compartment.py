"""Does a resource belong to this patient?

A server's filter is never trusted: some ignore it, and some let an administrator's
token see every patient.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# The elements that tie a resource to its patient. Source: the R4 patient compartment,
# https://hl7.org/fhir/R4/compartmentdefinition-patient.html
_ELEMENTS = ("subject", "patient", "for")
_REFERENCE = re.compile(r"Patient/(?P<id>[A-Za-z0-9.\-]{1,64})(?:/_history/[^/]+)?")


def in_compartment(
    resource: Mapping[str, Any], patient: str, base: str | None = None
) -> bool:
    """Whether every element that names a patient names this one, and one does.

    A logical identifier, a contained patient or none at all is no proof: False.

    Takes: `base`, the FHIR server's address; without it absolute references, which
           could be to another server, are no proof either.
    """
    if resource.get("resourceType") == "Patient":
        return resource.get("id") == patient
    named = [resource[name] for name in _ELEMENTS if resource.get(name) is not None]
    return bool(named) and all(_is(one, patient, base) for one in named)


def _is(reference: Any, patient: str, base: str | None) -> bool:
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str):
        return False
    if base is not None:
        text = text.removeprefix(base.removesuffix("/") + "/")
    found = _REFERENCE.fullmatch(text)
    return found is not None and found["id"] == patient
