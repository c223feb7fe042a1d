"""Ten thousand queued writes: drained by one worker, and on PostgreSQL by four.

Against bare posts to the same EHR, from as many threads, at 50 ms a call. In the end
the EHR's own count says that each order and each note is there once.
"""

import sys
import tempfile

from postgres import postgres
from queue_drain import bare_rate, drained, drained_by, exact, memory, queued
from stage import line

from plugin.referral.worker import PER_TENANT

REFERRALS = 5_000  # two writes each
BARE = 1_000
WORKERS = 4
CALLS = 1  # of each of them at a time: then neither the EHR nor the cores are the limit
KINDS = ("ServiceRequest", "DocumentReference")


def main() -> int:
    """Gives 0; 1 where something is missing or stands twice."""
    with tempfile.TemporaryDirectory() as folder:
        whole = _alone(f"sqlite:///{folder}/selfhelp.db", "sqlite")
    with postgres() as url:
        whole &= _alone(url, "postgresql")
    with postgres() as url:
        whole &= _together(url)
    return 0 if whole else 1


def _alone(database_url: str, name: str) -> bool:
    writes = len(KINDS) * REFERRALS
    with queued(database_url) as (place, ehr, context):
        drained(place, place.sign(context, 10, KINDS))
        bare = bare_rate(place, context, BARE, PER_TENANT)
        signed = place.sign(context, REFERRALS, KINDS)
        before = memory()
        rate = drained(place, signed)
        against = f"{PER_TENANT} bare posts at a time; bound 0.8"
        line(f"{writes} writes drained, {name}", rate, "/s", bare, against)
        line(f"memory growth, {name}", memory() - before, "MB", 30.0, "30 MB")
        return _said(exact(ehr, signed), name)


def _together(database_url: str) -> bool:
    share = REFERRALS // 5
    with queued(database_url) as (place, ehr, context):
        drained(place, place.sign(context, 10, KINDS))
        alone = drained_by(place, place.sign(context, share, KINDS), 1, CALLS)
        signed = place.sign(context, REFERRALS - share, KINDS)
        rate = drained_by(place, signed, WORKERS, CALLS)
        against = f"one worker process, {CALLS} call at a time each; bound 2.5"
        line(f"{WORKERS} workers, postgresql", rate, "/s", alone, against)
        return _said(exact(ehr, signed), "four workers")


def _said(whole: bool, name: str) -> bool:
    if not whole:
        print(f"{name}: an order or a note is missing or stands twice", file=sys.stderr)
    return whole


if __name__ == "__main__":
    sys.exit(main())
