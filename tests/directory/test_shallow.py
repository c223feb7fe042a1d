"""How deep a stream of JSON is, however it is cut into chunks."""

import io
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plugin.directory.errors import FeedUnreadable
from plugin.directory.feeds.shallow import DEEPEST, Shallow

# Texts that look like structure.
SIGNS = st.text(alphabet='[]{}"\\ab\u00e9', max_size=12)
VALUES = st.recursive(
    SIGNS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SIGNS, inner),
    max_leaves=6,
)


def read_through(text: str, size: int) -> bytes:
    stream = Shallow(io.BytesIO(text.encode()))
    return b"".join(iter(lambda: stream.read(size), b""))


@example("[" * 70, 4)
@example('"' + "[" * 70, 1)  # an escaped sign, cut from its escape
@example("\\" + "[" * 70, 1)
@settings(max_examples=50)
@given(VALUES, st.integers(1, 9))
def test_what_is_not_deep_passes_unchanged(value: Any, size: int) -> None:
    rows = json.dumps([value] * 30, ensure_ascii=False)
    assert read_through(rows, size) == rows.encode()


@settings(max_examples=30)
@given(SIGNS, st.integers(1, 9))
def test_what_is_deep_is_refused(text: str, size: int) -> None:
    deep: Any = text
    for _ in range(DEEPEST + 1):
        deep = [text, deep]
    with pytest.raises(FeedUnreadable):
        read_through(json.dumps(deep), size)
