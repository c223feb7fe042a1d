"""The table of verified facts says what the data say."""

import copy
from pathlib import Path

import pytest

from plugin.knowledge.load import read_data
from plugin.knowledge.verification import verification_page

PAGE = Path(__file__).parents[2] / "docs/knowledge/verification.md"


def test_table_is_that_of_the_data() -> None:
    """After a change: python -m plugin.knowledge.verification > (the file)."""
    assert PAGE.read_text("utf-8") == verification_page(read_data())


def test_every_programme_citation_session_and_line_has_its_row() -> None:
    data, page = read_data(), PAGE.read_text("utf-8")
    for name in ("programs", "citations", "single_sessions", "help_lines"):
        for row in data[name][name]:
            assert f"\n| {row['id']} |" in page
    for program in data["programs"]["programs"]:
        assert all(fact in page for fact in program["facts"])


@pytest.mark.parametrize(
    ("name", "key"),
    [
        pytest.param("programs", "url_verified", id="address"),
        pytest.param("programs", "age_verified", id="ages"),
        pytest.param("citations", "verified", id="citation"),
        pytest.param("help_lines", "number_seen", id="number"),
    ],
)
def test_another_status_gives_another_table(name: str, key: str) -> None:
    data = read_data()
    changed = copy.deepcopy(data)
    row = changed[name][name][0]
    row[key] = not row[key]
    assert verification_page(changed) != verification_page(data)


def test_table_claims_no_review_that_did_not_happen() -> None:
    data = read_data()
    assert data["knowledge"]["attributes"]["external_review"] == "none"
    assert "No clinician has reviewed any of it yet" in PAGE.read_text("utf-8")
