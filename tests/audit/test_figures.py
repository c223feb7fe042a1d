"""The figures count what they say, and tell of nobody in particular."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, update

from plugin.audit.equity import SMALLEST, Group, groups_of, suppressed
from plugin.audit.figures import Figures, Workload, figures
from plugin.audit.period import Period
from plugin.audit.reviews import due
from plugin.store.engine import writing
from plugin.store.referral_tables import write_jobs

Clinic = Any  # what the fixture gives: see conftest
JANUARY = datetime(2026, 1, 10, 9, 0, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 10, 9, 0, tzinfo=UTC)
PERIOD = Period(
    "general", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
)
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def counted(engine: Engine, period: Period = PERIOD) -> Figures:
    return figures(engine, period, NOW)


def test_referrals_are_counted_by_month_and_programme(
    engine: Engine, clinic: Clinic
) -> None:
    clinic.visit(JANUARY, ends="signed")
    clinic.visit(FEBRUARY, ends="signed", programs=("aa", "smart"))
    clinic.visit(FEBRUARY, ends="signed")
    clinic.visit(datetime(2026, 3, 1, tzinfo=UTC), ends="signed")  # not of the period
    found = counted(engine)
    assert {m: s.whole for m, s in found.linkage_by_month.items()} == {
        "2026-01": 1,
        "2026-02": 2,
    }
    assert found.by_program == [("smart", 3), ("aa", 1)]


def test_shares_are_of_visits_with_a_matched_need(
    engine: Engine, clinic: Clinic
) -> None:
    clinic.visit(JANUARY, ends="signed")
    clinic.visit(JANUARY, ends="declined")
    clinic.visit(JANUARY, ends="handout")
    clinic.visit(JANUARY)
    clinic.visit(JANUARY, needs=())
    found = counted(engine)
    assert (found.discussed.part, found.discussed.whole) == (3, 4)
    assert (found.literature.part, found.literature.whole) == (1, 4)
    assert (found.referred.part, found.referred.whole) == (1, 4)
    assert found.referred.share == 0.25


@pytest.mark.parametrize(
    ("kind", "discussed", "literature"),
    [
        pytest.param("referral.discussed", 1, 0, id="discussed"),
        pytest.param("literature.given", 1, 1, id="literature"),
        pytest.param("recommendation.shown", 0, 0, id="only-looked-at"),
    ],
)
def test_shares_rest_on_what_was_said_to_be_done(
    engine: Engine, clinic: Clinic, kind: str, discussed: int, literature: int
) -> None:
    clinic.visit(JANUARY)
    clinic.note(kind, 2, detail={"program": "aa", "needs": ["alcohol"]})
    found = counted(engine)
    assert (found.discussed.part, found.discussed.whole) == (discussed, 1)
    assert (found.literature.part, found.referred.part) == (literature, 0)


@pytest.mark.parametrize(
    ("days", "linked"),
    [
        pytest.param(0, 1, id="same-day"),
        pytest.param(29, 1, id="29-days"),
        pytest.param(31, 0, id="31-days"),
        pytest.param(None, 0, id="not-heard-of"),
    ],
)
def test_linked_is_who_went_within_thirty_days(
    engine: Engine, clinic: Clinic, days: int | None, linked: int
) -> None:
    clinic.visit(JANUARY, ends="signed", attended_after=days)
    found = counted(engine)
    assert (found.linkage.part, found.linkage.whole) == (linked, 1)
    assert found.heard_of == (days is not None)


def test_minutes_are_from_opening_to_signing(engine: Engine, clinic: Clinic) -> None:
    for minutes in (1, 4, 7):
        clinic.visit(JANUARY, ends="signed", minutes=minutes)
    found = counted(engine)
    assert found.median_minutes == 4
    assert dict(found.minutes_by_bin)["2-5"] == 1
    assert sum(count for _, count in found.minutes_by_bin) == 3


def test_declines_are_counted_by_reason(engine: Engine, clinic: Clinic) -> None:
    clinic.visit(JANUARY, ends="declined")
    clinic.visit(JANUARY, ends="declined")
    assert counted(engine).declines == [("time", 2)]


def test_unknown_writes_are_counted_by_age(engine: Engine, clinic: Clinic) -> None:
    from plugin.store.schema import micros

    referral = clinic.visit(JANUARY, ends="signed")
    ages = (timedelta(minutes=5), timedelta(hours=2), timedelta(days=9))
    for number, age in enumerate(ages):
        row = {"id": f"j{number}", "referral_id": referral, "position": number}
        row |= {"tenant": "general", "patient": "p", "kind": "ServiceRequest"}
        row |= {"identifier_system": "", "identifier": "", "targets": ""}
        row |= {"payload": b"", "payload_digest": "", "status": "unknown", "due": 1}
        row |= {"confirmed_at": 1, "changed_at": micros(NOW - age)}
        with writing(engine) as connection:
            connection.execute(insert(write_jobs).values(row))
    assert dict(counted(engine).unknown_by_age) == {
        "under 1 h": 1,
        "1 to 24 h": 1,
        "1 to 7 days": 0,
        "over 7 days": 1,
    }
    with writing(engine) as connection:
        connection.execute(update(write_jobs).values(status="written"))
    assert not any(n for _, n in counted(engine).unknown_by_age)


def test_equity_is_by_kind_of_people(engine: Engine, clinic: Clinic) -> None:
    for number in range(12):
        clinic.visit(
            JANUARY,
            groups={"language": "es" if number < 6 else "en"},
            ends="signed" if number < 6 else "",
        )
    groups = counted(engine).equity["language"]
    assert groups == [Group("en", 6, 0, None), Group("es", 6, 6, 0)]
    assert [g.name for g in counted(engine).equity["sex"]] == ["unknown"]


def test_small_group_hides_and_takes_the_next_along() -> None:
    told = suppressed([("a", 40, 20, 10), ("b", 30, 15, 5), ("c", 2, 1, 1)])
    assert told == [
        Group("a", 40, 20, 10),
        Group("b", None, None, None),
        Group("c", None, None, None),
    ]


@given(
    st.lists(
        st.integers(0, 60).flatmap(
            lambda seen: st.integers(0, seen).flatmap(
                lambda offered: st.tuples(
                    st.just(seen), st.just(offered), st.integers(0, offered)
                )
            )
        ),
        max_size=6,
    )
)
def test_no_shown_figure_is_of_few_people(counts: list[tuple[int, int, int]]) -> None:
    told = suppressed([(str(n), *one) for n, one in enumerate(counts)])
    hidden = [one for one in told if one.seen is None]
    assert len(hidden) != 1 or len(told) == 1
    for group, (seen, offered, linked) in zip(told, counts, strict=True):
        assert group.seen in (None, seen)
        for shown, part, whole in (
            (group.offered, offered, seen),
            (group.linked, linked, offered),
        ):
            if shown is not None:
                assert shown == part
                assert part in (0, whole) or SMALLEST <= part <= whole - SMALLEST
                assert whole >= SMALLEST


def test_workload_and_cost(engine: Engine, clinic: Clinic) -> None:
    clinic.visit(JANUARY, ends="signed", minutes=30, attended_after=2)
    clinic.visit(JANUARY, ends="signed", minutes=300)  # left open over lunch
    clinic.visit(JANUARY, ends="handout", minutes=30)
    work = counted(engine).workload
    assert work == Workload(3, 120.0, 2, 1, 1, 0)
    assert work.cost(60) == (120.0, 60.0, 120.0)
    assert Workload(0, 0.0, 0, 0, 0, 0).cost(60) == (0.0, None, None)


def test_empty_period_has_figures_too(engine: Engine) -> None:
    found = counted(engine)
    assert found.linkage.share is None
    assert found.median_minutes is None
    assert found.months == ["2026-01", "2026-02"]


def test_R9_reviews_are_due_until_somebody_asked(
    engine: Engine, clinic: Clinic
) -> None:
    late = clinic.visit(JANUARY, ends="signed", warning="S1", follow_up="2026-01-12")
    clinic.visit(FEBRUARY, ends="signed", attended_after=3)
    soon = clinic.visit(FEBRUARY, ends="signed", warning="S1", follow_up="2026-03-09")
    found = due(engine, clinic.keys, "general", NOW)
    assert [(one.what, str(one.on), one.overdue, one.referral) for one in found] == [
        ("follow_up", "2026-01-12", True, late),
        ("outcome", "2026-02-09", True, late),
        ("follow_up", "2026-03-09", False, soon),
        ("outcome", "2026-03-12", False, soon),
    ]
    assert found[0].patient == clinic.keys.pseudonym("general", "patient-1")
    assert found[0].warning == "S1"


@pytest.mark.parametrize(
    ("age", "told"),
    [
        pytest.param(17, "under 18", id="17"),
        pytest.param(18, "18-24", id="18"),
        pytest.param(64, "45-64", id="64"),
        pytest.param(65, "65+", id="65"),
    ],
)
def test_groups_are_broad(age: int, told: str) -> None:
    assert groups_of(age, "female", "es-MX") == {
        "sex": "female",
        "language": "es",
        "age": told,
    }


def test_unknown_group_is_left_out() -> None:
    assert groups_of(None, "", "") == {}
