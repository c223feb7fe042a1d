"""What the app does on the wire, and the guide that binds the artefacts together."""

from collections.abc import Sequence
from typing import Final

from fhir_profiles.canonical import BASE, FHIR_VERSION, VERSION, profile_url
from fhir_profiles.vocabulary import Resource, headed

# Resource -> what the app does with it as a client, and the profile it writes by.
_READ: Final = ("read", "search-type")
_CLIENT: Final[Sequence[tuple[str, tuple[str, ...], str]]] = (
    ("Patient", ("read",), ""),
    ("Encounter", _READ, ""),
    ("Condition", ("search-type",), ""),
    ("Observation", ("search-type",), ""),
    ("MedicationRequest", ("search-type",), ""),
    ("Consent", ("search-type",), ""),
    (
        "ServiceRequest",
        ("read", "create", "update", "search-type"),
        "selfhelp-service-request",
    ),
    ("DocumentReference", ("create", "search-type"), "selfhelp-note"),
    ("Provenance", ("create",), "selfhelp-provenance"),
    ("Task", ("read", "create", "update", "search-type"), "selfhelp-task"),
    ("QuestionnaireResponse", ("search-type",), ""),
)
_FOUND_BY: Final = ("ServiceRequest", "DocumentReference", "Task")


def capability_statement() -> Resource:
    """The app as a client of an EHR: what it asks of one, each part negotiable."""
    resource = headed(
        "CapabilityStatement",
        "selfhelp-app",
        "Self-help referral app",
        "What the app may read and write. Which of it happens is decided for each"
        " launch from the server's own statement, the granted scopes and the"
        " registration.",
    )
    return resource | {
        "kind": "requirements",
        "fhirVersion": FHIR_VERSION,
        "format": ["json"],
        "rest": [
            {
                "mode": "client",
                "documentation": (
                    "Every create carries our identifier; after a lost answer the app"
                    " searches by it and creates again only when nothing is found."
                    " An update changes the state of an order or a Task that it wrote,"
                    " in the version that was read (If-Match), and nothing else; it is"
                    " asked for only where the site wants it."
                ),
                "security": {
                    "service": [
                        {
                            "coding": [
                                {
                                    "system": "http://terminology.hl7.org/CodeSystem/"
                                    "restful-security-service",
                                    "code": "SMART-on-FHIR",
                                }
                            ]
                        }
                    ]
                },
                "resource": [_client(*row) for row in _CLIENT],
            }
        ],
    }


def implementation_guide(
    artefacts: Sequence[Resource], examples: Sequence[tuple[str, Resource]]
) -> Resource:
    """The guide: every artefact, and one example for each profile."""
    resource = headed(
        "ImplementationGuide",
        "selfhelp-referral",
        "Self-help referral",
        "How a referral to a self-help group stands in a FHIR R4 record.",
    )
    listed = [
        {
            "reference": {"reference": f"{a['resourceType']}/{a['id']}"},
            "name": a["title"],
            "description": a["description"],
            "exampleBoolean": False,
        }
        for a in artefacts
    ]
    listed += [
        {
            "reference": {"reference": f"{example['resourceType']}/{example['id']}"},
            "name": f"Example: {profile_id}",
            "exampleCanonical": profile_url(profile_id),
        }
        for profile_id, example in examples
    ]
    return resource | {
        "url": f"{BASE}/ImplementationGuide/selfhelp-referral",
        "version": VERSION,
        "packageId": "selfhelp.referral",
        "license": "Apache-2.0",
        "fhirVersion": [FHIR_VERSION],
        "definition": {"resource": listed},
    }


def _client(kind: str, interactions: Sequence[str], profile_id: str) -> Resource:
    stated: Resource = {"type": kind}
    if profile_id:
        stated["supportedProfile"] = [profile_url(profile_id)]
    stated["interaction"] = [{"code": code} for code in interactions]
    if "search-type" in interactions:
        names = ["patient", *(["identifier"] if kind in _FOUND_BY else [])]
        kinds = {"patient": "reference", "identifier": "token"}
        stated["searchParam"] = [{"name": n, "type": kinds[n]} for n in names]
    return stated
