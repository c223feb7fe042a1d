"""The configuration's feeds: each in its turn, by one replica alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from plugin.directory.errors import FeedBusy, FeedUnreachable
from plugin.directory.importing import Importer
from plugin.directory.listing import FeedOptions
from plugin.directory.report import ImportReport
from plugin.directory.scheduled import Schedule
from plugin.directory.sources import file_source
from plugin.settings import Feed

URL = "https://feeds.example.org/meetings.json?key=secret-canary"
FEED = Feed(id="web", source=URL, format="meeting-guide", program="aa", every_hours=24)


@dataclass
class Publisher:
    """Gives the same meetings to whoever asks, or fails as it is told."""

    filled: Any
    rows: list[Any]
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] | None = None

    def __call__(self, source: str, options: FeedOptions) -> ImportReport:
        self.asked.append(options.feed)
        if self.meanwhile is not None:
            self.meanwhile()
        if self.error is not None:
            raise self.error
        path = self.filled.folder / f"{options.feed}.json"
        import json

        path.write_text(json.dumps(self.rows))
        importer = Importer(self.filled.engine, self.filled.clock)
        return importer.run(file_source(path), options)


@pytest.fixture
def publisher(filled: Any, row: Any) -> Publisher:
    return Publisher(filled, [row(f"m{n}", timezone="Europe/London") for n in range(9)])


@pytest.fixture
def schedule(publisher: Publisher) -> Schedule:
    filled = publisher.filled
    return Schedule(filled.engine, filled.clock, publisher)


def kinds(schedule: Schedule, *named: Feed, every: bool = False) -> list[str]:
    return [one.kind for one in schedule.go_round(named or (FEED,), every=every)]


def test_feed_is_brought_in_once_in_its_hours(
    schedule: Schedule, publisher: Publisher
) -> None:
    assert kinds(schedule) == ["imported"]
    assert kinds(schedule) == ["not_due"]
    publisher.filled.clock.forward(hours=23)
    assert kinds(schedule) == ["not_due"]
    publisher.filled.clock.forward(hours=1)
    assert kinds(schedule) == ["imported"]
    assert kinds(schedule, every=True) == ["imported"]
    assert len(publisher.asked) == 3


def test_other_replica_leaves_a_claimed_feed_alone(
    schedule: Schedule, publisher: Publisher
) -> None:
    others: list[str] = []
    publisher.meanwhile = lambda: others.extend(kinds(schedule))
    assert kinds(schedule) == ["imported"]
    publisher.filled.clock.forward(hours=24)
    assert kinds(schedule) == ["imported"]
    assert others == ["not_due", "not_due"]


def test_failure_is_shown_and_tried_again_in_an_hour(
    schedule: Schedule, publisher: Publisher
) -> None:
    publisher.error = FeedUnreachable("its address answered with status 500")
    assert kinds(schedule) == ["FeedUnreachable"]
    (status,) = publisher.filled.directory.status()
    assert (status.state, status.age_days) == ("failed", None)
    assert "status 500" in status.reason
    assert status.source == "https://feeds.example.org/meetings.json"
    publisher.filled.clock.forward(minutes=59)
    assert kinds(schedule) == ["not_due"]
    publisher.filled.clock.forward(minutes=1)
    publisher.error = None
    assert kinds(schedule) == ["imported"]
    assert publisher.filled.directory.status()[0].state == "good"


def test_failing_feed_does_not_keep_the_others(
    schedule: Schedule, publisher: Publisher
) -> None:
    other = FEED.model_copy(update={"id": "other"})
    bring = schedule.bring

    def failing_first(source: str, options: FeedOptions) -> ImportReport:
        if options.feed == "web":
            raise OSError("No space left on device")
        return bring(source, options)

    torn = Schedule(schedule.engine, schedule.clock, failing_first)
    assert kinds(torn, FEED, other) == ["OSError", "imported"]
    states = {one.feed: one.state for one in publisher.filled.directory.status()}
    assert states == {"web": "failed", "other": "good"}


def test_quarantine_needs_a_person(schedule: Schedule, publisher: Publisher) -> None:
    kinds(schedule)
    publisher.rows = publisher.rows[:3]
    publisher.filled.clock.forward(hours=24)
    (outcome,) = schedule.go_round([FEED])
    assert (outcome.kind, outcome.failed) == ("quarantined", True)
    assert publisher.filled.directory.status()[0].stored == 9


def test_import_by_hand_is_not_disturbed(
    schedule: Schedule, publisher: Publisher
) -> None:
    publisher.error = FeedBusy("feed web is being imported elsewhere")
    (outcome,) = schedule.go_round([FEED])
    assert (outcome.kind, outcome.failed, outcome.done) == ("busy", False, False)


@pytest.mark.postgres
def test_many_replicas_at_once_claim_a_feed_once(filled_on_both: Any, row: Any) -> None:
    import threading

    publisher = Publisher(filled_on_both, [row("a")])
    schedule = Schedule(filled_on_both.engine, filled_on_both.clock, publisher)
    together = threading.Barrier(6)

    def replica() -> None:
        together.wait(10)
        kinds(schedule)

    for _ in range(3):
        replicas = [threading.Thread(target=replica) for _ in range(6)]
        for one in replicas:
            one.start()
        for one in replicas:
            one.join(20)
        filled_on_both.clock.forward(hours=24)
    assert publisher.asked == ["web"] * 3
