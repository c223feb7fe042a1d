"""Jobs are taken by one at a time, in order, and a late hand changes nothing."""

import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from plugin.audit.verify import verify
from plugin.referral.job_time import clock_time, database_time, job_time
from plugin.referral.jobs import LEASE, Jobs
from plugin.referral.results import LONGEST_WAIT, Result, backoff
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading, writing
from plugin.store.referral_tables import write_jobs


def test_W10_each_job_is_taken_once(room: Any) -> None:
    context = room.launch()
    for number in range(20):
        room.sign(context, key=str(number), kinds=("ServiceRequest",))
    taken: list[str] = []

    def take() -> None:
        jobs = Jobs(room.engine, room.trail, clock_time(room.clock))
        misses = 0
        while misses < 3:
            job = jobs.claim()
            if job is None:
                misses += 1
            else:
                taken.append(job.id)

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 20
    assert max(Counter(taken).values()) == 1


def test_jobs_of_a_referral_are_taken_in_order(room: Any) -> None:
    room.sign(room.launch(), choices=2)
    jobs = room.worker.jobs
    first = jobs.claim()
    assert first.identifier.endswith(".1")
    assert jobs.claim() is None
    jobs.settle(first, Result("written", "created", reference="ServiceRequest/1"))
    second = jobs.claim()
    assert second.identifier.endswith(".2")
    assert second.earlier == ("ServiceRequest/1",)


def test_next_of_the_referral_is_taken_as_the_one_before_is_settled(room: Any) -> None:
    room.sign(room.launch(), choices=2)
    jobs = room.worker.jobs
    done = Result("written", "created", reference="ServiceRequest/1")
    kept, following = jobs.settle_and_claim(jobs.claim(), done)
    assert kept
    assert following.identifier.endswith(".2")
    assert following.earlier == ("ServiceRequest/1",)
    assert jobs.claim() is None
    assert jobs.settle_and_claim(following, done, ["general"]) == (True, None)


def test_W10_late_result_is_not_kept_and_the_next_job_is_taken_all_the_same(
    room: Any,
) -> None:
    room.sign(room.launch(), kinds=("ServiceRequest",))
    slow = room.worker.jobs.claim()
    room.clock.forward(LEASE.total_seconds() + 1)
    other = room.worker.jobs.claim()
    signed = room.sign(room.launch("ctx-2"), kinds=("ServiceRequest",), key="second")
    late = Result("refused", "refused")
    kept, following = room.worker.jobs.settle_and_claim(slow, late)
    assert not kept
    assert following.referral == signed.id
    assert room.worker.jobs.settle(other, Result("written", "created"))


def test_W12_next_job_is_left_where_the_result_cannot_be_kept(room: Any) -> None:
    from plugin.store.errors import StoreUnavailable

    room.sign(room.launch(), choices=2)
    jobs = room.worker.jobs
    job = jobs.claim()

    class Full:
        def append(self, *_: Any) -> int:
            raise StoreUnavailable("full")

    trail = jobs.trail
    object.__setattr__(jobs, "trail", Full())
    done = Result("written", "created", reference="ServiceRequest/1")
    with pytest.raises(StoreUnavailable):
        jobs.settle_and_claim(job, done)
    object.__setattr__(jobs, "trail", trail)
    assert jobs.claim() is None
    assert jobs.settle(job, done)


def test_tenant_that_is_busy_is_passed_over(room: Any) -> None:
    room.sign(room.launch())
    room.sign(room.launch("ctx-2", tenant="other"))
    job = room.worker.jobs.claim(["general"])
    assert job.tenant == "other"
    assert room.worker.jobs.claim(["general", "other"]) is None


def test_W10_lease_that_is_over_passes_to_another(room: Any) -> None:
    room.sign(room.launch())
    jobs = room.worker.jobs
    slow = jobs.claim()
    room.clock.forward(LEASE.total_seconds() - 1)
    assert jobs.claim() is None
    room.clock.forward(1)
    other = jobs.claim()
    assert (other.id, other.fence) == (slow.id, slow.fence + 1)
    assert other.looks_owed == 0  # nothing had been sent
    assert not jobs.sending(slow)


