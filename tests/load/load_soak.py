"""Half an hour of launches and referrals with faults at random: does anything grow?

Memory, threads, open files and connections of the app are read when it is warm and at
the end. The app holds the whole demonstration directory, as an installation would.
"""

import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from fleet import Fleet, Process
from load_journeys import findings, work
from stage import line

SECONDS = 1800.0
WARM = 180.0
CLINICIANS = 8
THINK = 0.5
GROWTH = 30.0  # megabytes
MOST = 250.0  # megabytes

FAULTS = (
    {"effect": "delay", "seconds": 0.3, "times": 5},
    {"effect": "status", "code": 503, "on": "create", "times": 2},
    {"effect": "drop_after", "on": "create", "times": 2},
    {"effect": "drop_before", "on": "search", "times": 2},
    {"effect": "status", "code": 429, "retry_after": 1, "on": "search", "times": 2},
    {"effect": "truncate", "keep": 0.5, "on": "search", "times": 2},
)


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds at one moment."""

    megabytes: float
    threads: int
    files: int

    @classmethod
    def by(cls, process: Process) -> "Held":
        return cls(process.resident(), process.threads(), process.open_files())


def fail_now_and_then(fleet: Fleet, stop: threading.Event, every: float) -> None:
    """Break something every now and then, until told to stop; then mend all."""
    dice = random.Random(9)
    while not stop.wait(dice.uniform(0, 2 * every)):
        fault = dict(dice.choice(FAULTS))
        fleet.fault(str(fault.pop("effect")), **fault)
    fleet.no_faults()


def soaked(
    fleet: Fleet, app: Process, *, warm: float, seconds: float, every: float
) -> tuple[Held, Held, list[str], int]:
    """Warm up, note what is held, go on under faults, note again.

    Gives: before, after, what was lost or doubled, how many referrals were signed.
    """
    stop = threading.Event()
    faults = threading.Thread(target=fail_now_and_then, args=(fleet, stop, every))
    faults.start()
    try:
        first = work(fleet, app, clinicians=CLINICIANS, seconds=warm, think=THINK)
        before = Held.by(app)
        then = work(fleet, app, clinicians=CLINICIANS, seconds=seconds, think=THINK)
    finally:
        stop.set()
        faults.join()
    signed = first.signed | then.signed
    found = findings(fleet, signed, 120)
    time.sleep(6)  # connections that are kept alive end after five seconds
    return before, Held.by(app), found, len(signed)


def main() -> int:
    """Gives 0; 1 where something was lost, doubled or mixed up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = "demo_directory = true\n"
        url = f"sqlite:///{folder}/selfhelp.db"
        with Fleet(folder, url, settings=settings) as fleet:
            app = fleet.start_app()
            fleet.until_ready(app)
            before, after, found, signed = soaked(
                fleet, app, warm=WARM, seconds=SECONDS, every=20.0
            )
    grown = after.megabytes - before.megabytes
    minutes = f"{SECONDS / 60:.0f} min"
    line(f"soak {minutes}, referrals", signed, "", 1, "each written once")
    line(f"soak {minutes}, lost or doubled", len(found), "", 1, "0")
    line(f"soak {minutes}, memory", after.megabytes, "MB", MOST, f"{MOST:.0f} MB")
    line(f"soak {minutes}, growth", grown, "MB", GROWTH, f"{GROWTH:.0f} MB")
    more = after.threads - before.threads
    line(f"soak {minutes}, threads more", more, "", 1, "0 or fewer")
    more = after.files - before.files
    line(f"soak {minutes}, open files more", more, "", 1, "0 or fewer")
    for one in found:
        print(one, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
