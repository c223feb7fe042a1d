"""Where the meetings are, drawn from distances alone."""

from dataclasses import replace
from datetime import datetime
from itertools import combinations
from math import hypot

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.directory.meeting import Occurrence, Place
from plugin.matching.recommendation import Recommendation
from plugin.screens.cards import Card, card
from plugin.screens.draft import Draft
from plugin.screens.map_view import MapView, map_of
from plugin.screens.words import Words

HOME = Place(40.7, -74.0)
PER_KM = 1 / 111.195  # degrees of latitude


@pytest.fixture
def cards(recommendation: Recommendation, now: datetime) -> list[Card]:
    words = Words.of("en", "US")
    return [card(p, Draft(), words, now) for p in recommendation.programs]


def at(km_north: float, recommendation: Recommendation) -> Occurrence:
    met = recommendation.programs[1].meetings[0]
    north = HOME.latitude + km_north * PER_KM
    place = {"latitude": north, "longitude": HOME.longitude}
    return replace(met, km=abs(km_north), **place)


def test_pin_stands_at_its_distance(
    cards: list[Card], recommendation: Recommendation
) -> None:
    found = map_of(
        cards, {"smart": [at(1.609344, recommendation)]}, HOME, Words.of("en", "US")
    )
    assert found is not None
    (pin,) = found.pins
    mile = next(ring for ring in found.rings if ring.label == "1 mi")
    assert float(pin.x) == pytest.approx(160)
    assert 160 - float(pin.y) == pytest.approx(float(mile.radius), abs=0.2)
    assert found.lines[0].where == "1.0 mi, Lantern House, Room 2"


def test_rings_are_in_the_country_s_measure(
    cards: list[Card], recommendation: Recommendation
) -> None:
    meetings = {"smart": [at(3.0, recommendation)]}
    found = map_of(cards, meetings, HOME, Words.of("en", "AU"))
    assert found is not None
    assert [ring.label for ring in found.rings] == ["1 km", "2 km", "3 km"]


def test_one_place_of_two_groups_is_one_pin(
    cards: list[Card], recommendation: Recommendation
) -> None:
    met = at(1.0, recommendation)
    found = map_of(cards, {"smart": [met], "aa": [met]}, HOME, Words.of("en", "US"))
    assert found is not None
    assert [line.groups for line in found.lines] == [
        ("SMART Recovery", "Alcoholics Anonymous")
    ]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"latitude": None}, id="no-place"),
        pytest.param({"precision": "approximate"}, id="about-there"),
        pytest.param({"km": None}, id="online"),
    ],
)
def test_what_has_no_exact_place_is_not_drawn(
    cards: list[Card], recommendation: Recommendation, change: dict[str, object]
) -> None:
    met = replace(at(1.0, recommendation), **change)  # type: ignore[arg-type]
    assert map_of(cards, {"smart": [met]}, HOME, Words.of("en", "US")) is None


def test_without_a_home_nothing_is_drawn(
    cards: list[Card], recommendation: Recommendation
) -> None:
    meetings = {"smart": [at(1.0, recommendation)]}
    assert map_of(cards, meetings, None, Words.of("en", "US")) is None


PLACES = st.lists(
    st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)), min_size=1, max_size=8
)


@given(PLACES)
def test_pins_stay_in_the_picture_and_rings_hold_the_furthest(
    places: list[tuple[float, float]],
) -> None:
    found = drawn(places)
    assert found is not None
    for pin in found.pins:
        assert all(0 <= float(n) <= 320 for n in (pin.at_x, pin.at_y, pin.x, pin.y))
    assert 1 <= len(found.rings) <= 4
    assert float(found.rings[-1].radius) == pytest.approx(136)


def test_pins_of_one_street_stand_side_by_side() -> None:
    found = drawn([(0.001 * n, 0.0) for n in range(1, 5)] + [(0.3, 0.3)])
    assert found is not None
    spots = [(float(pin.at_x), float(pin.at_y)) for pin in found.pins]
    assert all(
        hypot(a[0] - b[0], a[1] - b[1]) >= 21.9 for a, b in combinations(spots, 2)
    )


def drawn(places: list[tuple[float, float]]) -> MapView | None:
    words = Words.of("en", "US")
    one = Card(
        "smart", "SMART", "", False, "", (), (), "", "", "", (), "", "", (), (), None,
        "", (), False, "", "", False, 0,
    )  # fmt: skip
    meetings = [
        Occurrence(
            id=str(number),
            feed="f",
            key=str(number),
            program="smart",
            name="Hall",
            starts=datetime.fromisoformat("2026-03-03T18:30:00-05:00"),
            minutes=60,
            attendance="in-person",
            km=hypot(north, east) * 111.195,
            latitude=HOME.latitude + north,
            longitude=HOME.longitude + east,
        )
        for number, (north, east) in enumerate(places)
    ]
    return map_of([one], {"smart": meetings}, HOME, words)
