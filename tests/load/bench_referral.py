"""What a signature takes, and how fast the queue drains beside bare posts.

The EHR answers each call after 50 ms. Signing is held against 150 ms of the app's own;
the queue against bare posts from as many threads; four workers against one.
"""

import statistics
import tempfile
import time
import uuid

from postgres import postgres
from queue_drain import (
    CALL,
    bare_rate,
    drained,
    drained_by,
    exact,
    memory,
    queued,
)
from stage import line

from plugin.referral.worker import PER_TENANT

REFERRALS = 150  # two writes each
SIGNATURES = 30
ORIGIN = {"origin": "https://app.test"}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _signing(f"sqlite:///{folder}/signing.db")
        _draining(f"sqlite:///{folder}/drain.db", "sqlite")
    with postgres() as url:
        _draining(url, "postgresql", workers=4)


def _signing(database_url: str) -> None:
    """From the request to its answer, by the interface, once the chart is read."""
    with queued(database_url) as (place, _, context):
        api = f"/launches/{context.id}/api"
        place.client.get(f"{api}/recommendation")
        body = {
            "choices": [{"program": "smart", "meeting": None}],
            "note": "Agreed to try a group.",
            "patient": context.patient,
            "acknowledged": [],
            "agreement": "named",
        }
        taken = []
        for _ in range(SIGNATURES):
            headers = ORIGIN | {"idempotency-key": str(uuid.uuid4())}
            started = time.perf_counter()
            answer = place.client.post(f"{api}/referrals", json=body, headers=headers)
            taken.append(time.perf_counter() - started)
            assert answer.status_code == 201, answer.text
    median, p95 = statistics.median(taken), sorted(taken)[int(SIGNATURES * 0.95)]
    line("signing, median", median, "s", 0.150, "150 ms of its own; no EHR call")
    line("signing, p95", p95, "s", 0.150, "150 ms")


def _draining(database_url: str, name: str, workers: int = 1) -> None:
    writes = 2 * REFERRALS
    against = f"{PER_TENANT} bare posts at a time, {CALL * 1000:.0f} ms each; bound 0.8"
    with queued(database_url) as (place, ehr, context):
        kinds = ("ServiceRequest", "DocumentReference")
        warm = place.sign(context, 10, kinds)
        drained(place, warm)
        before = memory()
        bare = bare_rate(place, context, writes, PER_TENANT)
        signed = place.sign(context, REFERRALS, kinds)
        one = drained(place, signed)
        line(f"bare posts, {name}", bare, "/s", bare, "measured")
        line(f"queue drain, {name}", one, "/s", bare, against)
        line(f"memory growth, {name}", memory() - before, "MB", 30.0, "30 MB")
        if workers > 1:
            few = place.sign(context, REFERRALS // 3, kinds)
            alone = drained_by(place, few, 1, calls=1)
            more = place.sign(context, REFERRALS, kinds)
            together = drained_by(place, more, workers, calls=1)
            against = "one worker process, a call at a time each; bound 2.5"
            line(f"{workers} workers, {name}", together, "/s", alone, against)
            signed += more
        if not exact(ehr, signed):
            raise SystemExit("an order or a note is missing or stands twice")


if __name__ == "__main__":
    main()
