"""The line of each value of a JSON text."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.knowledge.json_lines import line_of, lines_in

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=20,
)


def parts_of(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Any]:
    rows = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in rows:
        yield (*path, key), part
        if isinstance(part, dict | list):
            yield from parts_of(part, (*path, key))


@pytest.mark.slow
@given(st.lists(values) | st.dictionaries(st.text(max_size=5), values))
def test_every_value_has_the_line_on_which_it_begins(value: Any) -> None:
    text = json.dumps(value, indent=1)
    found = lines_in(text)
    parts = dict(parts_of(value))
    assert found.keys() == parts.keys()
    written = text.split("\n")
    for path, part in parts.items():
        begun = json.dumps(part, indent=1).split("\n")[0]
        assert begun in written[found[path] - 1]


def test_value_that_is_missing_has_the_line_of_what_it_is_missing_from() -> None:
    lines = lines_in('{\n "programs": [\n  {"id": "x"}\n ]\n}')
    assert line_of(("programs", 0, "name"), lines) == 3
    assert line_of(("hide",), lines) is None


@pytest.mark.parametrize("text", ["", "{", '{"a"', '{"a": [1,', '{"a": 1'])
def test_text_that_is_not_json_gives_what_was_read(text: str) -> None:
    assert set(lines_in(text)) <= {("a",), ("a", 0), (0,)}
