"""Who the chart is about."""

from collections.abc import Callable
from typing import Any

import pytest

from plugin.chart.chart import Chart

Read = Callable[..., Chart]
CORE = "http://hl7.org/fhir/StructureDefinition/"
US = "http://hl7.org/fhir/us/core/StructureDefinition/"


@pytest.mark.parametrize(
    ("said", "field", "value"),
    [
        pytest.param(
            {
                "name": [
                    {"use": "old", "text": "A"},
                    {"use": "official", "given": ["B", "C"], "family": "D"},
                ]
            },
            "name",
            "B C D",
            id="official-name",
        ),
        pytest.param({"name": [{"text": "A B"}]}, "name", "A B", id="name-as-text"),
        pytest.param(
            {"birthDate": "1980-02"}, "birth_date", "1980-02", id="birth-month"
        ),
        pytest.param({"gender": "Female"}, "gender", "female", id="gender"),
        pytest.param({}, "gender", "unknown", id="no-gender"),
        pytest.param(
            {
                "identifier": [
                    {"value": "1"},
                    {"type": {"coding": [{"code": "MR"}]}, "value": "2"},
                ]
            },
            "mrn",
            "2",
            id="mrn",
        ),
        pytest.param({"deceasedBoolean": True}, "deceased", True, id="P07-deceased"),
        pytest.param(
            {"deceasedDateTime": "2020"}, "deceased", True, id="P07-deceased-on"
        ),
        pytest.param({"deceasedBoolean": False}, "deceased", False, id="alive"),
        pytest.param({"active": False}, "active", False, id="P07-inactive"),
        pytest.param(
            {"link": [{"type": "replaced-by", "other": {"reference": "Patient/n"}}]},
            "replaced_by",
            "Patient/n",
            id="P07-replaced",
        ),
        pytest.param(
            {
                "communication": [
                    {"language": {"coding": [{"code": "en"}]}},
                    {"preferred": True, "language": {"coding": [{"code": "es"}]}},
                ]
            },
            "language",
            "es",
            id="preferred-language",
        ),
        pytest.param(
            {
                "extension": [
                    {"url": CORE + "patient-interpreterRequired", "valueBoolean": True}
                ]
            },
            "interpreter_needed",
            True,
            id="interpreter",
        ),
        pytest.param(
            {
                "extension": [
                    {
                        "url": US + "us-core-interpreter-needed",
                        "valueCoding": {"code": "373067005"},
                    }
                ]
            },
            "interpreter_needed",
            False,
            id="us-core-interpreter",
        ),
        pytest.param({}, "interpreter_needed", None, id="interpreter-not-known"),
        pytest.param(
            {"address": [{"country": "USA"}]}, "country", "US", id="country-in-words"
        ),
        pytest.param(
            {"address": [{"country": "uk"}]}, "country", "GB", id="country-uk"
        ),
        pytest.param(
            {"address": [{"country": "Atlantis"}]}, "country", "", id="country-unknown"
        ),
        pytest.param(
            {
                "address": [
                    {"use": "work", "postalCode": "1"},
                    {"use": "home", "postalCode": "2"},
                ]
            },
            "postal_code",
            "2",
            id="home-address",
        ),
        pytest.param(
            {"meta": {"security": [{"code": "V"}]}},
            "restricted",
            True,
            id="P08-restricted",
        ),
    ],
)
def test_patient(read: Read, said: dict[str, Any], field: str, value: Any) -> None:
    assert getattr(read(patient=said).patient, field) == value


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        (40.69, -73.99, (40.69, -73.99)),
        (140.0, 0.0, (None, None)),
        (None, 0.0, (None, None)),
    ],
)
def test_place_of_the_home(
    read: Read, latitude: Any, longitude: Any, place: tuple[Any, Any]
) -> None:
    parts = [
        {"url": "latitude", "valueDecimal": latitude},
        {"url": "longitude", "valueDecimal": longitude},
    ]
    address = {"extension": [{"url": CORE + "geolocation", "extension": parts}]}
    patient = read(patient={"address": [address]}).patient
    assert (patient.latitude, patient.longitude) == place