def test_W11_late_hand_neither_sends_nor_settles(room: Any) -> None:
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    jobs = room.worker.jobs
    slow = jobs.claim()
    assert jobs.sending(slow)
    room.clock.forward(LEASE.total_seconds())
    other = jobs.claim()
    assert other.looks_owed == 2  # the first one may have sent it
    late = Result("written", "created", reference="ServiceRequest/9")
    assert not jobs.settle(slow, late)
    assert jobs.settle(other, Result("written", "found", reference="ServiceRequest/1"))
    assert room.filed(done.id).resources[0].reference == "ServiceRequest/1"
    with reading(room.engine) as connection:
        rows = connection.scalars(select(audit_events.c.kind))
        assert Counter(rows)["write.late"] == 1
    assert verify(room.engine, room.trail.keys).whole


def test_W11_worker_that_slept_before_sending_does_not_send(room: Any) -> None:
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    moments = iter([0.0, 20.0])
    writer = room.worker.writer
    object.__setattr__(writer, "monotonic", lambda: next(moments))
    room.worker.run_once()
    assert room.ehr.posts == {}
    assert room.filed(done.id).status == "waiting"
    object.__setattr__(writer, "monotonic", lambda: 0.0)
    room.work(60)
    assert room.filed(done.id).status == "written"
    assert room.ehr.posts == {"ServiceRequest": 1}


def test_W11_lease_lost_before_sending_sends_nothing(room: Any) -> None:
    room.sign(room.launch(), kinds=("ServiceRequest",))
    capabilities = room.worker.writer.contexts.usable

    def slowly(*whose: str) -> Any:
        room.clock.forward(16)
        return capabilities(*whose)

    class Slow:
        usable = staticmethod(slowly)
        load = staticmethod(room.contexts.load)
        newest_launch = staticmethod(room.contexts.newest_launch)

    object.__setattr__(room.worker.writer, "contexts", Slow())
    assert room.worker.run_once()
    assert room.ehr.posts == {}


def test_W04_job_of_a_worker_that_died_while_sending_is_looked_for(
    room: Any, answers: Any
) -> None:
    done = room.sign(room.launch())
    jobs = room.worker.jobs
    dead = jobs.claim()
    jobs.sending(dead)
    import orjson

    room.ehr.commit("ServiceRequest", orjson.loads(dead.payload))
    room.work(60)
    assert room.states(done.id) == ["written"] * 3
    assert room.ehr.posts["ServiceRequest"] == 0


def test_W04_job_of_a_worker_that_died_before_sending_is_sent(room: Any) -> None:
    done = room.sign(room.launch())
    room.worker.jobs.claim()
    room.ehr.searchable = False  # and needs no search
    room.work(60)
    assert room.states(done.id) == ["written"] * 3


@pytest.mark.parametrize("hours", [-1, 1], ids=["W15-back", "W15-forward"])
def test_W15_clock_set_by_an_hour_stops_nothing(
    room: Any, answers: Any, hours: int
) -> None:
    room.ehr.script = [answers.answered(503), answers.created, answers.created]
    context = room.launch()
    waits = room.sign(context, key="waits")
    room.worker.run_once()
    leased = room.sign(context, key="leased")
    room.worker.jobs.claim()
    room.clock.forward(hours * 3600)
    room.work(60)
    assert room.states(waits.id) == ["written"] * 3
    assert room.states(leased.id) == ["written"] * 3


def test_W15_jobs_go_by_the_database_s_clock_where_it_has_one(room: Any) -> None:
    chosen = job_time(room.engine, room.clock)
    if room.engine.dialect.name == "postgresql":
        assert chosen is database_time
    with reading(room.engine) as connection:
        assert chosen(connection) > 1_600_000_000_000_000


@pytest.mark.slow
def test_W16_thousand_jobs_drain_with_few_calls_at_a_time(room: Any) -> None:
    context = room.launch()
    for number in range(60):
        room.sign(context, key=str(number))
    most, now_running, lock = 0, 0, threading.Lock()
    stop = threading.Event()

    def watch() -> None:
        nonlocal most, now_running
        with lock:
            now_running += 1
            most = max(most, now_running)
        stop.wait(0.002)
        with lock:
            now_running -= 1

    room.ehr.on_post = watch
    runner = threading.Thread(target=room.worker.run, args=(stop,))
    runner.start()
    for _ in range(600):
        if sum(room.ehr.posts.values()) >= 180:
            break
        threading.Event().wait(0.05)
    stop.set()
    runner.join(30)
    assert room.ehr.posts == {
        "ServiceRequest": 60,
        "DocumentReference": 60,
        "Provenance": 60,
    }
    assert most <= room.worker.per_tenant


