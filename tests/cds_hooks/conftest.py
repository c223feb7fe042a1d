"""A whole app, and two EHRs that call its CDS service as EHRs do."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretBytes
from sqlalchemy import delete, select
from starlette.testclient import TestClient

from deploy.sandbox.serving import RunningSandbox, start_sandbox
from plugin.app import create_app
from plugin.foundation import lay
from plugin.house import House
from plugin.settings import Settings
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading, writing
from plugin.store.schema import metadata

APP = "https://app.test"
USER = "Practitioner/practitioner-1"
Json = dict[str, Any]

_SOURCES = {
    "conditions": "Condition",
    "observations": "Observation",
    "medications": "MedicationRequest",
}
# Left out of a body.
DROPPED = "(left out)"
# What a test leaves as it is: the keys, which take a while to make.
KEPT = {"signing_keys"}


@dataclass
class Ehr:
    """One EHR that calls: its tokens, what it sends along, and what came of it."""

    client: TestClient
    sandbox: RunningSandbox
    house: House
    clock: Clock
    flavour: str = ""

    @property
    def issuer(self) -> str:
        return self.sandbox.issuer(self.flavour)

    @property
    def jwks_url(self) -> str:
        return self.sandbox.site(self.flavour).jwks_url

    @property
    def key(self) -> RSAKey:
        return self.sandbox.sandbox.key.key

    def token(
        self,
        path: str,
        *,
        header: Json | None = None,
        key: Any = None,
        **changed: Any,
    ) -> str:
        """A token for an address of the app; a claim that is None is left out."""
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": APP + path,
            "iat": now,
            "exp": now + 300,
            "jti": str(uuid.uuid4()),
        } | changed
        claims = {name: value for name, value in claims.items() if value is not None}
        head = {"alg": "RS256", "kid": self.key.kid, "typ": "JWT", "jku": self.jwks_url}
        head = {n: v for n, v in (head | (header or {})).items() if v is not None}
        return jwt.encode(head, claims, key or self.key, algorithms=[head["alg"]])

    def prefetch(self, patient: str) -> Json:
        """What discovery asks for, of a chart of the sandbox."""
        sent: Json = {"patient": self.sandbox.resources("Patient", patient)[0]}
        for key, kind in _SOURCES.items():
            found = self.sandbox.resources(kind, patient, self.flavour)
            sent[key] = bundle(found)
        return sent

    def body(
        self, patient: str = "alcohol", service: str = "patient-view", **changed: Any
    ) -> Json:
        named = self.sandbox.patient_id(patient)
        context: Json = {"userId": USER, "patientId": named}
        if service == "encounter-discharge":
            context["encounterId"] = "visit-1"
        if service == "order-sign":
            context["draftOrders"] = bundle([])
        context |= changed.pop("context", {})
        sent = {
            "hook": service,
            "hookInstance": str(uuid.uuid4()),
            "hookVersion": "1.0",
            "fhirServer": self.issuer,
            "context": context,
            "prefetch": self.prefetch(patient),
        } | changed
        return {name: value for name, value in sent.items() if value != DROPPED}

    def post(self, path: str, body: Any, *, token: str | None = None) -> Any:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return self.client.post(
            path,
            content=content,
            headers={
                "content-type": "application/json",
                "authorization": f"Bearer {token or self.token(path)}",
            },
        )

    def call(
        self, patient: str = "alcohol", service: str = "patient-view", **changed: Any
    ) -> Any:
        body = self.body(patient, service, **changed)
        return self.post(f"/cds-services/{service}", body)

    def cards(self, *given: Any, **changed: Any) -> list[Json]:
        answer = self.call(*given, **changed)
        assert answer.status_code == 200, answer.text
        found: list[Json] = answer.json()["cards"]
        return found

    def tell(self, card: str, service: str = "patient-view", **changed: Any) -> Any:
        """Say what became of a card; overridden unless told otherwise."""
        one = {
            "card": card,
            "outcome": "overridden",
            "outcomeTimestamp": "2026-03-02T10:05:31Z",
        } | changed
        path = f"/cds-services/{service}/feedback"
        return self.post(path, {"feedback": [one]})

    def events(self, kind: str) -> list[Json]:
        with reading(self.house.engine) as connection:
            rows = connection.execute(
                select(audit_events)
                .where(audit_events.c.kind == kind)
                .order_by(audit_events.c.tenant, audit_events.c.sequence)
            )
            return [orjson.loads(row.canonical) for row in rows]


class Clock:
    """The real time, and a step that a test makes."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def bundle(resources: list[Json], **more: Any) -> Json:
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}


