"""A trail with some records in it; and the app with its reviewers' screens."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import requests
from pydantic import SecretBytes
from sqlalchemy import Engine, Table, insert, select
from starlette.testclient import TestClient

from deploy.sandbox.serving import RunningSandbox, start_sandbox
from deploy.sandbox.staff_login import ADMINISTRATORS, AUDITORS, Person
from plugin.app import create_app
from plugin.audit.keys import AuditKeys
from plugin.audit.trail import NO_TENANT, Event, Trail
from plugin.house import House
from plugin.settings import Settings
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading, writing
from plugin.store.referral_tables import decisions, outcomes, referrals
from plugin.store.schema import metadata, micros


class SteppingClock:
    """Each look is one second later."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def keys() -> AuditKeys:
    return AuditKeys([b"\x05" * 32])


@pytest.fixture
def trail(keys: AuditKeys) -> Trail:
    return Trail(keys, SteppingClock())


@pytest.fixture
def fill(engine: Engine, trail: Trail) -> Callable[..., None]:
    def fill(count: int = 6, tenant: str = "general") -> None:
        for number in range(count):
            trail.record(
                engine,
                Event(
                    tenant,
                    "chart.read",
                    actor="Practitioner/7",
                    patient=f"patient-canary-{number % 2}",
                    context="ctx-1",
                    detail={"could_not_check": ["Consent"], "number": number},
                ),
            )

    return fill


# ---- a clinic's months, as the ledger and the trail keep them ----


@dataclass
class Clinic:
    """Writes visits at the moments that a test names."""

    engine: Engine
    keys: AuditKeys
    now: datetime = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    count: int = 0

    def note(self, kind: str, minutes: float = 0, **values: Any) -> None:
        moment = self.now + timedelta(minutes=minutes)
        trail = Trail(self.keys, lambda: moment)
        values = {"context": f"ctx-{self.count}", "actor": "Practitioner/1"} | values
        trail.record(self.engine, Event("general", kind, **values))

    def visit(
        self,
        at: datetime,
        *,
        needs: tuple[str, ...] = ("alcohol",),
        groups: dict[str, str] | None = None,
        ends: str = "",
        minutes: float = 4,
        programs: tuple[str, ...] = ("smart",),
        attended_after: int | None = None,
        warning: str = "",
        follow_up: str | None = None,
    ) -> str:
        """One launch, and how it `ends`: "signed", "declined", "handout" or "".

        Gives the referral's id, "" for none.
        """
        self.now, self.count = at, self.count + 1
        patient = f"patient-{self.count}"
        self.note("launch.completed", patient=patient)
        shown = {"needs": list(needs), "groups": groups or {}}
        self.note("recommendation.shown", 0.1, patient=patient, detail=shown)
        if ends == "handout":
            self.note("handout.given", minutes, patient=patient)
        if ends == "declined":
            self._decision(patient, minutes)
        if ends != "signed":
            return ""
        referral = f"referral-{self.count}"
        choices = [{"program": program} for program in programs]
        told = {"referral": referral, "choices": choices}
        self._referral(referral, patient, minutes, choices, warning, follow_up)
        self.note("referral.signed", minutes, patient=patient, detail=told)
        if attended_after is not None:
            self._outcome(referral, attended_after)
        return referral

    def _referral(
        self,
        referral: str,
        patient: str,
        minutes: float,
        choices: list[dict[str, str]],
        warning: str,
        follow_up: str | None,
    ) -> None:
        signed_at = micros(self.now + timedelta(minutes=minutes))
        answers = [{"warning": warning, "text": "t", "follow_up": follow_up}]
        signed = {"choices": choices, "acknowledged": answers if warning else []}
        row = {"id": referral, "tenant": "general", "patient": patient}
        row |= {"context_id": f"ctx-{self.count}", "author": "Practitioner/1"}
        row |= {"subject": "s", "request_key": referral, "request_digest": "d"}
        row |= {"signed": orjson.dumps(signed), "signed_at": signed_at}
        self._insert(referrals, row)

    def _decision(self, patient: str, minutes: float) -> None:
        at = micros(self.now + timedelta(minutes=minutes))
        row = {"id": f"d-{self.count}", "tenant": "general", "patient": patient}
        row |= {"context_id": f"ctx-{self.count}", "author": "Practitioner/1"}
        row |= {"decision": "declined", "reason": "time", "red_unresolved": False}
        self._insert(decisions, row | {"recorded_at": at})
        self.note("referral.declined", minutes, patient=patient)

    def _outcome(self, referral: str, days: int) -> None:
        at = micros(self.now + timedelta(days=days))
        row = {"id": f"o-{referral}", "referral_id": referral, "tenant": "general"}
        row |= {"author": "Practitioner/1", "attended": "yes", "told": b"{}"}
        self._insert(outcomes, row | {"recorded_at": at})

    def _insert(self, table: Table, row: dict[str, Any]) -> None:
        with writing(self.engine) as connection:
            connection.execute(insert(table).values(row))


@pytest.fixture
def clinic(engine: Engine, keys: AuditKeys) -> Clinic:
    return Clinic(engine, keys)


