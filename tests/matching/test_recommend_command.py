"""The command line: options, refusals, exit codes, what goes where."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugin.cli import main

AT = "2026-03-02T10:00:00-05:00"


@pytest.fixture
def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SELFHELP_CONFIG", raising=False)

    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["recommend", *arguments])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return command


@pytest.fixture
def file(tmp_path: Path, bundle: Callable[..., bytes]) -> str:
    path = tmp_path / "chart.json"
    path.write_bytes(bundle(["F10.20", "R45.851"]))
    return str(path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(["--at", "2026-03-02T10:00:00"], "--at", id="time-without-offset"),
        pytest.param(["--at", "2026-03-02"], "--at", id="date-alone"),
        pytest.param(["--at", "tomorrow"], "--at", id="words"),
        pytest.param(["--at", "2026-13-02T10:00:00Z"], "--at", id="no-such-month"),
        pytest.param(["--near", "Brooklyn"], "--near", id="place-in-words"),
        pytest.param(["--near", "91,0"], "--near", id="beyond-the-pole"),
        pytest.param(["--near", "1,2,3"], "--near", id="three-numbers"),
        pytest.param(["--near", "nan,0"], "--near", id="no-number"),
        pytest.param(["--within", "0"], "--within", id="no-distance"),
        pytest.param(["--within", "nan"], "--within", id="distance-no-number"),
        pytest.param(["--country", "USA"], "--country", id="three-letters"),
        pytest.param(["--country", "1!"], "--country", id="no-letters"),
        pytest.param(["--language", "english!"], "--language", id="language"),
        pytest.param(["--preferences", "missing.json"], "missing.json", id="no-file"),
        pytest.param(["--colour", "red"], "--colour", id="unknown-option"),
    ],
)
def test_bad_option_ends_with_2_and_one_line(
    run: Callable[..., tuple[int, str, str]], file: str, options: list[str], says: str
) -> None:
    code, out, err = run(file, *options)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        pytest.param('{"colour": "red"}', "unknown preference", id="unknown-key"),
        pytest.param("[]", "one JSON object", id="no-object"),
        pytest.param("{", "not JSON", id="no-json"),
        pytest.param('{"spiritual": "maybe"}', "spiritual is one of", id="spiritual"),
        pytest.param('{"modality": "tv"}', "modality is one of", id="modality"),
        pytest.param(
            '{"language": "no language"}', "language is a code", id="language-form"
        ),
        pytest.param('{"women": "yes"}', "women is true or false", id="flag"),
        pytest.param('{"language": 3}', "language is a code", id="language"),
        pytest.param('{"picks": "aa"}', "picks is a list", id="picks-no-list"),
        pytest.param('{"picks": ["nobody"]}', "names no programme", id="picks-unknown"),
    ],
)
def test_bad_preferences_end_with_2(
    run: Callable[..., tuple[int, str, str]],
    file: str,
    tmp_path: Path,
    wishes: str,
    says: str,
) -> None:
    (tmp_path / "w.json").write_text(wishes)
    code, out, err = run(file, "--preferences", "w.json")
    assert (code, out) == (2, "")
    assert says in err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "not a FHIR Bundle", id="empty"),
        pytest.param(b"[]", "not a FHIR Bundle", id="list"),
        pytest.param(b'{"resourceType": "Patient"}', "not a FHIR Bundle", id="patient"),
        pytest.param(
            b'{"resourceType": "Bundle", "entry": {}}',
            "not a FHIR Bundle",
            id="F12-entry",
        ),
        pytest.param(b'{"resourceType": "Bundle"}', "no Patient", id="no-entry"),
        pytest.param(
            b'{"resourceType": "Bundle", "a": NaN}', "not a FHIR Bundle", id="F05-nan"
        ),
        pytest.param(b"[" * 100_000, "not a FHIR Bundle", id="F05-deep"),
    ],
)
def test_what_is_no_chart_ends_with_2(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "x.json").write_bytes(content)
    code, out, err = run("x.json")
    assert (code, out) == (2, "")
    assert says in err


def test_missing_file_ends_with_2(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("nowhere.json")
    assert (code, out) == (2, "")
    assert "nowhere.json cannot be read" in err


def test_json_stands_alone_on_standard_output(
    run: Callable[..., tuple[int, str, str]], file: str
) -> None:
    code, out, err = run(file, "--json", "--at", AT)
    assert code == 0
    assert json.loads(out)["offered"]
    assert "meetings were not looked up" in err


def test_text_puts_safety_first(
    run: Callable[..., tuple[int, str, str]], file: str
) -> None:
    code, out, _ = run(file, "--at", AT)
    assert code == 0
    assert out.index("RED  Acute suicide risk") < out.index("GROUPS TO DISCUSS")
    assert "988 Suicide & Crisis Lifeline: Call or text 988" in out
    assert "(not checked)" in out
    assert "No risk codes found is not a risk assessment." in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("country", ["UK", "GB", "gb"])
def test_UK_means_GB(
    run: Callable[..., tuple[int, str, str]], file: str, country: str
) -> None:
    _, out, _ = run(file, "--country", country)
    assert "Samaritans" in out
    assert "988" not in out


def test_empty_preferences_are_no_preferences(
    run: Callable[..., tuple[int, str, str]], file: str, tmp_path: Path
) -> None:
    (tmp_path / "w.json").write_text("{}")
    assert (
        run(file, "--at", AT)[1] == run(file, "--at", AT, "--preferences", "w.json")[1]
    )


def test_preferences_that_are_null_are_not_stated(
    run: Callable[..., tuple[int, str, str]], file: str, tmp_path: Path
) -> None:
    stated = {"spiritual": None, "women": None, "language": "ES", "picks": None}
    (tmp_path / "w.json").write_text(json.dumps(stated))
    code, out, _ = run(file, "--json", "--at", AT, "--preferences", "w.json")
    assert code == 0
    assert "lifering" in {m["id"] for m in json.loads(out)["removed"]}


def test_configuration_that_cannot_be_read_ends_with_2(
    run: Callable[..., tuple[int, str, str]],
    file: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SELFHELP_CONFIG", "missing.toml")
    code, out, err = run(file)
    assert (code, out) == (2, "")
    assert "SELFHELP_CONFIG" in err


def test_unreadable_entries_do_not_change_the_exit_code(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, bundle: Any
) -> None:
    chart = json.loads(bundle(["F10.20"]))
    chart["entry"] += [None, {"resource": None}, {"resource": {"resourceType": "Cond"}}]
    (tmp_path / "x.json").write_text(json.dumps(chart))
    code, out, _ = run("x.json", "--json")
    answer = json.loads(out)
    assert code == 0
    assert [u["entry"] for u in answer["unreadable"]] == [2, 3, 4]
    assert [n["id"] for n in answer["needs"]] == ["alcohol"]


@pytest.mark.slow
def test_installed_command_answers(file: str, tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("selfhelp")
    done = subprocess.run(
        [command, "recommend", file, "--json", "--at", AT],
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["patient"] == {"age": 40, "gender": "male"}
