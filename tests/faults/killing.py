"""Kill workers at random moments until they have been killed often enough."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from datetime import timedelta

from hospital import Hospital, worker_of
from mortal import kill, nursery

LEASE = 1.0  # seconds; the end of a killed worker's leases
_LIFE = (0.05, 0.7)  # seconds from a worker's start to its end
_SPAN = timedelta(seconds=LEASE)


def killed_at_random(
    place: Hospital,
    referrals: Sequence[str],
    *,
    kills: int,
    draw: random.Random,
    faults: bool = False,
    workers: int = 1,
) -> int:
    """Kill workers, one after the other, and let the last one finish.

    Takes: `faults`, whether answers get lost and servers are busy meanwhile; `workers`,
           how many run at a time.
    Gives: how many were killed while there was work left.
    """
    issuers = {ehr.id: ehr.issuer for ehr in place.settings.ehrs}
    while_working = 0
    with nursery(place.settings.database_url, issuers, lease=LEASE) as born:
        for _ in range(kills):
            alive = [born.worker() for _ in range(workers)]
            if faults:
                _disturb(place, draw)
            time.sleep(draw.uniform(*_LIFE))
            while_working += bool(place.open_jobs(referrals))
            for one in alive:
                kill(one)
    return while_working


def finish(place: Hospital, referrals: Sequence[str], patience: float) -> None:
    """Let a worker that nobody kills do the rest."""
    stop = threading.Event()
    worker = worker_of(place.house, _SPAN)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    until = time.monotonic() + patience
    try:
        while place.open_jobs(referrals) and time.monotonic() < until:
            time.sleep(0.2)
    finally:
        stop.set()
        thread.join(30)


def _disturb(place: Hospital, draw: random.Random) -> None:
    chance = draw.random()
    if chance < 0.2:
        place.sandbox.faults.add("drop_after", on="create", times=1)
    elif chance < 0.4:
        place.sandbox.faults.add("status", on="create", times=1, code=503)
    elif chance < 0.5:
        place.sandbox.faults.add("drop_before", on="create", times=1)
