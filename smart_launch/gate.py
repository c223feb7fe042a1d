"""One EHR's share of this process: a limit on calls under way, and a breaker.

A hung EHR must not hold the threads that serve the others. Three things see to it:

- at most `concurrent` calls are under way at once;
- while calls *stall* (several are under way, the oldest has waited long, and nothing
  has come back since), new ones are refused at once, long before the first times out;
- after `trip_after` failures in a row all are refused for `cool_down` seconds; then a
  single call tries whether the EHR is back. Failures quicker than `slow` do not count:
  they hold no thread, and an EHR that restarts is back at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition

from smart_launch.errors import EhrBusy


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds."""

    concurrent: int = 64
    trip_after: int = 5
    cool_down: float = 10.0
    slow: float = 1.0
    stalled_calls: int = 8
    stalled_after: float = 4.0


class CallFailed(Exception):
    """Raised inside `passing` by a call that got no answer; its cause is re-raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True)
class Gate:
    limits: Limits = field(default_factory=Limits)
    monotonic: Callable[[], float] = time.monotonic
    _changed: Condition = field(default_factory=Condition, repr=False)
    _under_way: dict[int, float] = field(default_factory=dict, repr=False)
    _next: int = 0
    _failures: int = 0
    _closed_until: float | None = None
    _trying: bool = False
    _last_answer: float = float("-inf")

    @contextmanager
    def passing(self, until: float) -> Iterator[None]:
        """Hold a place for one call.

        Takes:  `until`, the monotonic time at which waiting for a place is pointless.
        Raises: EhrBusy, where the call must not be made now.
        """
        place = self._enter(until)
        try:
            yield
        except CallFailed as failed:
            self._leave(place, answered=False)
            raise failed.error from failed.error.__cause__
        except BaseException:
            self._leave(place, answered=None)
            raise
        self._leave(place, answered=True)

    def _enter(self, until: float) -> int:
        with self._changed:
            self._refuse_if_closed()
            while len(self._under_way) >= self.limits.concurrent:
                # Wake often: a stall is a matter of time, and nobody announces it.
                wait = min(until - self.monotonic(), 0.25)
                if wait <= 0:
                    raise EhrBusy("too many calls to this EHR are under way")
                self._changed.wait(wait)
                self._refuse_if_closed()
            if self._closed_until is not None:
                self._trying = True
            self._next += 1
            self._under_way[self._next] = self.monotonic()
            return self._next

    def _refuse_if_closed(self) -> None:
        now = self.monotonic()
        if self._closed_until is not None and (
            now < self._closed_until or self._trying
        ):
            raise EhrBusy("this EHR failed several times in a row; it is left alone")
        late = now - self.limits.stalled_after
        # Calls are kept in the order in which they began.
        oldest = next(iter(self._under_way.values()), now)
        stalled = oldest < late and self._last_answer < late
        if stalled and len(self._under_way) >= self.limits.stalled_calls:
            raise EhrBusy("calls to this EHR stall; no more are added")

    def _leave(self, place: int, *, answered: bool | None) -> None:
        """`answered` is None where the call says nothing about the EHR's health."""
        with self._changed:
            lasted = self.monotonic() - self._under_way.pop(place)
            self._trying = False
            if answered:
                self._failures = 0
                self._closed_until = None
                self._last_answer = self.monotonic()
            elif answered is False and lasted >= self.limits.slow:
                self._failures += 1
                if self._failures >= self.limits.trip_after:
                    self._closed_until = self.monotonic() + self.limits.cool_down
            self._changed.notify()
