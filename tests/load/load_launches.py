"""Many launches: two hundred at one instant, then a steady stream.

Bounded in number and time, on loopback. A launch counts only when its page came, and
every launch must have a context of its own.
"""

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from stage import PATIENTS, App, delay, line, stage

CALL = 0.050  # seconds for one call to the EHR
AT_ONCE = 200
PER_SECOND = 20
SECONDS = 60


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as app:
        delay(app.ehr, CALL)
        with app.running():
            for patient in PATIENTS:
                app.launch(patient)
            _at_once(app)
            _steadily(app)


def _at_once(app: App) -> None:
    with ThreadPoolExecutor(AT_ONCE) as clinicians:
        begun = [clinicians.submit(app.launch, _patient(n)) for n in range(AT_ONCE)]
    _print("200 launches at one instant", begun, 2.5)


def _steadily(app: App) -> None:
    """An open model: a launch begins on the clock, however long the others take."""
    begun: list[Future[float]] = []
    started = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as clinicians:
        for number in range(PER_SECOND * SECONDS):
            time.sleep(max(0.0, started + number / PER_SECOND - time.monotonic()))
            begun.append(clinicians.submit(app.launch, _patient(number)))
    _print(f"{PER_SECOND} launches a second", begun, 0.3)


def _patient(number: int) -> str:
    return PATIENTS[number % len(PATIENTS)]


def _print(name: str, begun: Sequence[Future[float]], bound: float) -> None:
    failed = [one for one in begun if one.exception() is not None]
    taken = sorted(one.result() for one in begun if one.exception() is None)
    line(f"{name}, failed", len(failed), "", 1, "0")
    line(f"{name}, p95", taken[int(len(taken) * 0.95)], "s", bound, f"{bound} s")


if __name__ == "__main__":
    main()
