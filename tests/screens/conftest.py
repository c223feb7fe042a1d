"""A recommendation, a chart and what surrounds them, as the screens are handed them.

Below: the whole app, put together as it is in operation, against a sandbox EHR.
"""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
import pytest
import requests
import uvicorn
from fastapi import FastAPI
from pydantic import SecretBytes
from sqlalchemy import select
from starlette.testclient import TestClient

from deploy.sandbox.serving import RunningSandbox, start_sandbox
from plugin.app import create_app
from plugin.chart.chart import Chart, Coding, Condition, Medication, Patient
from plugin.directory.listing import FeedOptions
from plugin.directory.meeting import Occurrence
from plugin.directory.sources import FileSource
from plugin.house import House
from plugin.matching.recommendation import (
    Because,
    Evidence,
    Feature,
    Need,
    Recommendation,
    Recommended,
    Removed,
    SingleSession,
    Unmapped,
    UnreadableEntry,
)
from plugin.matching.recommendation import Warning as SafetyWarning
from plugin.screens.patient_line import Frame, patient_line, read_words
from plugin.screens.warning_lines import CrisisLine
from plugin.screens.words import Words
from plugin.settings import Settings
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading
from tests.screens.watching import Watched

NOW = datetime(2026, 3, 2, 15, 20, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
ICD = "http://hl7.org/fhir/sid/icd-10-cm"


def occurrence(
    number: int, program: str, day: int, *, attendance: str = "in-person"
) -> Occurrence:
    online = attendance == "online"
    return Occurrence(
        id=f"{program}-{number}",
        feed="demo",
        key=str(number),
        program=program,
        name="Evening meeting",
        starts=datetime(2026, 3, day, 18, 30, tzinfo=NEW_YORK),
        minutes=60,
        attendance=attendance,  # type: ignore[arg-type]
        km=None if online else 1.4,
        tags=("open", "beginners"),
        languages=("en",),
        venue="" if online else "Lantern House, Room 2",
        address="" if online else "Brooklyn",
        timezone="America/New_York",
        url="https://groups.example.org/meeting",
        feed_fetched=NOW - timedelta(days=1),
    )


FEATURES = (
    Feature("need", 0.45, 1.0, known=True, text="Serves the need"),
    Feature("evidence", 0.20, 0.75, known=True, text="Evidence for it"),
    Feature("reach", 0.15, 0.3, known=True, text="Next meeting, travel"),
    Feature("preference", 0.10, 0.5, known=False, text="Preferences"),
)
F10 = Because("Condition/1", ICD, "F10.20", "Alcohol dependence, uncomplicated")
F33 = Because("Condition/2", ICD, "F33.1", "Depressive disorder, recurrent, moderate")


def program(
    program_id: str,
    name: str,
    grade: str,
    approach: str,
    meetings: Sequence[Occurrence],
) -> Recommended:
    return Recommended(
        id=program_id,
        name=name,
        score=0.9,
        fit="strong" if grade in "AB" else "good",
        approach=(approach, "peer-led"),
        evidence=Evidence(
            grade,  # type: ignore[arg-type]
            ("zemore2018",),
            "Involvement predicted outcome equally across groups.",
            ("Zemore SE et al. A longitudinal study. J Subst Abuse Treat 2018;88:18",),
        ),
        needs=("alcohol",),
        reasons=(
            "For alcohol use (F10.20), with tools for urges and mood.",
            "Supports prescribed medicine.",
        ),
        cautions=("Views on psychiatric medicine vary by group.",),
        deferred=False,
        features=FEATURES,
        meetings=tuple(meetings),
        because=(F10,),
    )


@pytest.fixture
def chart() -> Chart:
    return Chart(
        patient=Patient(
            reference="Patient/t-00417",
            id="t-00417",
            name="Marcus Avery",
            birth_date="1979-05-14",
            gender="male",
            mrn="T-00417",
            language="en",
        ),
        conditions=(
            Condition("Condition/1", (Coding(ICD, "F10.20"),), recorded="2026-02-12"),
            Condition("Condition/2", (Coding(ICD, "F33.1"),), recorded="2025-12-08"),
        ),
        medications=(Medication("MedicationRequest/1", (), "sertraline 100 mg"),),
        read_at=NOW - timedelta(minutes=3),
    )


@pytest.fixture
def recommendation() -> Recommendation:
    return Recommendation(
        knowledge_version="2026.02",
        at=NOW,
        age=46,
        gender="male",
        needs=(
            Need("alcohol", "Alcohol use", "active", 1.0, (F10,)),
            Need("depression", "Depression", "active", 1.0, (F33,)),
            Need("dual_diagnosis", "Both together", "active", 1.0, (), derived=True),
            Need(
                "loneliness",
                "Loneliness",
                "ask",
                0.0,
                (Because("Condition/3", ICD, "Z60.2", "Lives alone"),),
            ),
        ),
        warnings=(
            SafetyWarning(
                "S6b",
                "amber",
                "Ask about withdrawal before abstinence",
                "Past seizure, delirium? Daily amount? Last drink?",
                (F10,),
                must=("Ask about seizures and delirium before any abstinence advice",),
                asks_withdrawal=True,
            ),
            SafetyWarning(
                "S16",
                "info",
                "The patient decides what is written",
                "42 CFR Part 2 may apply.",
                (F10,),
            ),
        ),
        programs=(
            program(
                "dra",
                "Dual Recovery Anonymous",
                "B",
                "12-step",
                [occurrence(1, "dra", 7, attendance="online")],
            ),
            program(
                "smart",
                "SMART Recovery",
                "B",
                "secular",
                [occurrence(1, "smart", 3), occurrence(2, "smart", 7)],
            ),
            program(
                "dbsa", "DBSA support group", "C", "secular", [occurrence(1, "dbsa", 4)]
            ),
            program(
                "aa", "Alcoholics Anonymous", "A", "12-step", [occurrence(1, "aa", 2)]
            ),
            program("lifering", "LifeRing", "B", "secular", []),
        ),
        offered=("dra", "smart", "dbsa", "aa"),
        single_sessions=(
            SingleSession(
                "mi1",
                "Motivational interviewing",
                45,
                ("A frame for this talk.",),
                Evidence("A", ("Vasilaki 2006",)),
            ),
        ),
        removed=(
            Removed(
                "mm", "Moderation Management", "Not in dependence (F10.20).", "S6b"
            ),
            Removed("celebrate", "Celebrate Recovery", "Faith-based.", "requires"),
        ),
        unmapped=(Unmapped("Condition/9", "Essential hypertension", ICD, "I10"),),
        unreadable=(),
        could_not_check=(),
        notes=("Methadone from an opioid treatment program may not appear: ask.",),
    )


@pytest.fixture
def red(recommendation: Recommendation) -> Recommendation:
    """The same, with suicide risk above it, and a chart that was read in part."""
    risk = SafetyWarning(
        "S1",
        "red",
        "Suicide risk: assess now",
        "PHQ-9 item 9 is 2. This app does not assess risk.",
        (Because("Observation/4", "http://loinc.org", "44260-8", "PHQ-9 item 9"),),
        must=("First: safety planning with the patient.", "Ask: means at home."),
        needs_answer=True,
        needs_follow_up=True,
        crisis_lines=("us_988",),
    )
    return replace(
        recommendation,
        warnings=(risk, *recommendation.warnings),
        could_not_check=("Observation",),
        unreadable=(UnreadableEntry(3, "Condition without a code"),),
    )


@pytest.fixture
def empty(recommendation: Recommendation) -> Recommendation:
    """A patient for whom nothing fits."""
    return replace(
        recommendation, age=15, needs=(), programs=(), offered=(), warnings=()
    )


@pytest.fixture
def words() -> Words:
    return Words.of("en", "US")


@pytest.fixture
def frame(chart: Chart, words: Words) -> Frame:
    return Frame(
        base="/launches/c0ffee",
        active="recommend",
        patient=patient_line(chart, 46, words),
        user_name="Dr. R. Lindqvist",
        full_banner=True,
        open_referrals=2,
        read=read_words(chart, words, NOW),
    )


def no_lines(ids: Sequence[str]) -> Sequence[CrisisLine]:
    return [CrisisLine("988", "call or text", "not checked") for _ in ids]


@pytest.fixture
def now() -> datetime:
    return NOW


# ---- the whole app against a sandbox EHR ----

CLIENT_HEADERS = {"origin": "https://app.test", "sec-fetch-site": "same-origin"}
APP_URL = "https://app.test"
FEED = [
    {
        "slug": f"{day}-{hour}",
        "name": f"Lantern group {day}",
        "day": day,
        "time": f"{hour}:30",
        "end_time": f"{hour + 1}:30",
        "types": ["O", "BE"],
        "location": "Lantern House",
        "formatted_address": "5 Quay Street, Brooklyn, NY 11201, USA",
        "latitude": 40.6951,
        "longitude": -73.9911,
        "timezone": "America/New_York",
    }
    for day in range(7)
    for hour in (12, 18)
]


@dataclass
class Installed:
    """An app, the EHR beside it, and a browser that speaks to both."""

    app: FastAPI
    client: TestClient
    sandbox: RunningSandbox

    @property
    def house(self) -> House:
        house: House = self.app.state.house
        return house

    def launch(self, patient: str = "alcohol", *, tenant: str = "general") -> str:
        """Open the app from a chart. Gives the path of the launch's first page."""
        flavour = "" if tenant == "general" else tenant
        answer = self.client.get(
            "/launch",
            params={
                "iss": self.sandbox.issuer(flavour),
                "launch": self.sandbox.mint_launch(patient, flavour),
            },
            follow_redirects=False,
        )
        assert answer.status_code == 303, answer.text
        return self.come_back(answer.headers["location"])

    def come_back(self, authorize: str) -> str:
        back = requests.get(authorize, allow_redirects=False, timeout=5)
        callback = back.headers["location"].removeprefix(APP_URL)
        answer = self.client.get(callback, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def post(self, path: str, fields: Sequence[tuple[str, str]], **more: Any) -> Any:
        return self.client.post(
            path,
            content=urlencode(list(fields)),
            headers={
                "content-type": "application/x-www-form-urlencoded",
                **CLIENT_HEADERS,
            },
            follow_redirects=False,
            **more,
        )

    def write_everything(self) -> None:
        """What the worker does by itself, done now."""
        for _ in range(20):
            if not self.house.worker.run_once():
                return

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The trail's events of a kind, oldest first."""
        with reading(self.house.engine) as connection:
            rows = connection.execute(
                select(audit_events)
                .where(audit_events.c.kind == kind)
                .order_by(audit_events.c.tenant, audit_events.c.sequence)
            )
            return [orjson.loads(row.canonical) for row in rows]


def settings_for(
    sandbox: RunningSandbox, folder: Path, public_url: str = APP_URL, **more: Any
) -> Settings:
    def ehr(name: str, flavour: str, **own: Any) -> dict[str, Any]:
        return {
            "id": name,
            "issuer": sandbox.issuer(flavour),
            "client_id": "selfhelp",
            "frame_ancestors": [f"https://{name}.ehr.test"],
            **more,
            **own,
        }

    return Settings.model_validate(
        {
            "public_url": public_url,
            "database_url": f"sqlite:///{folder / 'selfhelp.db'}",
            "allow_loopback_http": True,
            "ehr": [
                ehr("general", ""),
                ehr("epic", "epic"),
                ehr("read-only", "read-only"),
                ehr("spanish", "oracle", language="es"),
            ],
            "master_keys": [SecretBytes(bytes(range(32)))],
            "audit_keys": [SecretBytes(bytes(range(32, 64)))],
        }
    )


def fill(
    house: House,
    folder: Path,
    *,
    names: Sequence[str] = ("aa", "smart", "dbsa"),
    rows: int | None = None,
) -> None:
    """A few meetings beside the sandbox's patients in Brooklyn."""
    file = folder / "feed.json"
    file.write_bytes(orjson.dumps(FEED[-rows:] if rows else FEED))
    for name in names:
        options = FeedOptions(
            feed=f"test-{name}",
            program=name,
            format="meeting-guide",
            timezone="America/New_York",
        )
        house.directory.import_feed(FileSource(file), options, accept_shrunken=True)


@pytest.fixture
def fill_directory() -> Callable[..., None]:
    return fill


@dataclass(frozen=True)
class Prepared:
    """A database as it is after the first start, and the keys that it holds."""

    database: Path
    jwks: dict[str, Any]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Made once: to migrate and to fill a database is most of a test's time."""
    folder = tmp_path_factory.mktemp("prepared")
    sandbox = start_sandbox()
    app = create_app(settings_for(sandbox, folder), with_worker=False)
    with TestClient(app, base_url=APP_URL):
        fill(app.state.house, folder)
        jwks = app.state.house.smart.keys.public_jwks()
    sandbox.stop()
    return Prepared(folder / "selfhelp.db", jwks)


class MovableClock:
    """The real time, and a step that a test makes."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def moving_clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def make_installed(
    sandbox: RunningSandbox,
    prepared: Prepared,
    tmp_path: Path,
    moving_clock: MovableClock,
) -> Iterator[Callable[..., Installed]]:
    """The app at sites with these settings."""
    with ExitStack() as running:

        def make(**settings: Any) -> Installed:
            shutil.copy(prepared.database, tmp_path / "selfhelp.db")
            sandbox.register_client(APP_URL, jwks=prepared.jwks)
            app = create_app(
                settings_for(sandbox, tmp_path, **settings),
                clock=moving_clock,
                with_worker=False,
            )
            client = running.enter_context(TestClient(app, base_url=APP_URL))
            return Installed(app, client, sandbox)

        yield make


@pytest.fixture
def installed(make_installed: Callable[..., Installed]) -> Installed:
    return make_installed()


# ---- the same, on real ports, for a real browser ----


@dataclass
class Served:
    """The app as its own server, and the sandbox EHR that opens it in a frame."""

    url: str
    house: House
    sandbox: RunningSandbox

    def launch_url(self, patient: str, flavour: str = "") -> str:
        query = {
            "iss": self.sandbox.issuer(flavour),
            "launch": self.sandbox.mint_launch(patient, flavour),
        }
        return f"{self.url}/launch?{urlencode(query)}"


@pytest.fixture(scope="module")
def served(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The EHR is `localhost` and the app `127.0.0.1`: two sites to a browser."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(prepared.database, folder / "selfhelp.db")
    sandbox = start_sandbox("localhost")
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = settings_for(
        sandbox, folder, url, frame_ancestors=[sandbox.url.rstrip("/")]
    )
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    sandbox.register_client(url, jwks=prepared.jwks)
    yield Served(url, app.state.house, sandbox)
    server.should_exit = True
    thread.join(10)
    sandbox.stop()


Open = Callable[..., Watched]


@pytest.fixture
def tab(chromium: Any, served: Served) -> Iterator[Open]:
    """Open the app from a chart, in a fresh browser profile."""
    contexts = []

    def open_app(
        patient: str, width: int = 1280, flavour: str = "", **more: Any
    ) -> Watched:
        context = chromium.new_context(viewport={"width": width, "height": 900}, **more)
        # No outcome is a matter of time: a slow machine only takes longer.
        context.set_default_timeout(60_000)
        contexts.append(context)
        watched = Watched(context.new_page(), served.url)
        watched.page.goto(served.launch_url(patient, flavour))
        return watched

    yield open_app
    for context in contexts:
        context.close()