@pytest.fixture
def clinic_of() -> type[Clinic]:
    return Clinic


# ---- the app, its reviewers' screens, and the provider that signs them in ----

APP_URL = "https://app.test"
SECRET = "a secret of the test, and of nothing else"
OURS = {"origin": APP_URL, "sec-fetch-site": "same-origin"}

PEOPLE = (
    Person("moreau", "J. Moreau", "", (AUDITORS,), ("general",)),
    Person("halloran", "R. Halloran", "", (AUDITORS,), ("epic",)),
    Person("abara", "P. Abara", "", (ADMINISTRATORS,), ("general", "epic")),
    Person("both", "B. Oth", "", (AUDITORS, ADMINISTRATORS), ("*",)),
    Person("ito", "K. Ito", "", ("ward-clerks",), ("*",)),
    Person("nowhere", "N. Owhere", "", (AUDITORS,), ()),
)


class MovableClock:
    """The real time, and a step that a test makes."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def settings_for(sandbox: RunningSandbox, folder: Path, **more: Any) -> Settings:
    given: dict[str, Any] = {
        "public_url": APP_URL,
        "database_url": f"sqlite:///{folder / 'selfhelp.db'}",
        "allow_loopback_http": True,
        "ehr": [
            {"id": "general", "issuer": sandbox.issuer(), "client_id": "selfhelp"},
            {"id": "epic", "issuer": sandbox.issuer("epic"), "client_id": "selfhelp"}
            | {"frame_ancestors": ["https://ehr.test"]},
        ],
        "audit_login": {
            "issuer": sandbox.sandbox.staff_login.issuer,
            "client_id": "selfhelp-audit",
            "client_secret_file": "unread",
            "client_secret": SECRET,
            "role": AUDITORS,
            "administrator_role": ADMINISTRATORS,
        },
        "master_keys": [SecretBytes(bytes(range(32)))],
        "audit_keys": [SecretBytes(bytes(range(32, 64)))],
    }
    return Settings.model_validate(given | more)


@dataclass
class Reviewed:
    """An app with its trail, the provider beside it, and a browser."""

    house: House
    client: TestClient
    sandbox: RunningSandbox
    clock: MovableClock

    def sign_in(self, person: str = "moreau") -> requests.Response:
        """Through the provider and back. Gives the answer of our callback."""
        away = self.client.get("/audit/sign-in", follow_redirects=False)
        assert away.status_code == 303, away.text
        return self.come_back(away.headers["location"], person)

    def come_back(self, authorize: str, person: str) -> Any:
        back = requests.get(
            f"{authorize}&{urlencode({'person': person})}",
            allow_redirects=False,
            timeout=5,
        )
        assert back.status_code == 302, back.text
        path = back.headers["location"].removeprefix(APP_URL)
        return self.client.get(path, follow_redirects=False)

    def get(self, path: str) -> Any:
        return self.client.get(path, follow_redirects=False)

    def post(self, path: str, headers: Any = None, **fields: str) -> Any:
        return self.client.post(
            path,
            data=fields,
            headers=OURS if headers is None else headers,
            follow_redirects=False,
        )

    def record(self, kind: str, tenant: str = "general", **values: Any) -> int:
        event = replace(Event(tenant, kind), **values)
        return self.house.trail.record(self.house.engine, event)

    def events(self, kind: str, tenant: str | None = None) -> list[dict[str, Any]]:
        """The records of a kind, oldest first."""
        rows = select(audit_events).where(audit_events.c.kind == kind)
        if tenant is not None:
            rows = rows.where(audit_events.c.tenant == tenant)
        with reading(self.house.engine) as connection:
            found = connection.execute(rows.order_by(audit_events.c.sequence))
            return [orjson.loads(row.canonical) for row in found]

    def refusals(self) -> list[str]:
        return [
            one["detail"]["reason"]
            for one in self.events("security.rejected", NO_TENANT)
        ]


@dataclass(frozen=True)
class Running:
    """What is started once for a file of tests, since starting takes longest."""

    sandbox: RunningSandbox
    client: TestClient
    house: House
    clock: MovableClock


@pytest.fixture(scope="module")
def running(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("reviewed")
    shutil.copyfile(sqlite_template, folder / "selfhelp.db")
    sandbox, clock = start_sandbox(), MovableClock()
    sandbox.sandbox.staff_login.register(APP_URL, SECRET, "selfhelp-audit")
    app = create_app(settings_for(sandbox, folder), clock=clock, with_worker=False)
    with TestClient(app, base_url=APP_URL) as client:
        yield Running(sandbox, client, app.state.house, clock)
    sandbox.stop()


@pytest.fixture
def reviewed(running: Running) -> Iterator[Reviewed]:
    login = running.sandbox.sandbox.staff_login
    login.people = {person.id: person for person in PEOPLE}
    login.changes, login.redeemed = {}, 0
    running.clock.ahead = timedelta()
    running.client.cookies.clear()
    with writing(running.house.engine) as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name != "signing_keys":
                connection.execute(table.delete())
    yield Reviewed(running.house, running.client, running.sandbox, running.clock)
    running.client.app.state.house = running.house  # type: ignore[attr-defined]
