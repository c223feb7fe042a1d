"""Every fault of the two lists that write-back must survive has a test by its id."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
FAULTS = [f"P{n:02}" for n in range(1, 15)] + [f"W{n:02}" for n in range(1, 21)]
# In a test's own name, or in the id of one of its cases.
_NAMED = re.compile(r"def test_\w+|id=f?\"[^\"]+\"")


@pytest.fixture(scope="module")
def names() -> str:
    here = Path(__file__)
    texts = [f.read_text("utf-8") for f in TESTS.rglob("test_*.py") if f != here]
    return "\n".join(name for text in texts for name in _NAMED.findall(text))


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_has_a_test_by_its_id(fault: str, names: str) -> None:
    assert fault in names
