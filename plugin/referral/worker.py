"""The worker: takes write jobs that are due, and writes them, until told to stop.

Any number of them may run, in one process or in many. One that is killed leaves rows
that say what is known, and the others go on from there.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Semaphore

from sqlalchemy import Engine

from plugin.audit.trail import Trail
from plugin.clock import Clock
from plugin.fhir import warm
from plugin.logs import log
from plugin.referral.job_time import JobTime, job_time
from plugin.referral.jobs import LEASE, Job, Jobs
from plugin.referral.lookup import Fhir
from plugin.referral.own_access import NoOwnAccess, OwnAccess
from plugin.referral.results import Result
from plugin.referral.turns import InTurn, OwnInTurn, Turn
from plugin.referral.writer import Writer
from plugin.store.contexts import Contexts
from plugin.store.errors import StoreError

# How many calls go to one EHR at a time from this process, and to all of them.
PER_TENANT = 4
AT_ONCE = 16

# Beside each call that is under way, one more job may be prepared or settled.
_PREPARED = 2

_IDLE = 0.5  # seconds between looks for work
_WAKE_EVERY = 5.0  # seconds between looks for launches; the promise is 20
_SETTLED = 2.0  # seconds until the process has started
_AFTER_FAILURE = 2.0  # seconds, when the database is not there


@dataclass(slots=True)
class Worker:
    """Takes: `fhir_for`, the FHIR client of a launch; `time`, the jobs' clock, where
    it is not the database's; `own`, the app's own access, where a site grants it.
    """

    engine: Engine
    trail: Trail
    contexts: Contexts
    fhir_for: Callable[[str], Fhir]
    clock: Clock
    time: JobTime | None = None
    lease: timedelta = LEASE
    per_tenant: int = PER_TENANT
    at_once: int = AT_ONCE
    own: OwnAccess = field(default_factory=NoOwnAccess)
    jobs: Jobs = field(init=False, repr=False)
    writer: Writer = field(init=False, repr=False)
    _turns: dict[str, Semaphore] = field(default_factory=dict, init=False, repr=False)
    _busy: Counter[str] = field(default_factory=Counter, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _nudge: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        now = self.time or job_time(self.engine, self.clock)
        self.jobs = Jobs(self.engine, self.trail, now, self.lease)
        self.writer = Writer(self.fhir_for, self.contexts, self.trail.keys, self.own)

    def nudge(self) -> None:
        """Look for work now: something was signed in this process."""
        self._nudge.set()

    def run_once(self) -> bool:
        """Do one job that is due. Gives: False where there was none."""
        job = self._claim()
        if job is None:
            return False
        self._do(job, _no_more)
        return True

    def run(self, stop: threading.Event) -> None:
        """Do jobs until told to stop; those under way are finished first."""
        running: set[Future[None]] = set()
        woken, likely = 0.0, False

        def more() -> bool:
            return not stop.is_set()

        with self._pool() as pool:
            pool.submit(_warm, stop)
            while not stop.is_set():
                try:
                    if time.monotonic() - woken >= _WAKE_EVERY:
                        self.jobs.wake()
                        woken = time.monotonic()
                    room = len(running) < self.at_once * _PREPARED
                    job = self._claim(likely=likely) if room else None
                    likely = job is not None
                except StoreError as error:
                    log().warning("worker.database", error=type(error).__name__)
                    stop.wait(_AFTER_FAILURE)
                    continue
                if job is not None:
                    running.add(pool.submit(self._do, job, more))
                    continue
                running = self._rest(running)
        for done in running:
            done.result()

    def _pool(self) -> ThreadPoolExecutor:
        threads = self.at_once * _PREPARED
        return ThreadPoolExecutor(threads, thread_name_prefix="write")

    def _rest(self, running: set[Future[None]]) -> set[Future[None]]:
        """Wait for a job to end, for a nudge, or for a moment."""
        if running:
            wait(running, timeout=_IDLE / 10, return_when="FIRST_COMPLETED")
        elif self._nudge.wait(_IDLE):
            self._nudge.clear()
        ended = {one for one in running if one.done()}
        for one in ended:
            one.result()
        return running - ended

    def _claim(self, *, likely: bool = False) -> Job | None:
        job = self.jobs.claim(self._full(), likely=likely)
        self._passed(None, job)
        return job

    def _full(self, but: Job | None = None) -> list[str]:
        """The tenants that have enough prepared. Takes: `but`, a job that ends now."""
        most = self.per_tenant * _PREPARED
        ending = Counter([but.tenant] if but else [])
        with self._lock:
            return [t for t, count in self._busy.items() if count - ending[t] >= most]

    def _passed(self, ended: Job | None, begun: Job | None) -> None:
        with self._lock:
            if ended is not None:
                self._busy[ended.tenant] -= 1
            if begun is not None:
                self._busy[begun.tenant] += 1

    def _do(self, job: Job, more: Callable[[], bool]) -> None:
        """One job, and while there are `more`, the one that is taken as it is settled.

        Whatever happens, a failure is this job's, and the rest goes on.
        """
        doing: Job | None = job
        while doing is not None:
            following = None
            try:
                following = self._done(doing, more)
            except StoreError as error:
                # The row still says what is known; the job is taken again when its
                # lease is over.
                name = type(error).__name__
                log().warning("worker.database", job=doing.id, error=name)
            finally:
                self._passed(doing, following)
            doing = following

    def _done(self, job: Job, more: Callable[[], bool]) -> Job | None:
        """Gives: the next job, taken in the same transaction."""
        result = self._result(job)
        if result is None:
            log().warning("write.lease_lost", job=job.id, tenant=job.tenant)
            return None
        if not more():
            self._say(job, result, kept=self.jobs.settle(job, result))
            return None
        kept, following = self.jobs.settle_and_claim(job, result, self._full(job))
        self._say(job, result, kept=kept)
        return following

    def _result(self, job: Job) -> Result | None:
        turn = Turn(self._turns_of(job.tenant))

        def sending() -> bool:
            turn.take()
            return self.jobs.sending(job)

        try:
            return self._writer_in(turn).run(job, sending)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # What malformed data raises. Before anything is sent, so nothing is lost.
            log().exception("write.poison", job=job.id, error=type(error).__name__)
            return Result(
                "held", "poison", "This entry cannot be sent as it is.", alarm=True
            )
        finally:
            turn.give_back()

    def _writer_in(self, turn: Turn) -> Writer:
        writer = self.writer
        return replace(
            writer,
            fhir_for=lambda context_id: InTurn(writer.fhir_for(context_id), turn),
            own=OwnInTurn(writer.own, turn),
        )

    def _turns_of(self, tenant: str) -> Semaphore:
        with self._lock:
            return self._turns.setdefault(tenant, Semaphore(self.per_tenant))

    def _say(self, job: Job, result: Result, *, kept: bool) -> None:
        say = log().error if result.alarm else log().info
        say(
            f"write.{result.status}" if kept else "write.late",
            tenant=job.tenant,
            referral=job.referral,
            job=job.id,
            kind=job.kind,
            reason=result.code,
            attempt=job.attempts + 1,
        )


def _no_more() -> bool:
    return False


def _warm(stop: threading.Event) -> None:
    """Load the models: a first signature would wait for it; a first page must not."""
    if not stop.wait(_SETTLED):
        warm()
