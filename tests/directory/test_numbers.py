"""Numbers beyond what a machine's word holds cost their own row, and no other."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.directory.feeds import json_rows
from plugin.directory.feeds.shallow import Shallow

Row = Callable[..., dict[str, Any]]

HUGE = [
    pytest.param(2**63, id="one-beyond-signed"),
    pytest.param(-(2**63) - 1, id="one-beyond-negative"),
    pytest.param(10**30, id="thirty-digits"),
    pytest.param(10**5000, id="five-thousand-digits"),
]


@pytest.mark.parametrize("whole", [True, False], ids=["small", "streamed"])
@pytest.mark.parametrize("number", HUGE)
def test_huge_number_costs_its_own_row(
    filled, row: Row, monkeypatch: pytest.MonkeyPatch, number: int, whole: bool
) -> None:
    if not whole:
        monkeypatch.setattr(json_rows, "WHOLE", 10)
    feed = json.dumps([row("one"), row("HUGE"), row("two")])
    report = filled.give(feed.replace('"HUGE"', _digits(number)))
    assert (report.read, report.stored) == (3, 2)
    (rejected,) = report.rejected
    assert (rejected.row, rejected.reason) == (
        2,
        "slug is a number too large to be read exactly",
    )


def _digits(number: int) -> str:
    """As JSON writes it: Python itself writes no more than 4,300 digits."""
    return "1" + "0" * 5000 if number == 10**5000 else str(number)


def test_number_beyond_any_double_does_not_end_the_feed(filled, row: Row) -> None:
    feed = json.dumps([row("one", weight="HUGE"), row("two")])
    assert filled.give(feed.replace('"HUGE"', "1e999")).stored == 2


TEXTS = st.text(alphabet='0123456789eE+-."\\a', max_size=30)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False).filter(
    lambda number: abs(number) != float("inf")
)


@given(st.lists(st.dictionaries(TEXTS, TEXTS | NUMBERS, max_size=4)), st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_usual_numbers_and_all_texts_stay_as_they_are(rows: Any, size: int) -> None:
    text = json.dumps(rows).encode()
    stream = Shallow(io.BytesIO(text))
    assert b"".join(iter(lambda: stream.read(size), b"")) == text
