"""Moments are kept to the microsecond."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.store.schema import micros, moment

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(st.datetimes(timezones=ZONES))
def test_moment_comes_back_as_it_was(given_moment: datetime) -> None:
    again = moment(micros(given_moment))
    assert again == given_moment
    assert again.tzinfo is UTC


def test_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        micros(datetime(2026, 3, 2))  # noqa: DTZ001 - the very mistake
