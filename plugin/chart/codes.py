"""Code systems and codes, as charts really write them.

A code is compared in one form: upper case, without dots or spaces. A missing system is
told from the code's shape; WHO ICD-10 is brought into the ICD-10-CM form as far as the
two agree.
"""

import re
from functools import lru_cache
from typing import Literal

CodeSystem = Literal["icd-10-cm", "snomed", "loinc", "rxnorm", "other"]

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"

_SYSTEMS: dict[str, CodeSystem] = {
    ICD10CM: "icd-10-cm",
    "urn:oid:2.16.840.1.113883.6.90": "icd-10-cm",
    SNOMED: "snomed",
    "urn:oid:2.16.840.1.113883.6.96": "snomed",
    LOINC: "loinc",
    "urn:oid:2.16.840.1.113883.6.1": "loinc",
    RXNORM: "rxnorm",
    "urn:oid:2.16.840.1.113883.6.88": "rxnorm",
}
# National modifications keep the chapters and the first four characters of WHO ICD-10.
_WHO = re.compile(
    r"http://hl7\.org/fhir/sid/icd-10(-(am|ca|gm|nl|uk|who))?$"
    r"|urn:oid:2\.16\.840\.1\.113883\.6\.(3|42|135)$"
    r"|http://fhir\.de/CodeSystem/(bfarm|dimdi)/icd-10-gm$",
    re.IGNORECASE,
)
_ICD_SHAPE = re.compile(r"[A-TV-Z][0-9][0-9AB][0-9A-Z]{0,4}")
_SNOMED_SHAPE = re.compile(r"[1-9][0-9]{5,17}")
_LOINC_SHAPE = re.compile(r"[0-9]{1,7}-[0-9]")
_SUBSTANCE = re.compile(r"F1[0-9]")
# A block of the classification, "F10-F19", says which chapter and no diagnosis.
_BLOCK = re.compile(r"[A-Z][0-9][0-9A-Z]-[A-Z]")
_MARKS = str.maketrans("", "", "-*+!\u2020")  # of editions that print them in the code


def plain(code: str) -> str:
    """A code in the form in which codes are compared."""
    return code.strip().upper().replace(".", "").replace(" ", "")


def is_who(system: str) -> bool:
    return _WHO.match(system.strip()) is not None


@lru_cache(maxsize=4096)
def system_of(system: str, code: str) -> CodeSystem:
    """Which system a coding is from; without a system, the shape of the code tells."""
    uri = system.strip().split("|", 1)[0].rstrip("/")
    known = _SYSTEMS.get(uri) or _SYSTEMS.get(uri.lower())
    if known:
        return known
    if uri.lower().startswith(SNOMED + "/"):  # an edition of SNOMED CT
        return "snomed"
    if is_who(uri):
        return "icd-10-cm"
    return _by_shape(code) if not uri else "other"


@lru_cache(maxsize=4096)
def is_misfiled(system: str, code: str) -> bool:
    """Whether a code has the form of the other system of diagnoses than its own."""
    named = system_of(system, code)
    if named not in {"icd-10-cm", "snomed"}:
        return False
    form = _by_shape(code)
    return form in {"icd-10-cm", "snomed"} and form != named


def _by_shape(code: str) -> CodeSystem:
    text = plain(code)
    if _ICD_SHAPE.fullmatch(text):
        return "icd-10-cm"
    if _SNOMED_SHAPE.fullmatch(text):
        return "snomed"
    return "loinc" if _LOINC_SHAPE.fullmatch(code.strip()) else "other"


@lru_cache(maxsize=4096)
def as_icd10cm(system: str, code: str) -> str:
    """The plain ICD-10-CM code that a WHO ICD-10 code stands for.

    The substance chapters differ: the fourth character is the clinical state in WHO
    ICD-10 and the severity in ICD-10-CM. Elsewhere the first four characters agree.
    A block of codes gives "".
    """
    text = plain(code)
    if _BLOCK.match(text):
        return ""
    text = text.translate(_MARKS)
    if not is_who(system):
        return text
    if _SUBSTANCE.match(text) and not text.startswith("F17"):
        return _substance(text)
    if re.match(r"X(6[0-9]|70)", text):  # intentional self-poisoning and hanging
        return "X78"
    if text.startswith("X84"):
        return "X83"
    return {"F412": "F418", "F504": "F5081", "F480": "F489"}.get(text[:4], text)


def _substance(text: str) -> str:
    drug, state, course = text[:3], text[3:4], text[4:5]
    if state == "2":  # dependence: the fifth character is the course
        return drug + ("21" if course in {"0", "1", "3"} else "2")
    return drug + {"0": "922", "3": "23", "4": "231", "5": "95"}.get(state, state)
