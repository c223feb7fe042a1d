"""What a finished launch says: who, about whom, in which EHR, with which rights."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime

from smart_launch.scopes import Scopes

# FHIR R4 `id`: https://hl7.org/fhir/R4/datatypes.html#id
_FHIR_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")


def is_fhir_id(text: object) -> bool:
    """Whether the text may stand in a URL as a resource's id."""
    return (
        isinstance(text, str)
        and _FHIR_ID.fullmatch(text) is not None
        and text.strip(".") != ""  # "." and ".." are ids by the letter, and paths
    )


@dataclass(frozen=True, slots=True)
class FhirContextItem:
    """One further resource in focus. Source: SMART 2.2, "fhirContext"."""

    reference: str | None
    type: str | None
    role: str
    canonical: str | None = None
    identifier_system: str | None = None
    identifier_value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchContext:
    """One launch: one patient, one user, one browser. Neither person prints.

    `fhir_user` is relative ("Practitioner/1"); `subject` is the id_token's `sub`.
    `scopes` is what was asked for *and* granted. `expires_at` is the absolute end of
    the session, `secret_hash` the hexadecimal SHA-256 of the cookie's secret.
    """

    id: str
    tenant: str
    issuer: str
    patient: str = field(repr=False)
    encounter: str | None = field(repr=False)
    fhir_user: str = field(repr=False)
    subject: str = field(repr=False)
    user_name: str = field(repr=False)
    scopes: Scopes
    need_patient_banner: bool
    intent: str | None
    smart_style_url: str | None
    fhir_context: tuple[FhirContextItem, ...] = field(repr=False)
    app_context: str | None = field(repr=False)
    launched_at: datetime
    expires_at: datetime
    secret_hash: str = field(repr=False)
    ehr_tenant: str | None = None  # SMART's `tenant`: the EHR's own word, not ours
    user_roles: tuple[str, ...] = ()  # from the registration's `role_claim`

    def opens_with(self, secret: str | None) -> bool:
        """Whether the cookie's secret is this context's; compared in constant time."""
        return secret is not None and hmac.compare_digest(
            hash_secret(secret), self.secret_hash
        )


def hash_secret(secret: str) -> str:
    """The form in which a cookie's secret is kept; 256 random bits need no salt."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
