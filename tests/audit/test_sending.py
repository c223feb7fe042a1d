"""AuditEvents reach the repository once, whatever happens on the way."""

import base64
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from plugin.app import audit_sending
from plugin.audit.balp import Site
from plugin.audit.keys import AuditKeys
from plugin.audit.repository import Repository
from plugin.audit.sending import LEASE, Sending, send_again, standings, unsent
from plugin.audit.trail import Event, Trail
from plugin.cli import main
from plugin.foundation import lay
from plugin.settings import load_settings
from smart_launch.outbound import Outbound
from smart_launch.registration import REQUIRED_SCOPES, Registration
from smart_launch.secret import Secret

CANARY = "patient-canary"
TABLE = """
[audit_repository]
server = "https://kept.example/fhir"
token_file = "token"
"""
SEARCHES = ["Condition?_count=200", "Consent?_count=200"]


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class FakeRepository:
    """Keeps what is put, counts the calls, and answers as a test says."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.calls: list[str] = []
        self.tokens: set[str | None] = set()
        self.answers: list[int | str] = []  # of the next calls; then 201
        self.refuse: dict[str, int] = {}  # by subtype
        self.took: Callable[[], None] = lambda: None  # what passes meanwhile
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                length = int(self.headers["content-length"])
                event = orjson.loads(self.rfile.read(length))
                fake.calls.append(self.path)
                fake.took()
                fake.tokens.add(self.headers["authorization"])
                answer = fake.answers.pop(0) if fake.answers else 201
                answer = fake.refuse.get(event["subtype"][0]["code"], answer)
                if answer in (201, "lost"):
                    assert self.path == f"/fhir/AuditEvent/{event['id']}"
                    fake.kept[event["id"]] = event
                if answer == "lost":
                    self.close_connection = True
                    return
                self.send_response(int(answer))
                if answer == 429:
                    self.send_header("retry-after", "90")
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/fhir"

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()


@pytest.fixture
def fake() -> Iterator[FakeRepository]:
    running = FakeRepository()
    yield running
    running.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sending(engine: Engine, fake: FakeRepository, clock: Clock) -> Iterator[Sending]:
    registration = Registration(
        id="audit repository",
        issuer=fake.address,
        client_id="none",
        client_auth="none",
        redirect_uri="https://app.test/callback",
        scopes=tuple(REQUIRED_SCOPES),
        allow_loopback_http=True,
    )
    outbound = Outbound()
    repository = Repository(registration, outbound, Secret("token-canary"))
    trail = Trail(AuditKeys([b"\x05" * 32]), clock)
    yield Sending(
        engine,
        trail,
        repository,
        {"general": Site("https://app.test", "general", "https://ehr.example/r4")},
        clock,
    )
    outbound.close()


def act(sending: Sending, kind: str = "handout.given", **values: Any) -> None:
    event = Event("general", kind, "Practitioner/7", CANARY, "ctx", **values)
    sending.trail.record(sending.engine, event)


def read_chart(sending: Sending) -> None:
    act(sending, "chart.read", detail={"searches": SEARCHES})


def all_of(sending: Sending) -> None:
    while sending.run_once():
        pass


def test_events_are_sent_once_each_in_order(
    sending: Sending, fake: FakeRepository, clock: Clock
) -> None:
    act(sending, "launch.completed")  # of no pattern
    read_chart(sending)
    act(sending)
    all_of(sending)
    assert [e["subtype"][0]["code"] for e in fake.kept.values()] == [
        *("read", "search-type", "search-type"),
        "disclose",
    ]
    assert len(fake.calls) == 4
    assert fake.tokens == {"Bearer token-canary"}
    clock.now += timedelta(minutes=1)
    act(sending)
    all_of(sending)
    assert len(fake.calls) == len(fake.kept) == 5
    (one,) = standings(sending.engine)
    assert (one.tenant, one.through, one.newest, one.refused) == ("general", 4, 4, 0)


def test_lost_answer_makes_no_second_event(
    sending: Sending, fake: FakeRepository, clock: Clock
) -> None:
    act(sending)
    fake.answers = ["lost"]
    all_of(sending)
    assert standings(sending.engine)[0].reason == "no answer"
    clock.now += timedelta(seconds=6)
    all_of(sending)
    assert len(fake.calls) == 2
    assert len(fake.kept) == 1
    assert standings(sending.engine)[0].reason == ""


@pytest.mark.parametrize(
    ("status", "wait"),
    [
        pytest.param(503, 5, id="503"),
        pytest.param(500, 5, id="500"),
        pytest.param(401, 5, id="401"),
        pytest.param(404, 5, id="404"),
        pytest.param(307, 5, id="redirect"),
        pytest.param(429, 90, id="as-long-as-it-says"),
    ],
)
def test_repository_that_is_away_is_asked_later(
    sending: Sending, fake: FakeRepository, clock: Clock, status: int, wait: int
) -> None:
    act(sending)
    fake.answers = [status, status]
    all_of(sending)
    all_of(sending)
    assert len(fake.calls) == 1
    clock.now += timedelta(seconds=wait)
    all_of(sending)
    assert len(fake.calls) == 2, "the second failure doubles the wait"
    clock.now += timedelta(seconds=wait)
    all_of(sending)
    clock.now += timedelta(seconds=wait)
    all_of(sending)
    assert len(fake.kept) == 1
    assert not unsent(sending.engine)


def test_refused_event_is_kept_for_a_person_and_the_rest_goes_on(
    sending: Sending, fake: FakeRepository, caplog: pytest.LogCaptureFixture
) -> None:
    read_chart(sending)
    act(sending)
    fake.refuse = {"read": 422}
    all_of(sending)
    assert len(fake.kept) == 3
    (dead,) = unsent(sending.engine)
    assert (dead.tenant, dead.sequence, dead.reason) == ("general", 1, "status 422")
    assert standings(sending.engine)[0].refused == 1
    fake.refuse = {}
    assert send_again(sending.engine) == 1
    all_of(sending)
    assert len(fake.kept) == 4
    assert not unsent(sending.engine)
    said = " ".join(record.getMessage() for record in caplog.records)
    for canary in (CANARY, "token-canary", "Practitioner/7"):
        assert canary not in said


def test_W17_record_that_makes_no_event_does_not_stop_the_rest(
    sending: Sending, fake: FakeRepository
) -> None:
    act(sending, "chart.read", detail={"searches": 7})
    act(sending)
    all_of(sending)
    (dead,) = unsent(sending.engine)
    assert (dead.sequence, dead.reason) == (1, "malformed")
    assert len(fake.kept) == 1


def test_batch_that_takes_half_of_its_lease_ends_there(
    sending: Sending, fake: FakeRepository, clock: Clock
) -> None:
    for _ in range(3):
        act(sending)
    fake.took = lambda: setattr(clock, "now", clock.now + LEASE / 4)
    assert sending.run_once()
    assert len(fake.kept) == 2
    fake.took = lambda: None
    all_of(sending)
    assert len(fake.kept) == len(fake.calls) == 3


def test_work_of_a_process_that_was_killed_is_done_by_another(
    sending: Sending, fake: FakeRepository, clock: Clock
) -> None:
    act(sending)
    job = sending._claimed()
    assert job is not None
    assert sending.run_once() is False, "the lease is another's"
    clock.now += LEASE
    all_of(sending)
    assert len(fake.kept) == 1
    sending._settle(job, sending._send("general", 0))  # it was not dead, but slow
    assert standings(sending.engine)[0].through == 1
    assert len(fake.kept) == 1


def test_command_says_how_far_it_came_and_what_was_refused(
    sending: Sending,
    fake: FakeRepository,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["audit", "repository", *arguments, "--config", str(config)])
        assert isinstance(ended.value.code, int)
        return ended.value.code, capsys.readouterr().out

    config = tmp_path / "selfhelp.toml"
    config.write_text(
        f'public_url = "https://app.test"\ndatabase_url = "{database_url}"\n'
        '[[ehr]]\nid = "general"\nissuer = "https://ehr.example/r4"\n'
        'client_id = "selfhelp"\n[audit_repository]\nserver = "https://kept.example"\n'
    )
    key = base64.b64encode(bytes(range(31, -1, -1))).decode()
    monkeypatch.setenv("SELFHELP_MASTER_KEY", key)
    act(sending)
    fake.refuse = {"disclose": 422}
    all_of(sending)
    code, said = run()
    assert code == 1
    assert "general  sent through 1 of 1  1 refused" in said
    assert "record 1" in said
    assert CANARY not in said
    assert run("--again") == (0, "1 to be sent again\n")
    fake.refuse = {}
    all_of(sending)
    assert run()[0] == 0


@pytest.mark.parametrize("table", ["", TABLE], ids=["not-set", "set"])
def test_app_sends_where_the_site_has_set_it(tmp_path: Path, table: str) -> None:
    (tmp_path / "token").write_text("token-canary\n")
    config = tmp_path / "selfhelp.toml"
    config.write_text(
        f'public_url = "https://app.test"\ndatabase_url = "sqlite:///{tmp_path}/a.db"\n'
        '[[ehr]]\nid = "general"\nissuer = "https://ehr.example/r4"\n'
        f'client_id = "selfhelp"\n{table}'
    )
    key = base64.b64encode(bytes(range(31, -1, -1))).decode()
    settings = load_settings(config, {"SELFHELP_MASTER_KEY": key})
    foundation = lay(settings)
    found = audit_sending(foundation, Outbound())
    foundation.engine.dispose()
    assert (found is not None) == bool(table)
    if found is not None:
        assert found.repository.registration.base == "https://kept.example/fhir"
        assert found.repository.token == Secret("token-canary")
        assert set(found.sites) == {"general"}
    assert "token-canary" not in repr((settings, found))
