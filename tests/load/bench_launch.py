"""How long a launch takes, against the waits for the EHR that it cannot avoid.

The sandbox EHR answers each call after 50 ms. From the callback to the finished
recommendation there are two waits that stand one after the other: the token, and then
all reads side by side. How many there really are is measured too: with 100 ms more for
each call, the launch takes 100 ms longer for each wait.
"""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import requests
from stage import PATIENTS, SELFHELP, App, delay, line, stage

CALL = 0.050  # seconds for one call to the EHR
SLOWER = 0.150
TIMES = 24


def main() -> None:
    _helping()
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as app:
        _starting(app)
        with app.running():
            _launching(app)


def _helping() -> None:
    seconds = statistics.median(_timed(lambda: _quiet([SELFHELP, "--help"]), 10))
    line("selfhelp --help", seconds, "s", 0.4, "0.4 s")


def _starting(app: App) -> None:
    """Until /readyz says yes: with an empty folder, and after that."""
    app.write(meetings=False)
    with app.running():
        first = app.ready_after
    line("server ready, first start", first, "s", 2.0, "2 s")
    with app.running():
        later = app.ready_after
    app.write()
    line("server ready", later, "s", 2.0, "2 s")


def _launching(app: App) -> None:
    delay(app.ehr, CALL)
    for patient in PATIENTS:  # discovery, keys and code paths are warm from here on
        app.launch(patient)
    bound = statistics.median(_timed(lambda: _two_calls(app.ehr), 10))
    before = app.cpu_seconds()
    taken = [app.launch(PATIENTS[n % len(PATIENTS)]) for n in range(TIMES)]
    own = (app.cpu_seconds() - before) / TIMES
    delay(app.ehr, SLOWER)
    slower = [app.launch(PATIENTS[n % len(PATIENTS)]) for n in range(TIMES // 2)]
    delay(app.ehr, 0.0)
    waits = (statistics.median(slower) - statistics.median(taken)) / (SLOWER - CALL)
    against = f"two calls of {CALL * 1000:.0f} ms in a row; bound 1.6"
    line("sequential EHR waits in a launch", waits, "waits", 2.0, "2")
    line("launch, two EHR calls", bound, "s", bound, "measured")
    median = statistics.median(taken)
    line("launch, median", median, "s", bound, against)
    line("launch, the app's own CPU", own, "s", bound, "the two calls")
    line("launch, p95", sorted(taken)[int(len(taken) * 0.95)], "s", bound, against)


def _two_calls(ehr: str) -> None:
    with requests.Session() as session:
        session.get(f"{ehr}/r4/metadata", timeout=5)
        session.get(f"{ehr}/r4/metadata", timeout=5)


def _timed(act: Callable[[], object], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return taken


def _quiet(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
