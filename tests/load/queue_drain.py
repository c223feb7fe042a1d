"""How fast queued writes reach the EHR, against bare posts to the same EHR.

The EHR answers each call after 50 ms. The bare posts go to it from as many threads as
the worker uses, with nothing but the body and the token: no worker can be faster.
"""

import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import requests
from distant import Distant, distant
from sqlalchemy import func, select
from stage import ROOT, delay

sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "faults")]

from hospital import COUNTED, Hospital, hospital  # noqa: E402
from mortal import nursery  # noqa: E402

from plugin.referral.results import NEVER  # noqa: E402
from plugin.referral.worker import Worker  # noqa: E402
from plugin.store.engine import reading  # noqa: E402
from plugin.store.referral_tables import write_jobs  # noqa: E402
from smart_launch.context import LaunchContext  # noqa: E402

CALL = 0.050  # seconds for one call to the EHR
_LEASE = timedelta(seconds=15)
_PATIENCE = 3000.0  # seconds


@contextmanager
def queued(database_url: str) -> Iterator[tuple[Hospital, Distant, LaunchContext]]:
    """A hospital whose patient is open, with an EHR that takes its time."""
    with distant() as ehr, hospital(database_url, ehr) as place:
        context = place.launch()
        delay(ehr.url, CALL)
        yield place, ehr, context


def bare_rate(
    place: Hospital, context: LaunchContext, count: int, threads: int
) -> float:
    """Notes a second that bare posts reach."""
    _, grant = place.house.contexts.load(context.id)
    note = _a_note(place)
    url = f"{context.issuer}/DocumentReference"
    token = {"authorization": f"Bearer {grant.access_token.reveal()}"}
    sessions = threading.local()

    def post(_number: int) -> None:
        if not hasattr(sessions, "http"):
            sessions.http = requests.Session()
            sessions.http.headers.update(
                token, **{"content-type": "application/fhir+json"}
            )
        named = [note["identifier"][0] | {"value": str(uuid.uuid4())}]
        body = orjson.dumps(note | {"identifier": named})
        answer = sessions.http.post(url, data=body, timeout=30)
        assert answer.status_code == 201, answer.text

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(post, range(count)))
    return count / (time.perf_counter() - started)


def drained(place: Hospital, referrals: list[str]) -> float:
    """Writes a second of one worker in this process."""
    house = place.house
    stop = threading.Event()
    worker = Worker(
        house.engine, house.trail, house.contexts, house.smart.fhir, house.clock
    )
    thread = threading.Thread(target=worker.run, args=(stop,))

    def begin() -> None:
        thread.start()

    try:
        return _rate(place, referrals, begin)
    finally:
        stop.set()
        thread.join(30)


def drained_by(
    place: Hospital, referrals: list[str], workers: int, calls: int
) -> float:
    """Writes a second of so many worker processes, each with so many calls at a time.

    With few calls each, a worker waits for the EHR most of the time, and neither the
    EHR nor the cores that they all share are the limit.
    """
    issuers = {ehr.id: ehr.issuer for ehr in place.settings.ehrs}
    url = place.settings.database_url
    lease = _LEASE.total_seconds()
    with nursery(url, issuers, lease=lease, per_tenant=calls) as born:

        def begin() -> None:
            for _ in range(workers):
                born.worker()

        return _rate(place, referrals, begin)


def memory() -> float:
    """This process's resident memory, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def exact(ehr: Distant, referrals: list[str]) -> bool:
    """Whether every order and note of these is in the EHR once, by its own count."""
    names = [name for one in ehr.writes() for name in one["identifiers"]]
    wanted = {*referrals, *(f"{one}.1" for one in referrals)}
    return sorted(name for name in names if name in wanted) == sorted(wanted)


def _rate(place: Hospital, referrals: list[str], begin: Callable[[], None]) -> float:
    total = len(COUNTED) * len(referrals)
    started = time.perf_counter()
    begin()
    # A worker process takes a moment to start, which is not what is measured.
    while (first := _left(place)) == total:
        time.sleep(0.01)
    began = time.perf_counter()
    left = first
    while left and time.perf_counter() - started < _PATIENCE:
        time.sleep(0.1)
        left = _left(place)
    if left:
        raise SystemExit(f"{left} of {total} writes are still waiting")
    return first / (time.perf_counter() - began)


def _left(place: Hospital) -> int:
    # By the index alone: to look is not to be a load of its own.
    open_ones = select(func.count(write_jobs.c.due)).where(write_jobs.c.due < NEVER)
    with reading(place.house.engine) as connection:
        return connection.scalar(open_ones) or 0


def _a_note(place: Hospital) -> dict[str, Any]:
    """One that was written before."""
    notes = select(write_jobs.c.payload).where(write_jobs.c.kind == "DocumentReference")
    with reading(place.house.engine) as connection:
        payload: bytes = connection.scalars(notes.limit(1)).one()
    note: dict[str, Any] = orjson.loads(payload)
    return note
