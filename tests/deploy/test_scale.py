"""Two processes of the app and two workers on one PostgreSQL; one of each is killed."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from fleet import PATIENTS, Fleet, Opened, until_written

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

CLINICIANS = 8
EACH_SIGNS = 3


@pytest.fixture
def database_kind() -> str:
    return "postgres"


@pytest.fixture
def fleet(tmp_path: Path, empty_database_url: str) -> Iterator[Fleet]:
    with Fleet(tmp_path, empty_database_url) as started:
        yield started


def test_W10_two_apps_and_two_workers_write_each_referral_once(fleet: Fleet) -> None:
    # Both find an empty database: one of them makes the schema.
    one, other = fleet.start_app("--no-worker"), fleet.start_app("--no-worker")
    workers = [fleet.start_worker(), fleet.start_worker()]
    for app in (one, other):
        fleet.until_ready(app)
    fleet.fault("delay", on="create", seconds=0.1)
    fleet.fault("drop_after", on="create", after=5, times=3)
    signed_some = threading.Event()

    def works(number: int) -> tuple[Opened, list[str]]:
        clinician = fleet.clinician((one, other)[number % 2])
        opened = clinician.launch(PATIENTS[number % len(PATIENTS)])
        # What was launched at one process is used at both.
        here = Opened(fleet.clinician(one), opened.path, opened.patient, "", 0.0)
        there = Opened(fleet.clinician(other), opened.path, opened.patient, "", 0.0)
        here.clinician.cookies = there.clinician.cookies = clinician.cookies
        signed = []
        for turn in range(EACH_SIGNS):
            key = f"key-{number}-{turn}"
            try:
                signed.append((there if turn % 2 else here).sign(key))
            except requests.ConnectionError:
                signed.append(here.sign(key))
            signed_some.set()
        return here, signed

    with ThreadPoolExecutor(CLINICIANS) as clinicians:
        work = [clinicians.submit(works, number) for number in range(CLINICIANS)]
        signed_some.wait(60)
        workers[1].kill()
        other.kill()
        done = [one.result() for one in work]
    for opened, signed in done:
        until_written(opened, signed, 90)
    ids = [referral for _, signed in done for referral in signed]
    assert len(set(ids)) == CLINICIANS * EACH_SIGNS
    once = {"ServiceRequest": 1, "DocumentReference": 1}
    assert {i: fleet.written()[i] for i in ids} == dict.fromkeys(ids, once)
    verified = fleet.command("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert one.stop() == 0
    assert workers[0].stop() == 0