def settings_for(database: str, *sandboxes: RunningSandbox, **cds: Any) -> Settings:
    def ehr(name: str, sandbox: RunningSandbox) -> Json:
        site = sandbox.site()
        return {
            "id": name,
            "issuer": site.fhir,
            "client_id": "selfhelp",
            "cds_hooks_issuers": [{"issuer": site.fhir, "jwks_url": site.jwks_url}],
            "cds": cds,
        }

    names = ("general", "lakeside")
    return Settings.model_validate(
        {
            "public_url": APP,
            "database_url": database,
            "allow_loopback_http": True,
            "ehr": [ehr(*one) for one in zip(names, sandboxes, strict=False)],
            "master_keys": [SecretBytes(bytes(range(32)))],
            "audit_keys": [SecretBytes(bytes(range(32, 64)))],
        }
    )


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[tuple[RunningSandbox, RunningSandbox]]:
    both = start_sandbox(), start_sandbox()
    yield both
    for one in both:
        one.stop()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with signing keys, which take a while to make."""
    file = tmp_path_factory.mktemp("prepared") / "selfhelp.db"
    sandbox = start_sandbox()
    foundation = lay(settings_for(f"sqlite:///{file}", sandbox))
    foundation.prepare()
    foundation.engine.dispose()
    sandbox.stop()
    return file


@pytest.fixture
def clock(resident: Ehr) -> Clock:
    return resident.clock


Install = Callable[..., Ehr]


@pytest.fixture(scope="module")
def resident(
    sandboxes: tuple[RunningSandbox, RunningSandbox],
    prepared: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ehr]:
    """One app for all tests of a module: to make one takes longer than a call."""
    folder = tmp_path_factory.mktemp("resident")
    shutil.copy(prepared, folder / "selfhelp.db")
    clock = Clock()
    settings = settings_for(f"sqlite:///{folder / 'selfhelp.db'}", *sandboxes)
    app = create_app(settings, clock=clock, with_worker=False)
    with TestClient(app, base_url=APP) as client:
        yield Ehr(client, sandboxes[0], app.state.house, clock)


@pytest.fixture
def ehr(
    resident: Ehr, sandboxes: tuple[RunningSandbox, RunningSandbox]
) -> Iterator[Ehr]:
    """The first tenant, before an app in which nothing has happened yet."""
    with writing(resident.house.engine) as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in KEPT:
                connection.execute(delete(table))
    for sandbox in sandboxes:
        sandbox.faults.clear()
        sandbox.counts.clear()
    yield resident
    resident.clock.ahead = timedelta()


@pytest.fixture
def install(
    sandboxes: tuple[RunningSandbox, RunningSandbox],
    prepared: Path,
    tmp_path: Path,
) -> Iterator[Install]:
    """Start an app of its own. Takes settings of `[ehr.cds]`, or a `database`."""
    shutil.copy(prepared, tmp_path / "selfhelp.db")
    running: list[TestClient] = []
    for sandbox in sandboxes:
        sandbox.faults.clear()

    def start(database: str = "", **cds: Any) -> Ehr:
        database = database or f"sqlite:///{tmp_path / 'selfhelp.db'}"
        settings = settings_for(database, *sandboxes, **cds)
        clock = Clock()
        app = create_app(settings, clock=clock, with_worker=False)
        running.append(TestClient(app, base_url=APP).__enter__())
        for sandbox in sandboxes:
            sandbox.counts.clear()
        return Ehr(running[-1], sandboxes[0], app.state.house, clock)

    yield start
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture
def other(ehr: Ehr, sandboxes: tuple[RunningSandbox, RunningSandbox]) -> Ehr:
    """The other tenant of the same app."""
    return Ehr(ehr.client, sandboxes[1], ehr.house, ehr.clock)
