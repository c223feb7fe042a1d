"""The worked examples, from the Bundle to the command's answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from plugin.cli import main

HERE = Path(__file__).parent
VIGNETTES = json.loads((HERE / "vignettes.json").read_text())["vignettes"]
SHAPE = Draft202012Validator(json.loads((HERE / "shape.json").read_text()))
AT = "2026-03-02T10:00:00-05:00"


@pytest.fixture
def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Run `selfhelp recommend --json`, away from any directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SELFHELP_CONFIG", raising=False)

    def recommend(bundle: bytes | Path, *options: str) -> Any:
        file = bundle
        if isinstance(file, bytes):
            (tmp_path / "bundle.json").write_bytes(file)
            file = tmp_path / "bundle.json"
        with pytest.raises(SystemExit) as ended:
            main(["recommend", str(file), "--json", *options])
        out = capsys.readouterr().out
        assert ended.value.code == 0
        answer = orjson.loads(out)
        assert list(SHAPE.iter_errors(answer)) == []
        return answer

    return recommend


def bundle_for(vignette: dict[str, Any], bundle: Callable[..., bytes]) -> bytes:
    patient = vignette["patient"]
    systems = {"icd10cm": "icd"}
    return bundle(
        [
            {
                "codes": [f"{systems[c['system']]}:{c['code']}"],
                "clinical": c["clinicalStatus"],
            }
            for c in patient["conditions"]
        ],
        patient["observations"],
        [f"rx:{code}" for code in patient["medications_rxnorm"]],
        age=patient["age"],
        gender=patient["gender"],
        country=patient["country"],
    )


@pytest.mark.parametrize("vignette", [pytest.param(v, id=v["id"]) for v in VIGNETTES])
def test_vignette(
    vignette: dict[str, Any],
    run: Callable[..., Any],
    bundle: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    options = ["--at", AT, "--language", vignette["patient"]["language"]]
    if vignette["patient"]["prefs"]:
        wishes = tmp_path / "wishes.json"
        wishes.write_text(json.dumps(vignette["patient"]["prefs"]))
        options += ["--preferences", str(wishes)]
    answer = run(bundle_for(vignette, bundle), *options)
    expect = vignette["expect"]
    programs = [p["id"] for p in answer["programs"]]
    sessions = {s["id"] for s in answer["single_sessions"]}
    warnings = {w["id"] for w in answer["warnings"]}
    assert set(expect["must_include"]) <= set(programs)
    assert all(set(some) & set(programs) for some in expect["any_of"])
    assert not set(expect["must_not_include"]) & set(programs)
    if "ha_first" in expect["must_not_include"]:
        assert programs[0] != "ha"
    assert set(expect["must_include_ssi"]) <= sessions
    assert not set(expect["must_not_include_ssi"]) & sessions
    assert set(expect["warnings"]) <= warnings
    assert not set(expect["warnings_absent"]) & warnings
    stages = {n["id"]: n["stage"] for n in answer["needs"]}
    assert stages.items() >= expect["stages"].items()


def test_there_are_fifteen_vignettes() -> None:
    assert len(VIGNETTES) == 15


@pytest.mark.parametrize(
    "name",
    [
        "Dusty_Stracke",
        "Eliseo_Cummings",
        "Gilberto_Orosco",
        "Milan_Beatty",
        "Omar_Abernathy",
        "Robby_Becker",
        "Roberto_Graham",
        "Sherman_McGlynn",
        "Trey_Leffler",
        "Virginia_Mercado",
        "synthea_Eloisa_Loya",
        "synthea_Jame_Auer",
    ],
)
def test_real_bundle_answers_in_the_fixed_shape(
    name: str, run: Callable[..., Any], shared_data: Path
) -> None:
    file = shared_data / "patients" / f"{name}.json"
    answer = run(file, "--at", AT)
    resources = {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in json.loads(file.read_bytes())["entry"]
    }
    named = {
        line["resource"]
        for part in ("needs", "warnings")
        for row in answer[part]
        for line in row["because"]
    }
    assert named <= resources
    assert {u["resource"] for u in answer["unmapped"]} <= resources
    assert answer["unreadable"] == []
    assert answer["could_not_check"] == []


@pytest.mark.parametrize(
    ("name", "needs", "warnings"),
    [
        pytest.param(
            "Trey_Leffler", {"alcohol", "nicotine"}, {"S6b", "S16"}, id="alcohol"
        ),
        pytest.param("Sherman_McGlynn", {"opioid"}, {"S9", "S16"}, id="opioid"),
        pytest.param("Milan_Beatty", {"depression"}, set(), id="depression"),
        pytest.param(
            "synthea_Jame_Auer", {"depression", "loneliness"}, {"S1", "S11"}, id="risk"
        ),
    ],
)
def test_real_bundle_gives_its_needs(
    name: str,
    needs: set[str],
    warnings: set[str],
    run: Callable[..., Any],
    shared_data: Path,
) -> None:
    answer = run(shared_data / "patients" / f"{name}.json", "--at", AT)
    assert needs <= {n["id"] for n in answer["needs"] if n["stage"] != "ask"}
    assert warnings <= {w["id"] for w in answer["warnings"]}


def test_empty_chart_is_no_failure(
    run: Callable[..., Any], bundle: Callable[..., bytes]
) -> None:
    answer = run(bundle(), "--at", AT)
    assert answer["could_not_check"] == answer["unreadable"] == answer["needs"] == []
