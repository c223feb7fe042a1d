"""Distances and index cells, at the poles and the date line too."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.directory.places import cell_of, cells_around, is_place, kilometres


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        pytest.param((40.0, -73.0), (40.0, -73.0), 0.0, id="same"),
        pytest.param((0.0, 179.5), (0.0, -179.5), 111.2, id="date-line"),
        pytest.param((89.5, 0.0), (89.5, 180.0), 111.2, id="over-the-pole"),
        pytest.param((51.5074, -0.1278), (48.8566, 2.3522), 343.6, id="london-paris"),
        pytest.param((0.0, 0.0), (0.0, 180.0), 20015.1, id="antipodes"),
    ],
)
def test_kilometres(
    one: tuple[float, float], other: tuple[float, float], km: float
) -> None:
    assert kilometres(*one, *other) == pytest.approx(km, abs=0.1)


def _away(
    latitude: float, longitude: float, km: float, bearing: float
) -> tuple[float, float]:
    """The place so far off in a direction."""
    far, up, along = km / 6371.0088, math.radians(latitude), math.radians(longitude)
    there = math.asin(
        math.sin(up) * math.cos(far) + math.cos(up) * math.sin(far) * math.cos(bearing)
    )
    turned = math.atan2(
        math.sin(bearing) * math.sin(far) * math.cos(up),
        math.cos(far) - math.sin(up) * math.sin(there),
    )
    beyond = (math.degrees(along + turned) + 540) % 360 - 180
    return math.degrees(there), beyond


@settings(max_examples=120)
@given(
    st.one_of(
        st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
        st.sampled_from([(90.0, 0.0), (-90.0, 50.0), (0.0, 180.0), (58.65, 11.25)]),
    ),
    st.floats(0.5, 200),
    st.floats(0, 0.99999),
    st.floats(0, 2 * math.pi),
)
def test_every_place_within_the_radius_lies_in_the_cells(
    centre: tuple[float, float], km: float, share: float, bearing: float
) -> None:
    there = _away(*centre, km * share, bearing)
    if kilometres(*centre, *there) <= km:
        assert cell_of(*there) in cells_around(*centre, km)


@pytest.mark.parametrize(
    "place", [(91, 0), (0, 181), (float("nan"), 0), (0, float("inf"))]
)
def test_what_is_no_place(place: tuple[float, float]) -> None:
    assert not is_place(*place)
