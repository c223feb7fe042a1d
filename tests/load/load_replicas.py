"""Two processes of the app against one, where the EHR is not the limit.

Clinicians read a recommendation again and again: the chart is at hand, so all the time
is the app's own. On two cores the generator takes its part too; what it takes is
printed, since it bounds what a second process can give.
"""

import http.client
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from fleet import PATIENTS, Clinician, Fleet, Process, postgres
from stage import line

SECONDS = 20.0
BROWSERS = 4  # for each process


def reads(
    fleet: Fleet, processes: list[Process], seconds: float, browsers: int
) -> tuple[float, float]:
    """Recommendations a second, and the share of a core that asking for them took."""
    counts: list[int] = []
    own = time.process_time()
    threads = []
    started = time.perf_counter()
    until = started + seconds
    for number in range(browsers * len(processes)):
        process = processes[number % len(processes)]
        clinician = fleet.clinician(process)
        path = clinician.launch(PATIENTS[number % len(PATIENTS)]).path
        threads.append((clinician, f"{path}api/recommendation"))
    started = time.perf_counter()
    own, until = time.process_time(), started + seconds
    running = [
        threading.Thread(target=_read, args=(clinician, path, until, counts))
        for clinician, path in threads
    ]
    for one in running:
        one.start()
    for one in running:
        one.join()
    taken = time.perf_counter() - started
    return sum(counts) / taken, (time.process_time() - own) / taken


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
) -> tuple[float, float, float]:
    """One process, then two. Gives both rates, and the generator's share with two."""
    with Fleet(folder, url) as fleet:
        one = fleet.start_app("--no-worker")
        fleet.until_ready(one)
        reads(fleet, [one], seconds / 4, browsers)
        alone, _ = reads(fleet, [one], seconds, browsers)
        two = fleet.start_app("--no-worker")
        fleet.until_ready(two)
        reads(fleet, [two], seconds / 4, browsers)
        together, share = reads(fleet, [one, two], seconds, browsers)
    return alone, together, share


def main() -> int:
    with postgres() as url, tempfile.TemporaryDirectory() as folder:
        alone, together, share = compared(Path(folder), url, SECONDS, BROWSERS)
    cores = os.cpu_count() or 1
    line("recommendations, one process", alone, "1/s", alone, "itself")
    against = f"one process, {cores} cores; bound 1.7"
    line("recommendations, two processes", together, "1/s", alone, against)
    line("the generator's share", share, "cores", cores, f"of {cores}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
