"""Two processes of the app against one, where the EHR is not the limit.

Clinicians read a recommendation again and again: the chart is at hand, so all the time
is the app's own. On two cores the generator takes its part too; what it takes is
printed, since it bounds what a second process can give.

Where other work keeps the cores busy, the clock tells of that work. So it is also
measured what each process answers for each second of processor time that it gets: the
sum over two, against one, is what two cores give that are theirs alone, and falls short
of two by what one process costs the other (locks, the shared database, caches).
"""

import http.client
import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from fleet import PATIENTS, Clinician, Fleet, Process, postgres
from stage import line

SECONDS = 20.0
BROWSERS = 4  # for each process


@dataclass(frozen=True, slots=True)
class Read:
    """`rate`, recommendations a second; `on_own_cores`, for each second of processor
    time, summed over the processes; `share`, of a core, that asking for them took.
    """

    rate: float
    on_own_cores: float
    share: float


def reads(
    fleet: Fleet, processes: list[Process], seconds: float, browsers: int
) -> Read:
    counts: dict[int, list[int]] = {process.port or 0: [] for process in processes}
    threads = []
    for number in range(browsers * len(processes)):
        process = processes[number % len(processes)]
        clinician = fleet.clinician(process)
        path = clinician.launch(PATIENTS[number % len(PATIENTS)]).path
        threads.append((clinician, f"{path}api/recommendation"))
    started = time.perf_counter()
    own, until = time.process_time(), started + seconds
    before = {process.port or 0: process.cpu_seconds() for process in processes}
    running = [
        threading.Thread(target=_read, args=(one, path, until, counts[one.port]))
        for one, path in threads
    ]
    for one in running:
        one.start()
    for one in running:
        one.join()
    taken = time.perf_counter() - started
    share = (time.process_time() - own) / taken
    each = {port: sum(of) for port, of in counts.items()}
    cpu = {p.port or 0: p.cpu_seconds() - before[p.port or 0] for p in processes}
    # A tick is 10 ms: a run too short for one has no figure.
    on_own = sum(each[port] / (cpu[port] or float("inf")) for port in each)
    return Read(sum(each.values()) / taken, on_own, share)


def _read(clinician: Clinician, path: str, until: float, counts: list[int]) -> None:
    """On one kept connection, as light as can be."""
    connection = http.client.HTTPConnection("127.0.0.1", clinician.port, timeout=60)
    headers = {
        "Host": f"127.0.0.1:{clinician.fleet.port}",
        "Cookie": "; ".join(f"{n}={v}" for n, v in clinician.cookies.items()),
    }
    count = 0
    while time.perf_counter() < until:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}")
        count += 1
    connection.close()
    counts.append(count)


def compared(
    folder: Path, url: str, seconds: float, browsers: int
) -> tuple[Read, Read]:
    """One process, then two."""
    with Fleet(folder, url) as fleet:
        one = fleet.start_app("--no-worker")
        fleet.until_ready(one)
        reads(fleet, [one], seconds / 4, browsers)
        alone = reads(fleet, [one], seconds, browsers)
        two = fleet.start_app("--no-worker")
        fleet.until_ready(two)
        reads(fleet, [two], seconds / 4, browsers)
        together = reads(fleet, [one, two], seconds, browsers)
    return alone, together


def main() -> int:
    with postgres() as url, tempfile.TemporaryDirectory() as folder:
        alone, together = compared(Path(folder), url, SECONDS, BROWSERS)
    cores = os.cpu_count() or 1
    line("recommendations, one process", alone.rate, "1/s", alone.rate, "itself")
    against = f"one process, {cores} cores; bound 1.7 where they are idle"
    line("recommendations, two processes", together.rate, "1/s", alone.rate, against)
    line("the generator's share", together.share, "cores", cores, f"of {cores}")
    against = "one process; what two cores of their own give; bound 1.7"
    own = alone.on_own_cores
    line("two, for their processor time", together.on_own_cores, "1/s", own, against)
    return 0


if __name__ == "__main__":
    sys.exit(main())
