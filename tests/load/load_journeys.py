"""Clinicians at work: the whole journey, and what a hung EHR does to the others.

Fifty at once for fifteen minutes, each with some seconds to think: open the app from a
chart, read, sign, see it written. In the end every referral stands in the record once,
under the patient for whom it was signed. Then five tenants, one of which hangs.
"""

import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests
from fleet import PATIENTS, Fleet, Process, Refused, patient_id
from stage import line

CLINICIANS = 50
SECONDS = 900.0
THINK = 5.0  # seconds, on average
CALL = 0.050  # seconds for one call to the EHR
SETTLE = 120.0  # seconds for what was signed last

# By tenant: the sandbox's site, and the name by which a launch there is asked for.
SITES = {
    "general": ("/r4", ""),
    "lakeside": ("/epic/r4", "epic"),
    "prairie": ("/oracle/r4", "oracle"),
    "harbor": ("/athena/r4", "athena"),
    "hillcrest": ("/readonly/r4", "read-only"),
}


@dataclass(slots=True)
class Worked:
    """What fifty clinicians did, and what went wrong."""

    signed: dict[str, str] = field(default_factory=dict)  # referral -> patient
    launches: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def work(
    fleet: Fleet, process: Process, *, clinicians: int, seconds: float, think: float
) -> Worked:
    """Let them work until the time is over."""
    worked, until = Worked(), time.monotonic() + seconds
    with ThreadPoolExecutor(clinicians) as rooms:
        for number in range(clinicians):
            rooms.submit(_one, fleet, process, number, until, think, worked)
    return worked


def _one(
    fleet: Fleet,
    process: Process,
    number: int,
    until: float,
    think: float,
    worked: Worked,
) -> None:
    dice = random.Random(number)
    turn = 0
    while time.monotonic() < until:
        patient = PATIENTS[(number + turn) % len(PATIENTS)]
        turn += 1
        try:
            opened = fleet.clinician(process).launch(patient)
            time.sleep(dice.uniform(0, 2 * think))
            referral = opened.sign(f"key-{number}-{turn}")
            with worked.lock:
                worked.launches.append(opened.seconds)
                worked.signed[referral] = patient
        except (Refused, requests.RequestException, KeyError, IndexError) as error:
            with worked.lock:
                worked.failed.append(f"{type(error).__name__}: {error}"[:300])
            time.sleep(0.2)


def findings(fleet: Fleet, signed: dict[str, str], seconds: float) -> list[str]:
    """What is lost, doubled or another patient's, once all had time to be written."""
    until = time.monotonic() + seconds
    once = {"ServiceRequest": 1, "DocumentReference": 1}
    while time.monotonic() < until:
        written = fleet.written()
        if all(written.get(one) == once for one in signed):
            break
        time.sleep(1)
    counted = fleet.counts()
    found = [
        f"{one}: {fleet.written().get(one, {})}"
        for one in signed
        if fleet.written().get(one) != once
    ][:10]
    for write in counted["writes"]:
        for identifier in write["identifiers"]:
            of = signed.get(identifier.partition(".")[0])
            if of is not None and write["patient"] != patient_id(of):
                found.append(f"{identifier}: written for {write['patient']}")
    if counted["wrong_patient"]:
        found.append(f"{counted['wrong_patient']} calls for another patient")
    return found


def p95(taken: Sequence[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.95)] if taken else float("inf")


def launches(fleet: Fleet, tenants: Sequence[str], count: int) -> list[float]:
    """One after the other from each tenant, all tenants at once."""

    def of(tenant: str) -> list[float]:
        site = SITES[tenant][1]
        return [
            fleet.clinician().launch(PATIENTS[n % len(PATIENTS)], site).seconds
            for n in range(count)
        ]

    with ThreadPoolExecutor(len(tenants)) as rooms:
        return [one for taken in rooms.map(of, tenants) for one in taken]


def hang(fleet: Fleet, tenant: str, callers: int, stop: threading.Event) -> None:
    """Clinicians of the hung tenant who try again and again."""

    def tries() -> None:
        clinician = fleet.clinician()
        asked = {"iss": f"{fleet.ehr}{SITES[tenant][0]}", "launch": "again"}
        while not stop.is_set():
            with suppress(requests.RequestException):
                clinician.get("/launch", params=asked)
            stop.wait(0.1)

    for _ in range(callers):
        threading.Thread(target=tries, daemon=True).start()


def main() -> int:
    """Gives 0; 1 where something was lost, doubled or mixed up."""
    with tempfile.TemporaryDirectory() as folder:
        found = _journeys(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        _one_hangs(Path(folder))
    for one in found:
        print(one, file=sys.stderr)
    return 1 if found else 0


def _journeys(folder: Path) -> list[str]:
    with Fleet(folder, f"sqlite:///{folder}/selfhelp.db") as fleet:
        app = fleet.start_app()
        fleet.until_ready(app)
        fleet.fault("delay", seconds=CALL)
        worked = work(fleet, app, clinicians=CLINICIANS, seconds=SECONDS, think=THINK)
        found = findings(fleet, worked.signed, SETTLE)
        name = f"{CLINICIANS} clinicians for {SECONDS / 60:.0f} min"
        line(f"{name}, referrals", len(worked.signed), "", 1, "each written once")
        line(f"{name}, lost or mixed", len(found), "", 1, "0")
        line(f"{name}, failed", len(worked.failed), "", 1, "0")
        line(f"{name}, launch p95", p95(worked.launches), "s", 0.4, "0.4 s")
        for what, count in Counter(worked.failed).most_common(3):
            print(f"{count}x {what}", file=sys.stderr)
        return found


def _one_hangs(folder: Path) -> None:
    sites = {tenant: path for tenant, (path, _) in SITES.items()}
    with Fleet(folder, f"sqlite:///{folder}/selfhelp.db", sites) as fleet:
        fleet.until_ready(fleet.start_app())
        fleet.fault("delay", seconds=CALL)
        others = [tenant for tenant in SITES if tenant != "lakeside"]
        launches(fleet, list(SITES), 2)
        before = p95(launches(fleet, others, 30))
        # The sandbox names its sites after the flavours.
        fleet.fault("hang", site="epic", seconds=30)
        stop = threading.Event()
        hang(fleet, "lakeside", 20, stop)
        time.sleep(1)
        during = p95(launches(fleet, others, 30))
        stop.set()
        line("launch p95, five tenants", before, "s", 0.4, "0.4 s")
        against = "all well, the same run; bound 2"
        line("launch p95, one of five hung", during, "s", before, against)


if __name__ == "__main__":
    sys.exit(main())
