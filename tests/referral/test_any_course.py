"""Whatever order things happen in: the ledger against an EHR that does its worst.

The EHR loses answers before and after it has committed, commits late and out of order,
is busy, refuses, answers without saying where; workers die at every step; clinicians
come and go; people retry and resolve. After every step no identifier stands twice in
the record, and nothing was sent before what comes before it was settled.
"""

import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from plugin.audit.verify import verify
from plugin.referral.errors import JobNotOpen
from plugin.store.engine import open_engine, reading
from plugin.store.referral_tables import write_jobs

SETTLED = ("written", "refused", "cancelled")
# Lost answers, and commits that come later than the first look, before the second one.
LOSSES = (
    ("lost_after_commit", ()),
    ("lost_before_commit", ()),
    ("committed_late", (0.5,)),
    ("committed_late", (1.9,)),
    ("committed_late", (3.7,)),
)
OTHERS = (
    ("created", ()),
    ("echoed", ()),
    ("without_location", (201,)),
    ("without_location", (204,)),
    ("accepted_late", (40,)),
    ("answered", (503,)),
    ("answered", (429,)),
    ("answered", (409,)),
    ("answered", (500,)),
    ("answered", (422,)),
    ("answered", (403,)),
)


class Course(RuleBasedStateMachine):
    """`make` gives a new room; `answers`, the ways in which a create is answered."""

    make: Any
    answers: Any

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.room = self.make(Path(self.folder.name))
        self.ehr = self.room.ehr
        self.launches = 0
        self.signed: list[str] = []
        self.ehr.on_post = self._note_order

    def teardown(self) -> None:
        try:
            if self.signed:
                self._comes_to_its_end()
        finally:
            self.room.engine.dispose()
            self.folder.cleanup()

    # What clinicians do

    @initialize()
    def begin(self) -> None:
        self.open_the_patient()
        self.sign(1)

    @rule()
    def open_the_patient(self) -> None:
        self.launches += 1
        self.context = self.room.launch(f"ctx-{self.launches}")

    @rule(choices=st.integers(1, 2))
    def sign(self, choices: int) -> None:
        if len(self.signed) < 4:
            key = f"key-{len(self.signed)}"
            done = self.room.sign(self.context, choices=choices, key=key)
            again = self.room.sign(self.context, choices=choices, key=key)
            assert (again.id, again.created) == (done.id, False)
            self.signed.append(done.id)

    @rule()
    def sign_in_ends(self) -> None:
        self.ehr.relaunch.add(f"ctx-{self.launches}")

    # What the EHR does

    @rule(answer=st.sampled_from(LOSSES + OTHERS), times=st.integers(1, 3))
    def next_answers_are(self, answer: tuple[str, tuple[Any, ...]], times: int) -> None:
        name, arguments = answer
        said = getattr(self.answers, name)
        if name in ("committed_late", "accepted_late", "answered", "without_location"):
            said = said(*arguments)
        self.ehr.script += [said] * times

    @rule(searchable=st.booleans())
    def searching_is(self, searchable: bool) -> None:
        self.ehr.searchable = searchable

    @rule(incomplete=st.booleans())
    def searches_are_cut(self, incomplete: bool) -> None:
        self.ehr.incomplete = incomplete

    # What workers do

    @rule(seconds=st.sampled_from([0, 0.3, 1, 2.5, 6, 16, 70]))
    def time_passes_and_workers_work(self, seconds: float) -> None:
        self.room.work(seconds)

    @rule(seconds=st.sampled_from([1, 16, 300]))
    def time_passes(self, seconds: float) -> None:
        self.room.clock.forward(seconds)

    @rule(step=st.sampled_from(["before", "noted", "sent"]))
    def worker_dies(self, step: str) -> None:
        job = self.room.worker.jobs.claim()
        if job is None or step == "before":
            return
        if step == "noted":
            self.room.worker.jobs.sending(job)
            return
        self.room.worker.writer.run(job, lambda: self.room.worker.jobs.sending(job))

    # What people do

    @precondition(lambda self: self.signed)
    @rule(which=st.integers(0, 3))
    def person_retries(self, which: int) -> None:
        referral = self.signed[which % len(self.signed)]
        try:
            self.room.outbox.retry(referral, actor="operator:test")
        except JobNotOpen:
            assert "held" not in self.room.states(referral)

    @rule()
    def person_looks_and_resolves(self) -> None:
        for row in self._rows():
            if row.status == "unknown" and row.identifier and not self.ehr.late:
                found = self._found(row.kind, row.identifier)
                self.room.outbox.resolve(row.id, found=found, actor="operator:test")

    # What must be true

    @invariant()
    def nothing_stands_twice(self) -> None:
        assert self._doubles() == []

    @invariant()
    def what_is_said_to_be_written_is_there(self) -> None:
        for row in self._rows():
            if row.status == "written" and row.identifier and row.reference:
                found = self._found(row.kind, row.identifier)
                assert found == row.reference

    def _note_order(self) -> None:
        """At each create, all that stands before it in its referral is settled."""
        rows = self._rows()
        for one in rows:
            if one.status == "leased" and one.sending:
                before = [
                    r.status
                    for r in rows
                    if r.referral_id == one.referral_id and r.position < one.position
                ]
                assert set(before) <= set(SETTLED)

    def _comes_to_its_end(self) -> None:
        """The EHR recovers, the clinician comes back: everything is settled, once."""
        self.ehr.script.clear()
        self.ehr.searchable, self.ehr.incomplete = True, False
        self.ehr.relaunch.clear()
        for _ in range(3):
            self.open_the_patient()
            self.room.work(900)
            self.person_looks_and_resolves()
            for referral in self.signed:
                self.person_retries(self.signed.index(referral))
            self.room.work(900)
        for row in self._rows():
            assert row.status in SETTLED or not row.identifier, (row.status, row.reason)
            if row.identifier and row.status == "written":
                assert self._found(row.kind, row.identifier) is not None
        assert self._doubles() == []
        assert verify(self.room.engine, self.room.trail.keys).whole

    def _rows(self) -> Any:
        rows = select(write_jobs).order_by(
            write_jobs.c.referral_id, write_jobs.c.position
        )
        with reading(self.room.engine) as connection:
            return connection.execute(rows).all()

    def _found(self, kind: str, identifier: str) -> str | None:
        for record in self.ehr.records[kind]:
            if record["identifier"][0]["value"] == identifier:
                return f"{kind}/{record['id']}"
        return None

    def _doubles(self) -> list[str]:
        names = Counter(
            record["identifier"][0]["value"]
            for kind in ("ServiceRequest", "DocumentReference")
            for record in self.ehr.records[kind]
        )
        return [name for name, count in names.items() if count > 1]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_W02_any_course_of_things_writes_each_once(
    sqlite_template: Path, answers: Any, make_room: Any
) -> None:
    def make(folder: Path) -> Any:
        shutil.copyfile(sqlite_template, folder / "selfhelp.db")
        return make_room(open_engine(f"sqlite:///{folder / 'selfhelp.db'}"))

    machine = type(
        "Course", (Course,), {"make": staticmethod(make), "answers": answers}
    )
    run_state_machine_as_test(
        machine, settings=settings(max_examples=30, stateful_step_count=20)
    )
