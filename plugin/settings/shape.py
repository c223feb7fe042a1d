"""What may be set: the tables and keys of the TOML file, with their defaults.

Each value is checked for its own form here. What depends on another value, a file or
the network's rules is checked in `checks`.
"""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretBytes,
    SecretStr,
    StrictBool,
)

# What the app reads and writes, each asked for only where the EHR lists it.
# Source: SMART App Launch 2.2, "Scopes and Launch Context" (v2 spelling).
WANTED_SCOPES = (
    "launch",
    "openid",
    "fhirUser",
    "online_access",
    "patient/Patient.r",
    "patient/Condition.rs",
    "patient/Encounter.rs",
    "patient/Observation.rs",
    "patient/MedicationRequest.rs",
    "patient/Medication.r",  # what a request for a medicine points at
    "patient/Consent.rs",
    "patient/QuestionnaireResponse.rs",
    "patient/ServiceRequest.crs",
    "patient/DocumentReference.crs",
    "patient/Provenance.c",
)

# Instead of the right to create and find orders, where a site lets the app revoke them.
_ORDERS = "patient/ServiceRequest.crs"
_ORDERS_TO_CANCEL = "patient/ServiceRequest.crus"
_TASKS = "patient/Task.crus"  # besides, where a site wants reminders as Tasks

# What the app asks for in its own name, where a site lets it finish signed referrals.
BACKEND_SCOPES = (
    "system/Patient.r",
    "system/ServiceRequest.crs",
    "system/DocumentReference.crs",
    "system/Provenance.c",
)

NEEDED_SCOPES = frozenset({"launch", "openid", "fhirUser"})

