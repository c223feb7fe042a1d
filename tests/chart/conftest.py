"""Charts and fake EHRs for the tests of reading."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Barrier, BrokenBarrierError, Lock
from typing import Any

import orjson
import pytest

from plugin.chart.bundle import chart_from_bundle
from plugin.chart.chart import Chart

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
Json = dict[str, Any]


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def read() -> Callable[..., Chart]:
    """The chart of a Bundle with these resources behind the Patient."""

    def chart(*resources: Any, patient: Json | None = None) -> Chart:
        person = {"resourceType": "Patient", "id": "p1", **(patient or {})}
        entries = [{"resource": r} for r in (person, *resources)]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        return chart_from_bundle(orjson.dumps(bundle), NOW)

    return chart


@dataclass(slots=True)
class Result:
    """A search's answer, as the FHIR client gives it."""

    entries: list[Json] = field(default_factory=list)
    unreadable: list[Any] = field(default_factory=list)
    outcomes: list[Json] = field(default_factory=list)
    included: list[Json] = field(default_factory=list)
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    resource: Json


@dataclass(slots=True)
class FakeFhir:
    """Answers from tables, and counts what it is asked.

    `searches` maps a type to a Result or an exception; `together` is how many calls
    must be under way at once before any is answered.
    """

    resources: dict[str, Json] = field(default_factory=dict)
    searches: dict[str, Any] = field(default_factory=dict)
    together: int = 0
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    were_together: bool = True
    _barrier: Barrier | None = None
    _lock: Any = field(default_factory=Lock)

    def __post_init__(self) -> None:
        if self.together:
            self._barrier = Barrier(self.together)

    def read(self, resource_type: str, resource_id: str) -> Entry:
        self._wait()
        found = self.resources[f"{resource_type}/{resource_id}"]
        if isinstance(found, Exception):
            raise found
        return Entry(found)

    def search(self, resource_type: str, params: Mapping[str, str]) -> Result:
        with self._lock:
            self.asked.append((resource_type, dict(params)))
        self._wait()
        answer = self.searches.get(resource_type, Result())
        if callable(answer):
            answer = answer(params)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    def concerns_patient(self, resource: Mapping[str, Any]) -> bool:
        subject = resource.get("subject") or resource.get("patient") or {}
        return bool(subject.get("reference") == "Patient/p1")

    def _wait(self) -> None:
        if self._barrier is None:
            return
        try:
            self._barrier.wait(timeout=5)
        except BrokenBarrierError:
            self.were_together = False


@pytest.fixture
def result() -> type[Result]:
    return Result


@pytest.fixture
def fhir() -> Callable[..., FakeFhir]:
    def make(**said: Any) -> FakeFhir:
        resources = {"Patient/p1": {"resourceType": "Patient", "id": "p1"}}
        return FakeFhir(resources=resources | said.pop("resources", {}), **said)

    return make
