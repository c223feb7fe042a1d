"""A hospital's own file: what it may change, and what it may not."""

import json
from pathlib import Path
from typing import Any

import pytest

from plugin.cli import main
from plugin.knowledge.errors import KnowledgeBroken, SiteFileRefused
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
    knowledge = load_knowledge(
        site(help_lines=[line], emergency_numbers={"FR": "15 or 112"})
    )
    assert knowledge.emergency_numbers["FR"] == "15 or 112"
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


WRITTEN = """{
 "version": "general-1",
 "hide": ["refuge",
          "nobody"],
 "weights": {"aa": 1.2},
 "checked": {"line_988": "2026-11-20"}
}"""


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        pytest.param("", "", 4, "nobody is no programme", id="hides-nothing"),
        pytest.param('"nobody"', '"aa" x', 4, "not JSON", id="not-json"),
        pytest.param("1.2", "9", 5, "weights/aa: 9 is greater", id="weight"),
        pytest.param('"hide"', '"hides"', 3, "'hides' was unexpected", id="odd-key"),
        pytest.param("11-20", "13-20", 6, "2026-13-20 is no day", id="no-day"),
        pytest.param("line_988", "line_0", 6, "line_0, which is not", id="no-line"),
    ],
)
def test_mistake_is_refused_with_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    text = WRITTEN.replace(old, new) if old else WRITTEN
    if line != 4:
        text = text.replace('"nobody"', '"mm"')
    file = tmp_path / "site.json"
    file.write_text(text)
    with pytest.raises(SiteFileRefused) as refused:
        load_knowledge(file)
    assert str(refused.value).startswith(f"{file}:{line}: ")
    assert says in str(refused.value)


def _own(**said: Any) -> dict[str, Any]:
    program = read_data()["programs"]["programs"][0]
    return {**program, "id": "ward_group", "name": "Ward group", **said}


@pytest.mark.parametrize(
    ("said", "says"),
    [
        pytest.param(
            {"needs": [{"need": "astrology", "role": "primary"}], "evidence": []},
            "astrology is not known",
            id="unknown-need",
        ),
        pytest.param(
            {
                "evidence": [
                    {
                        "need": "alcohol",
                        "grade": "B",
                        "citations": ["nobody2020"],
                        "note": "",
                    }
                ]
            },
            "nobody2020 is not known",
            id="unknown-citation",
        ),
        pytest.param({"age": {"min": 40, "max": 20}}, "hold nobody", id="ages"),
    ],
)
def test_own_programme_passes_the_checks_of_the_release(
    site: Any, said: dict[str, Any], says: str
) -> None:
    with pytest.raises(SiteFileRefused, match=f"programme ward_group: .*{says}"):
        load_knowledge(site(programs=[_own(**said)]))


def test_help_line_of_a_new_country_needs_its_emergency_number(site: Any) -> None:
    line = dict(read_data()["help_lines"]["help_lines"][0], id="own", countries=["FR"])
    with pytest.raises(SiteFileRefused, match="no emergency number for FR"):
        load_knowledge(site(help_lines=[line]))


def test_site_cannot_take_a_safety_rule_away(site: Any) -> None:
    own = _own(id="oa", exclusions=[])
    knowledge = load_knowledge(site(programs=[own], hide=["mm"]))
    assert "oa" in knowledge.rule("S10").removes.programs
    assert len(knowledge.rules) == 26


def test_command_names_the_line_of_the_site_file(
    site: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = site(hide=["nobody"])
    with pytest.raises(SystemExit) as ended:
        main(["knowledge", "check", "--site", str(file)])
    assert ended.value.code == 2
    assert f"{file}:1: nobody is no programme" in capsys.readouterr().err


def test_command_names_a_site_file_that_holds(
    site: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["knowledge", "check", "--site", str(site(hide=["refuge"]))])
    assert ended.value.code == 0
    assert "with general-1: nothing found" in capsys.readouterr().out


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