_COUNTRY_MEANT = {"UK": "GB"}  # the usual name, not the ISO 3166-1 code


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("is not a web address: write https://host/path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("may not carry a user, query or fragment: leave it out")
    if re.search(r"[\s\\]", value):
        raise ValueError("holds a blank or backslash: write https://host/path")
    return value


def _origin(value: str) -> str:
    if "*" in value:
        raise ValueError("may not hold a wildcard: name each origin that may frame us")
    if re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+", value) is None:
        raise ValueError("is not an origin: write https://host, or https://host:port")
    return value


def _host(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9.-]+(:\d{1,5})?", value) is None:
        raise ValueError("is not a host name: write login.example.org")
    return value


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError as error:
        raise ValueError("is not an address range: write 10.20.0.0/16") from error
    return value


def _person(value: str) -> str:
    user = r"(Practitioner|PractitionerRole)/[A-Za-z0-9.\-]{1,64}"
    if re.fullmatch(user, value) is None and re.fullmatch("role:.+", value) is None:
        raise ValueError(
            "names no user: write Practitioner/7, PractitionerRole/7 or role:physician"
        )
    return value


def _country(value: str) -> str:
    code = _COUNTRY_MEANT.get(value.upper(), value.upper())
    if re.fullmatch(r"[A-Z]{2}", code) is None:
        raise ValueError("is not a country: write its two ISO 3166-1 letters, as US")
    return code


def _database(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError(
            "is neither database: write sqlite:///selfhelp.db or postgresql+psycopg://…"
        )
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
OptionalAddress = Annotated[
    str, AfterValidator(lambda value: _web_address(value) if value else value)
]
Origin = Annotated[str, AfterValidator(_origin)]
Host = Annotated[str, AfterValidator(_host)]
Network = Annotated[str, AfterValidator(_network)]
Person = Annotated[str, AfterValidator(_person)]
Country = Annotated[str, AfterValidator(_country)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]


class Table(BaseModel):
    """A table of the file: an unknown key is refused, and nothing changes later."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True
    )


class CdsIssuer(Table):
    """Who may call the CDS service."""

    issuer: WebAddress
    jwks_url: WebAddress


class Cds(Table):
    """When the CDS service speaks, and to which browsers."""

    cors_origins: tuple[Origin, ...] = ()
    referral_days: int = Field(default=90, ge=0, le=3650)
    mute_days: int = Field(default=90, ge=0, le=3650)
    clinician_per_hour: int = Field(default=60, ge=0, le=100_000)
    tenant_per_hour: int = Field(default=3_000, ge=0, le=10_000_000)


class Ehr(Table):
    """One EHR the app is registered with: a tenant."""

    id: Name
    issuer: WebAddress
    oidc_issuer: OptionalAddress = ""  # where identities are signed under another name
    client_id: str = Field(min_length=1, max_length=255)
    client_auth: Literal["private_key_jwt", "client_secret_basic", "none"] = (
        "private_key_jwt"
    )
    client_secret_file: str = ""
    client_secret: SecretStr | None = None  # read from the file, never from the TOML
    signing_alg: Literal["RS384", "ES384"] = "RS384"
    scopes: tuple[str, ...] = WANTED_SCOPES
    allowed_hosts: tuple[Host, ...] = ()
    frame_ancestors: tuple[Origin, ...] = ()
    country: Country = "US"
    language: Language = "en"
    note_type: str = Field(default="11488-4", pattern=r"^\d{1,7}-\d$")
    note_status: Literal["preliminary", "final"] = "preliminary"
    note_form: Literal["text", "xhtml"] = "text"
    part2: Literal["confirm", "consent_resource", "not_applicable"] = "confirm"
    proxy_reads_notes: Literal["none", "minors", "all"] = "minors"
    signers: tuple[Person, ...] = ()  # none named: every practitioner
    readers: tuple[Person, ...] = ()
    role_claim: str = Field(default="", max_length=255)
    write_orders: StrictBool = True
    write_notes: StrictBool = True
    write_provenance: StrictBool = True
    note_needs_encounter: StrictBool = False
    note_only_provenance: StrictBool = False
    cancel_orders: StrictBool = False  # asks for the right to update them
    write_tasks: StrictBool = False  # asks for the right to write and update them
    backend_services: StrictBool = False
    terminology: StrictBool = False  # whether its own server knows SNOMED CT
    cds_hooks_issuers: tuple[CdsIssuer, ...] = ()
    cds: Cds = Cds()
    allowed_networks: tuple[Network, ...] = ()
    ca_file: str = ""
    proxy: OptionalAddress = ""

    @property
    def asked_scopes(self) -> tuple[str, ...]:
        """The scopes to ask for: each further right only where the site uses it."""
        orders = _ORDERS_TO_CANCEL if self.cancel_orders else _ORDERS
        asked = tuple(orders if scope == _ORDERS else scope for scope in self.scopes)
        return (*asked, _TASKS) if self.write_tasks else asked


class Feed(Table):
    """One meeting feed, as `selfhelp directory import` takes it."""

    id: Name
    source: str = Field(min_length=1)
    format: Literal["meeting-guide", "bmlt", "oiaa", "hsds", "csv", "fhir"]
    program: Name
    timezone: str = ""
    language: Language = "en"
    licence: str = Field(default="", max_length=200)
    every_hours: int = Field(default=24, ge=1, le=24 * 31)


class Sessions(Table):
    """How long a launch lasts: without use, and at most."""

    idle_minutes: int = Field(default=15, ge=1, le=120)
    absolute_hours: int = Field(default=12, ge=1, le=24)


class AuditLogin(Table):
    """The OpenID Connect login of those who read the audit trail."""

    issuer: WebAddress
    client_id: str = Field(min_length=1)
    client_secret_file: str = Field(min_length=1)
    client_secret: SecretStr | None = None  # read from the file, never from the TOML
    role_claim: str = "groups"
    role: str = Field(min_length=1)
    administrator_role: str = ""
    tenant_claim: str = "tenants"
    allowed_hosts: tuple[Host, ...] = ()
    allowed_networks: tuple[Network, ...] = ()
    ca_file: str = ""


class Checkpoints(Table):
    """Where the audit trail's checkpoints are kept, outside the database."""

    directory: str = Field(min_length=1)
    every_hours: int = Field(default=24, ge=1, le=24 * 31)
    syslog: str = Field(
        default="", pattern=r"^(/[^\s]{1,100}|[A-Za-z0-9.-]{1,255}(:\d{1,5})?)?$"
    )


class SiteKnowledge(Table):
    """The hospital's own changes to the rule base."""

    site_file: str = Field(min_length=1)


class Terminology(Table):
    """A FHIR server that says what codes of SNOMED CT are kinds of."""

    server: WebAddress
    allowed_networks: tuple[Network, ...] = ()
    ca_file: str = ""
    proxy: OptionalAddress = ""


class AuditRepository(Table):
    """A FHIR server that keeps AuditEvents, to which the trail's are sent."""

    server: WebAddress
    token_file: str = ""
    token: SecretStr | None = None  # read from the file, never from the TOML
    allowed_networks: tuple[Network, ...] = ()
    ca_file: str = ""
    proxy: OptionalAddress = ""


class Settings(Table):
    """Everything an installation decides. Built once, at the entry point."""

    public_url: WebAddress
    database_url: Annotated[str, AfterValidator(_database), Field(repr=False)]
    allow_loopback_http: StrictBool = False
    demo_directory: StrictBool = False
    ehrs: tuple[Ehr, ...] = Field(alias="ehr", min_length=1)
    feeds: tuple[Feed, ...] = Field(default=(), alias="feed")
    sessions: Sessions = Sessions()
    audit_login: AuditLogin | None = None
    checkpoints: Checkpoints | None = None
    audit_repository: AuditRepository | None = None
    knowledge: SiteKnowledge | None = None
    terminology: Terminology | None = None
    # 32 bytes each. The first is used for what is new; all of them for what is old.
    master_keys: tuple[SecretBytes, ...] = Field(min_length=1)
    audit_keys: tuple[SecretBytes, ...] = Field(min_length=1)
    # Who may read /metrics; without it, nobody but a demonstration on loopback.
    metrics_token_file: str = ""
    metrics_token: SecretStr | None = None  # read from the file, never from the TOML

    @property
    def origin(self) -> str:
        """What a browser sends as `Origin` from our own pages."""
        return self.public_url.rstrip("/")

    @property
    def site_file(self) -> Path | None:
        """The hospital's own file of programmes and help lines, where it has one."""
        return Path(self.knowledge.site_file) if self.knowledge else None

    @property
    def redirect_uri(self) -> str:
        return self.origin + "/callback"

    def ehr_of(self, tenant: str) -> Ehr:
        """Gives the EHR with this id; raises KeyError for none."""
        for ehr in self.ehrs:
            if ehr.id == tenant:
                return ehr
        raise KeyError(tenant)
