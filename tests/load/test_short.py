"""A short form of each long run, so that a change cannot break it unseen.

What is right is asserted, and never how long it took.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fleet import PATIENTS, Fleet, record_number
from load_journeys import SITES, findings, hang, launches, work
from load_replicas import reads
from load_soak import soaked

pytestmark = pytest.mark.slow


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    sites = {tenant: path for tenant, (path, _) in SITES.items()}
    with Fleet(tmp_path, f"sqlite:///{tmp_path}/selfhelp.db", sites) as started:
        yield started


def test_D1_D2_launches_at_once_and_in_a_stream_are_each_their_own(
    fleet: Fleet,
) -> None:
    app = fleet.start_app()
    fleet.until_ready(app)
    fleet.clinician().launch(PATIENTS[0])
    asked = [PATIENTS[number % len(PATIENTS)] for number in range(8)]
    with ThreadPoolExecutor(len(asked)) as clinicians:
        opened = list(clinicians.map(lambda one: fleet.clinician().launch(one), asked))
        # Then one after the other is begun, however long those before it take.
        stream = []
        for one in asked:
            stream.append(clinicians.submit(fleet.clinician().launch, one))
            time.sleep(1 / 20)  # the pace of the load, which nothing waits for
        opened += [one.result() for one in stream]
    assert len({one.path for one in opened}) == 2 * len(asked)
    numbers = {patient: record_number(patient) for patient in PATIENTS}
    for one in opened:
        shown = {patient for patient, number in numbers.items() if number in one.page}
        assert shown == {one.patient}


def test_D3_D4_each_journey_ends_in_one_referral_and_a_hung_tenant_is_alone(
    fleet: Fleet,
) -> None:
    app = fleet.start_app()
    fleet.until_ready(app)
    worked = work(fleet, app, clinicians=6, seconds=3, think=0.1)
    assert worked.failed == []
    assert len(worked.signed) >= 6
    assert findings(fleet, worked.signed, 60) == []

    fleet.fault("hang", site="epic", seconds=20)
    stop = threading.Event()
    hang(fleet, "lakeside", 10, stop)
    others = [tenant for tenant in SITES if tenant != "lakeside"]
    assert len(launches(fleet, others, 2)) == 2 * len(others)
    stop.set()
    assert reads(fleet, [app], 0.3, 2).rate > 0


def test_D9_a_soak_under_faults_loses_nothing_and_leaks_nothing(fleet: Fleet) -> None:
    app = fleet.start_app()
    fleet.until_ready(app)
    before, after, found, signed = soaked(fleet, app, warm=4, seconds=4, every=0.5)
    assert signed >= 10
    assert found == []
    assert after.threads <= before.threads + 40  # the pool of threads fills once
    assert after.files <= before.files + 20
    assert after.megabytes < before.megabytes + 30