def test_W19_worker_told_to_stop_ends_and_leaves_nothing_leased(room: Any) -> None:
    done = room.sign(room.launch())
    stop = threading.Event()
    room.ehr.on_post = stop.set  # told while the first write is under way
    runner = threading.Thread(target=room.worker.run, args=(stop,))
    runner.start()
    runner.join(20)
    assert not runner.is_alive()
    assert room.states(done.id)[0] == "written"
    with reading(room.engine) as connection:
        assert "leased" not in connection.scalars(select(write_jobs.c.status)).all()


def test_nudge_wakes_an_idle_worker(room: Any) -> None:
    stop = threading.Event()
    context = room.launch()
    runner = threading.Thread(target=room.worker.run, args=(stop,))
    runner.start()
    done = room.sign(context)
    room.worker.nudge()
    for _ in range(200):
        if room.filed(done.id).status == "written":
            break
        threading.Event().wait(0.05)
    stop.set()
    runner.join(20)
    assert room.filed(done.id).status == "written"


@pytest.mark.slow
def test_W12_worker_outlives_a_database_that_is_away(room: Any) -> None:
    from plugin.store.errors import StoreUnavailable

    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    claim, failures = room.worker.jobs.claim, [1, 2]

    class Away:
        def claim(self, busy: Any = (), **more: Any) -> Any:
            if failures:
                failures.pop()
                raise StoreUnavailable("away")
            return claim(busy, **more)

        def __getattr__(self, name: str) -> Any:
            return getattr(jobs, name)

    jobs, room.worker.jobs = room.worker.jobs, Away()
    stop = threading.Event()
    room.ehr.on_post = stop.set
    from plugin.referral import worker as worker_module

    assert worker_module._AFTER_FAILURE <= 5
    runner = threading.Thread(target=room.worker.run, args=(stop,))
    runner.start()
    runner.join(20)
    assert not runner.is_alive()
    assert room.filed(done.id).status == "written"


def test_W12_result_that_cannot_be_kept_is_found_again(room: Any) -> None:
    from plugin.store.errors import StoreUnavailable

    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    jobs = room.worker.jobs

    class Full:
        def settle(self, *_: Any) -> bool:
            raise StoreUnavailable("full")

        def __getattr__(self, name: str) -> Any:
            return getattr(jobs, name)

    room.worker.jobs = Full()
    assert room.worker.run_once()
    room.worker.jobs = jobs
    room.work(60)
    assert room.filed(done.id).status == "written"
    assert room.ehr.posts == {"ServiceRequest": 1}


def test_job_being_looked_for_is_shown_as_unknown(room: Any, answers: Any) -> None:
    room.ehr.script = [answers.lost_before_commit]
    done = room.sign(room.launch(), kinds=("ServiceRequest",))
    room.work()
    room.clock.forward(3)
    assert room.worker.jobs.claim() is not None
    assert room.filed(done.id).status == "unknown"


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_backoff_doubles_up_to_five_minutes(attempts: int, draw: float) -> None:
    wait = backoff(attempts, draw=draw)
    assert wait <= LONGEST_WAIT
    assert wait.total_seconds() >= 1.8
    if attempts <= 1:
        assert wait.total_seconds() <= 4.5
    assert backoff(attempts + 1, draw=draw) >= wait
    if attempts > 10:
        assert wait >= LONGEST_WAIT * 0.75


def test_W20_status_outside_the_list_is_refused_by_the_database(room: Any) -> None:
    from sqlalchemy.exc import IntegrityError

    room.sign(room.launch())

    def forge() -> None:
        with writing(room.engine) as connection:
            connection.execute(update(write_jobs).values(status="done"))

    with pytest.raises(IntegrityError):
        forge()
