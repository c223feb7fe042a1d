"""Code systems and codes as charts write them."""

import pytest

from plugin.chart.codes import as_icd10cm, plain, system_of

WHO = "http://hl7.org/fhir/sid/icd-10"


@pytest.mark.parametrize(
    ("system", "code", "known"),
    [
        ("http://hl7.org/fhir/sid/icd-10-cm", "F10.20", "icd-10-cm"),
        ("HTTP://HL7.ORG/fhir/sid/icd-10-cm", "F10.20", "icd-10-cm"),
        ("http://hl7.org/fhir/sid/icd-10-cm/", "F10.20", "icd-10-cm"),
        ("urn:oid:2.16.840.1.113883.6.90", "F10.20", "icd-10-cm"),
        (WHO, "F10.2", "icd-10-cm"),
        ("http://hl7.org/fhir/sid/icd-10-am", "F10.2", "icd-10-cm"),
        ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "F10.2", "icd-10-cm"),
        ("http://snomed.info/sct", "66590003", "snomed"),
        (
            "http://snomed.info/sct/83821000000107/version/20260401",
            "66590003",
            "snomed",
        ),
        ("http://snomed.info/sct|http://snomed.info/sct/900", "66590003", "snomed"),
        ("http://loinc.org", "44261-6", "loinc"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "1819", "rxnorm"),
        ("", "F10.20", "icd-10-cm"),
        ("", "f1020", "icd-10-cm"),
        ("", "66590003", "snomed"),
        ("", "44261-6", "loinc"),
        ("", "hello", "other"),
        ("http://hl7.org/fhir/sid/icd-9-cm", "303.90", "other"),
        ("https://ehr.example", "F10.20", "other"),
    ],
)
def test_system(system: str, code: str, known: str) -> None:
    assert system_of(system, code) == known


@pytest.mark.parametrize(
    ("code", "compared"),
    [("F10.20", "F1020"), (" f10.20 ", "F1020"), ("F1020", "F1020")],
)
def test_plain(code: str, compared: str) -> None:
    assert plain(code) == compared


@pytest.mark.parametrize(
    ("system", "code", "stands_for"),
    [
        pytest.param(
            "http://hl7.org/fhir/sid/icd-10-cm", "F10.20", "F1020", id="cm-as-it-is"
        ),
        pytest.param(WHO, "F10.2", "F102", id="dependence"),
        pytest.param(WHO, "F10.20", "F1021", id="abstinent"),
        pytest.param(WHO, "F11.22", "F112", id="on-maintenance"),
        pytest.param(WHO, "F10.3", "F1023", id="withdrawal"),
        pytest.param(WHO, "F10.4", "F10231", id="withdrawal-delirium"),
        pytest.param(WHO, "F10.0", "F10922", id="intoxication"),
        pytest.param(WHO, "F10.5", "F1095", id="psychotic"),
        pytest.param(WHO, "F10.1", "F101", id="harmful-use"),
        pytest.param(WHO, "F10", "F10", id="category"),
        pytest.param(WHO, "F17.2", "F172", id="tobacco"),
        pytest.param(WHO, "F32.1", "F321", id="depression"),
        pytest.param(WHO, "X61", "X78", id="self-poisoning"),
        pytest.param(WHO, "X84", "X83", id="self-harm-unspecified"),
        pytest.param(WHO, "F50.4", "F5081", id="overeating"),
        pytest.param(WHO, "F41.2", "F418", id="mixed-anxiety"),
    ],
)
def test_who_codes_are_brought_into_the_american_form(
    system: str, code: str, stands_for: str
) -> None:
    assert as_icd10cm(system, code) == stands_for
