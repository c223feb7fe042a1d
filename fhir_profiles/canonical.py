"""Where the artefacts live: the one canonical base, and the addresses under it."""

# Change this before publishing; every canonical address is made from it.
BASE = "https://selfhelp-referral.example/fhir"

VERSION = "0.1.0"
FHIR_VERSION = "4.0.1"


def profile_url(profile_id: str) -> str:
    """The canonical address of one of our profiles."""
    return f"{BASE}/StructureDefinition/{profile_id}"


def code_system_url(code_system_id: str) -> str:
    return f"{BASE}/CodeSystem/{code_system_id}"


def value_set_url(value_set_id: str) -> str:
    return f"{BASE}/ValueSet/{value_set_id}"
