"""F18: the bulkhead, the stall detector and the breaker."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from smart_launch.errors import EhrBusy, EhrUnavailable
from smart_launch.gate import CallFailed, Gate, Limits


@dataclass
class Ticks:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


def fail(gate: Gate, ticks: Ticks, seconds: float = 1.0) -> None:
    def call() -> None:
        with gate.passing(ticks.now + 10):
            ticks.now += seconds
            raise CallFailed(EhrUnavailable("no answer"))

    with pytest.raises(EhrUnavailable):
        call()


def succeed(gate: Gate, ticks: Ticks) -> None:
    with gate.passing(ticks.now + 1):
        pass


def test_F18_breaker_opens_tries_once_and_closes(ticks: Ticks) -> None:
    gate = Gate(Limits(trip_after=3, cool_down=10), ticks)
    for _ in range(3):
        fail(gate, ticks)
    with pytest.raises(EhrBusy):
        succeed(gate, ticks)
    ticks.now += 10
    with gate.passing(ticks.now + 1), pytest.raises(EhrBusy):
        succeed(gate, ticks)  # a second one while the first still tries
    for _ in range(3):
        succeed(gate, ticks)


def test_F18_failed_try_keeps_the_breaker_open(ticks: Ticks) -> None:
    gate = Gate(Limits(trip_after=1, cool_down=10), ticks)
    fail(gate, ticks)
    ticks.now += 10
    fail(gate, ticks)
    with pytest.raises(EhrBusy):
        succeed(gate, ticks)


def test_F18_quick_failures_leave_the_gate_open(ticks: Ticks) -> None:
    gate = Gate(Limits(trip_after=1), ticks)
    for _ in range(20):
        fail(gate, ticks, seconds=0.9)
    succeed(gate, ticks)


def test_F18_success_forgets_earlier_failures(ticks: Ticks) -> None:
    gate = Gate(Limits(trip_after=2), ticks)
    for _ in range(5):
        fail(gate, ticks)
        succeed(gate, ticks)


def test_F18_error_of_our_own_does_not_count_against_the_ehr(ticks: Ticks) -> None:
    gate = Gate(Limits(trip_after=1), ticks)
    with pytest.raises(ValueError, match="ours"), gate.passing(ticks.now + 1):
        raise ValueError("ours")
    succeed(gate, ticks)


def test_F18_calls_beyond_the_limit_wait_and_then_give_up() -> None:
    gate = Gate(Limits(concurrent=2))
    with ExitStack() as held:
        held.enter_context(gate.passing(time.monotonic() + 1))
        held.enter_context(gate.passing(time.monotonic() + 1))
        until = time.monotonic() + 0.3
        with pytest.raises(EhrBusy), gate.passing(until):
            pass
        assert time.monotonic() >= until, "it was given up before its time"


def test_F18_waiting_call_goes_on_when_a_place_is_free() -> None:
    gate = Gate(Limits(concurrent=1))
    inside = threading.Event()

    def wait_inside() -> None:
        with gate.passing(time.monotonic() + 5):
            inside.set()

    with gate.passing(time.monotonic() + 5):
        waiting = threading.Thread(target=wait_inside)
        waiting.start()
        assert not inside.wait(0.1)
    assert inside.wait(2)
    waiting.join()


def test_F18_stalled_calls_close_the_gate_until_one_is_answered(ticks: Ticks) -> None:
    gate = Gate(Limits(stalled_calls=2, stalled_after=3), ticks)
    with gate.passing(ticks.now + 20), ExitStack() as second:
        second.enter_context(gate.passing(ticks.now + 20))
        ticks.now += 3
        succeed(gate, ticks)  # not yet late, and this one is answered
        ticks.now += 3.5
        with pytest.raises(EhrBusy):
            succeed(gate, ticks)
        second.close()
        succeed(gate, ticks)


def test_F18_busy_ehr_that_answers_is_not_stalled(ticks: Ticks) -> None:
    gate = Gate(Limits(stalled_calls=1, stalled_after=3), ticks)
    with gate.passing(ticks.now + 20):
        for _ in range(10):
            ticks.now += 2
            succeed(gate, ticks)
