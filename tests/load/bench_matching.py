"""The recommendation against reading the same bytes, and against the directory alone.

A chart of 30 problems and 40 results; a directory of 250,000 invented meetings, as
`bench_directory` makes them. The bounds are those that the app is held to; the ratio
is to work of the same run, so that a slow machine is told from slow code.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from bench_directory import MEETINGS, feeds, line, towns

from plugin.chart.bundle import chart_from_bundle
from plugin.chart.chart import Chart
from plugin.clock import system_clock
from plugin.directory.directory import Directory
from plugin.directory.meeting import MeetingsWanted, Place
from plugin.directory.sources import file_source
from plugin.knowledge.load import DATA, Knowledge, load_knowledge
from plugin.matching.recommend import recommend
from plugin.matching.recommendation import FindMeetings, Preferences
from plugin.store.engine import open_engine
from plugin.store.migrate import migrate

RUNS, WITH_DIRECTORY = 400, 150
BOUND, BOUND_LOAD = 2.0, 60.0  # ms, medians
BOUND_MEETINGS, BOUND_MEETINGS_P95 = 10.0, 25.0  # ms
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SCT = "http://snomed.info/sct"
PROBLEMS = (
    *("F10.20", "F33.1", "F41.1", "F17.210", "F43.10", "F63.0"),
    *("I10", "E11.9", "J06.9", "M54.5", "Z00.00", "E78.5", "K21.9", "N39.0"),
)
SCORES = ("44261-6", "44260-8", "70274-6", "75624-7", "39156-5")


def bundle() -> bytes:
    """30 problems, some of them in SNOMED CT alone, and 40 results of a year."""
    me = {"reference": "Patient/p1"}
    codes = [(ICD, code) for code in PROBLEMS]
    codes += [(SCT, str(70_000_000 + n)) for n in range(30 - len(codes))]
    conditions = [
        {
            "resourceType": "Condition",
            "id": f"c{n}",
            "subject": me,
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "code": {"coding": [{"system": s, "code": c}], "text": f"Problem {n}"},
            "recordedDate": f"2025-{1 + n % 12:02}-11",
        }
        for n, (s, c) in enumerate(codes)
    ]
    results = [
        {
            "resourceType": "Observation",
            "id": f"o{n}",
            "status": "final",
            "subject": me,
            "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
            "valueQuantity": {"value": 20 if loinc == "39156-5" else n % 4},
            "effectiveDateTime": f"2026-{1 + n % 2:02}-{1 + n % 27:02}",
        }
        for n, loinc in enumerate(SCORES * 8)
    ]
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "gender": "female",
        "birthDate": "1984-05-02",
        "address": [{"country": "US"}],
    }
    entries = [{"resource": r} for r in (patient, *conditions, *results)]
    whole = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return json.dumps(whole).encode()


def times(
    work: Callable[[], object],
    runs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Median and 95th percentile in ms, after some runs that do not count."""
    for _ in range(10):
        work()
    taken = []
    for _ in range(runs):
        begun = clock()
        work()
        taken.append((clock() - begun) * 1000)
    taken.sort()
    return statistics.median(taken), taken[int(len(taken) * 0.95)]


def loading() -> None:
    files = [file.read_bytes() for file in sorted(DATA.glob("*.json"))]
    median, _ = times(load_knowledge, 20)
    bare, _ = times(lambda: [json.loads(one) for one in files], 20)
    against = f"json.loads of its files, bound {BOUND_LOAD:g} ms"
    line("knowledge load, median", median, "ms", median / bare, against)


@dataclass(slots=True)
class Timed:
    """The directory's answer, and how long it took of each recommendation."""

    find: FindMeetings
    taken: list[float] = field(default_factory=list)

    def __call__(self, wanted: MeetingsWanted) -> Any:
        begun = time.perf_counter()
        found = self.find(wanted)
        self.taken.append((time.perf_counter() - begun) * 1000)
        return found


def recommending(knowledge: Knowledge) -> None:
    data, at = bundle(), datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    chart = chart_from_bundle(data, at)
    bare, bare_95 = times(lambda: json.loads(data), RUNS)

    def alone() -> object:
        return recommend(
            chart, knowledge, Preferences(), at=at, find_meetings=lambda _wanted: {}
        )

    median, high = times(alone, RUNS)
    against = f"json.loads of the same Bundle, bound {BOUND:g} ms"
    line("matching, median", median, "ms", median / bare, against)
    against = "json.loads of the same Bundle"
    line("matching, p95", high, "ms", high / bare_95, against)
    # What a busy machine does not change: how long the processor worked at it.
    worked, _ = times(alone, RUNS, time.process_time)
    bare_worked, _ = times(lambda: json.loads(data), RUNS, time.process_time)
    against = f"json.loads, CPU, bound {BOUND:g} ms"
    line("matching, median of CPU", worked, "ms", worked / bare_worked, against)
    against = "json.loads of the same Bundle"
    median, _ = times(lambda: chart_from_bundle(data, at), RUNS)
    line("chart from a Bundle, median", median, "ms", median / bare, against)
    with_meetings(chart, knowledge)


def with_meetings(chart: Chart, knowledge: Knowledge) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = open_engine(f"sqlite:///{folder / 'bench.db'}")
        try:
            migrate(engine)
            directory = Directory(engine, system_clock)
            for path, options in feeds(folder, MEETINGS):
                directory.import_feed(file_source(path), options)
            asked_of(directory, chart, knowledge)
        finally:
            engine.dispose()


def asked_of(directory: Directory, chart: Chart, knowledge: Knowledge) -> None:
    timed, places, number = Timed(directory.next_meetings), towns(), 0

    def ask() -> object:
        nonlocal number
        number += 1
        return recommend(
            chart,
            knowledge,
            Preferences(),
            at=system_clock(),
            find_meetings=timed,
            near=Place(*places[number % len(places)]),
        )

    median, high = times(ask, WITH_DIRECTORY)
    counted = sorted(timed.taken[-WITH_DIRECTORY:])
    alone, alone_95 = statistics.median(counted), counted[int(len(counted) * 0.95)]
    against = f"the directory's part of it, bound {BOUND_MEETINGS:g} ms"
    line("with 250,000 meetings, median", median, "ms", median / alone, against)
    against = f"the directory's part of it, bound {BOUND_MEETINGS_P95:g} ms"
    line("with 250,000 meetings, p95", high, "ms", high / alone_95, against)


def main() -> None:
    loading()
    recommending(load_knowledge())


if __name__ == "__main__":
    main()
