"""A hospital's own file: what it may change, and what it may not."""

import json
from pathlib import Path
from typing import Any

import pytest

from plugin.knowledge.errors import KnowledgeBroken
from plugin.knowledge.load import load_knowledge, read_data


@pytest.fixture
def site(tmp_path: Path) -> Any:
    def write(**said: Any) -> Path:
        file = tmp_path / "site.json"
        file.write_text(json.dumps({"version": "general-1", **said}))
        return file

    return write


def test_site_hides_and_weighs(site: Any) -> None:
    knowledge = load_knowledge(site(hide=["refuge"], weights={"aa": 0.5}))
    assert "refuge" not in knowledge.programs
    assert knowledge.program("aa").weight == 0.5
    assert knowledge.site == "general-1"


def test_site_adds_a_programme(site: Any) -> None:
    own = dict(
        read_data()["programs"]["programs"][0], id="ward_group", name="Ward group"
    )
    knowledge = load_knowledge(site(programs=[own]))
    assert knowledge.program("ward_group").name == "Ward group"


def test_site_confirms_a_help_line(site: Any) -> None:
    knowledge = load_knowledge(site(checked={"line_988": "2026-11-20"}))
    assert knowledge.help_lines["line_988"].checked == "checked 2026-11-20"


def test_site_adds_a_help_line(site: Any) -> None:
    line = dict(
        read_data()["help_lines"]["help_lines"][0], id="line_own", countries=["FR"]
    )
    knowledge = load_knowledge(site(help_lines=[line]))
    assert knowledge.lines_for(("crisis",), "FR")[0].id == "line_own"


@pytest.mark.parametrize(
    ("said", "says"),
    [
        pytest.param({"hide": ["nobody"]}, "nobody", id="hides-nothing"),
        pytest.param({"weights": {"nobody": 1}}, "nobody", id="weighs-nothing"),
        pytest.param({"weights": {"aa": 9}}, "weights/aa", id="weight-too-high"),
        pytest.param(
            {"checked": {"nobody": "2026-01-01"}}, "nobody", id="confirms-nothing"
        ),
        pytest.param({"rules": []}, "rules", id="rules-are-not-its-business"),
        pytest.param({"version": ""}, "version", id="no-version"),
    ],
)
def test_mistake_is_refused_with_its_place(
    site: Any, said: dict[str, Any], says: str
) -> None:
    with pytest.raises(KnowledgeBroken, match=says):
        load_knowledge(site(**said))


@pytest.mark.parametrize("content", ["{", "[]"])
def test_file_that_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "site.json").write_text(content)
    with pytest.raises(KnowledgeBroken):
        load_knowledge(tmp_path / "site.json")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeBroken, match="cannot be read"):
        load_knowledge(tmp_path / "nowhere.json")


def test_hidden_programme_leaves_the_rules_whole(site: Any) -> None:
    knowledge = load_knowledge(site(hide=["mm", "oa"]))
    assert "mm" not in knowledge.rule("S6b").removes.programs
    assert len(knowledge.rules) == 26
