"""Write-back under fire: 200 workers killed at random on each database.

Over 240 referrals each, with answers that get lost and servers that are busy at random
moments. What counts is what the EHR holds in the end: every order and note once, and a
trail that tells of each.
"""

import logging
import random
import sys
import tempfile
import time

from stage import ROOT, line

sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "faults")]

from hospital import hospital, sandbox_of_its_own  # noqa: E402
from killing import finish, killed_at_random  # noqa: E402
from postgres import postgres  # noqa: E402

KILLS = 200
REFERRALS = 240
BATCH = 24  # signed at a time, so that there is work left until the last kill
PATIENCE = 600.0  # seconds


def main() -> int:
    """Gives 0; 1 where something was lost, or written twice."""
    failed = False
    # A killed worker hangs up on the EHR, which says so each time.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        failed |= _killed("sqlite", f"sqlite:///{folder}/selfhelp.db")
    with postgres() as url:
        failed |= _killed("postgresql", url)
    return 1 if failed else 0


def _killed(name: str, database_url: str) -> bool:
    draw = random.Random()
    started = time.monotonic()
    with sandbox_of_its_own() as ehr, hospital(database_url, ehr) as place:
        context = place.launch()
        referrals: list[str] = []
        killed = 0
        for _ in range(REFERRALS // BATCH):
            referrals += place.sign(context, BATCH)
            share = KILLS * BATCH // REFERRALS
            killed += killed_at_random(
                place, referrals, kills=share, draw=draw, faults=True
            )
        finish(place, referrals, PATIENCE)
        findings = [*place.findings(referrals), *map(str, place.open_jobs(referrals))]
    for finding in findings:
        print(f"{name}: {finding}", file=sys.stderr)
    against = f"kills with work left, of {KILLS}; {REFERRALS} referrals"
    line(f"killed while writing, {name}", killed, "kills", KILLS, against)
    line(f"lost or doubled, {name}", len(findings), "", REFERRALS, "referrals; 0")
    line(f"kills and recovery, {name}", time.monotonic() - started, "s", 3600, "3600 s")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
