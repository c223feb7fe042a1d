"""W04, D6: a worker that is killed at any moment, with answers lost and refused
beside, loses nothing and repeats nothing.
"""

import random
from typing import Any

import pytest
from hospital import hospital, sandbox_of_its_own
from killing import finish, killed_at_random

KILLS = 20
PATIENCE = 90.0  # seconds; a lost create is looked for, waits, and is looked for again


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_W04_D6_workers_killed_amid_lost_answers_write_each_order_and_note_once(
    database_url: str,
) -> None:
    with sandbox_of_its_own() as ehr, hospital(database_url, ehr) as place:
        referrals: list[Any] = place.sign(place.launch(), 40)
        # One of twenty, and more: of the first calls, so that they come in any case.
        ehr.faults.add("drop_after", on="create", times=4)
        ehr.faults.add("status", code=503, on="create", times=4)
        draw = random.Random(4)
        killed = killed_at_random(place, referrals, kills=KILLS, draw=draw)
        assert killed >= KILLS // 2, "most must be killed while there is work"
        finish(place, referrals, PATIENCE)
        assert place.open_jobs(referrals) == {}
        assert place.findings(referrals) == []
