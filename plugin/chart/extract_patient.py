"""The Patient resource: who the chart is about."""

from plugin.chart.chart import Patient
from plugin.chart.extract import is_restricted
from plugin.chart.json_shapes import (
    Json,
    codings,
    extensions,
    first_code,
    many,
    number,
    one,
    text,
)
from plugin.chart.references import reference_of

_CORE = "http://hl7.org/fhir/StructureDefinition/"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
# LOINC and SNOMED CT for "yes"; US Core binds the answer to both lists.
_YES = {"LA33-6", "373066001", "Y", "true"}
_NO = {"LA32-8", "373067005", "N", "false"}
_COUNTRIES = {
    "united states": "US",
    "united states of america": "US",
    "usa": "US",
    "u.s.a.": "US",
    "united kingdom": "GB",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "gbr": "GB",
    "uk": "GB",
    "ireland": "IE",
    "irl": "IE",
    "australia": "AU",
    "aus": "AU",
    "canada": "CA",
    "can": "CA",
    "new zealand": "NZ",
    "nzl": "NZ",
}


def patient_of(resource: Json, reference: str) -> Patient:
    address = _address(resource)
    latitude, longitude = _place(address)
    return Patient(
        reference=reference,
        id=reference.partition("/")[2],
        name=_name(resource),
        birth_date=text(resource.get("birthDate")),
        gender=text(resource.get("gender")).lower() or "unknown",
        mrn=_mrn(resource),
        deceased=_deceased(resource),
        active=resource.get("active") is not False,
        replaced_by=_replaced_by(resource),
        language=_language(resource),
        interpreter_needed=_interpreter(resource),
        country=country_code(text(address.get("country"))),
        postal_code=text(address.get("postalCode")),
        latitude=latitude,
        longitude=longitude,
        restricted=is_restricted(resource),
    )


def country_code(country: str) -> str:
    """ISO 3166-1 alpha-2 of a country as charts write it, else ""."""
    name = country.strip()
    known = _COUNTRIES.get(name.lower())
    if known:
        return known
    return name.upper() if len(name) == 2 and name.isalpha() else ""


def _name(resource: Json) -> str:
    names = list(many(resource.get("name")))
    preferred = sorted(names, key=lambda n: n.get("use") not in ("official", "usual"))
    for name in preferred:
        given = name.get("given")
        parts = [text(g) for g in given] if isinstance(given, list) else [text(given)]
        whole = " ".join(part for part in [*parts, text(name.get("family"))] if part)
        if text(name.get("text")) or whole:
            return text(name.get("text")) or whole
    return ""


def _mrn(resource: Json) -> str:
    for identifier in many(resource.get("identifier")):
        if any(c.code == "MR" for c in codings(identifier.get("type"))):
            return text(identifier.get("value"))
    return ""


def _deceased(resource: Json) -> bool:
    when = text(resource.get("deceasedDateTime"))
    return resource.get("deceasedBoolean") is True or bool(when)


def _replaced_by(resource: Json) -> str:
    for link in many(resource.get("link")):
        if link.get("type") == "replaced-by":
            return reference_of(link.get("other"))
    return ""


def _language(resource: Json) -> str:
    spoken = list(many(resource.get("communication")))
    spoken.sort(key=lambda c: c.get("preferred") is not True)
    return first_code(spoken[0].get("language")) if spoken else ""


def _interpreter(resource: Json) -> bool | None:
    for each in extensions(resource, _CORE + "patient-interpreterRequired"):
        if isinstance(each.get("valueBoolean"), bool):
            return bool(each["valueBoolean"])
    for each in extensions(resource, _US_CORE + "us-core-interpreter-needed"):
        code = text(one(each.get("valueCoding")).get("code"))
        if code in _YES | _NO:
            return code in _YES
    return None


def _address(resource: Json) -> Json:
    addresses = list(many(resource.get("address")))
    addresses.sort(key=lambda a: a.get("use") != "home")
    return addresses[0] if addresses else {}


def _place(address: Json) -> tuple[float | None, float | None]:
    for each in extensions(address, _CORE + "geolocation"):
        found = {
            text(part.get("url")): number(part.get("valueDecimal"))
            for part in many(each.get("extension"))
        }
        latitude, longitude = found.get("latitude"), found.get("longitude")
        if latitude is None or longitude is None:
            continue
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            return latitude, longitude
    return None, None
