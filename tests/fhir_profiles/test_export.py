"""`selfhelp profiles export`."""

import json
from pathlib import Path

import pytest

from fhir_profiles import check
from fhir_profiles.load import PROFILES, artefacts, examples, reasons
from plugin.cli import main
from plugin.commands.profiles import published_knowledge
from plugin.knowledge.load import load_knowledge


def export(folder: Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["profiles", "export", str(folder)])
    return int(ended.value.code or 0)


def test_export_writes_every_artefact_and_example(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "guide"
    assert export(folder) == 0
    files = list(folder.rglob("*.json"))
    assert f"{len(files)} files written" in capsys.readouterr().out
    guide = json.loads(
        (folder / "ImplementationGuide-selfhelp-referral.json").read_text("utf-8")
    )
    for entry in guide["definition"]["resource"]:
        name = entry["reference"]["reference"].replace("/", "-", 1)
        if "exampleCanonical" not in entry:
            assert (folder / f"{name}.json").is_file(), name
    for profile_id in PROFILES:
        kept = {p.name for p in (folder / "examples" / profile_id).iterdir()}
        assert kept == set(examples(profile_id))


def test_export_can_be_done_again(tmp_path: Path) -> None:
    assert export(tmp_path) == 0
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.json")}
    assert export(tmp_path) == 0
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.json")} == before


def test_export_to_a_file_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine", "utf-8")
    assert export(taken) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert taken.read_text("utf-8") == "mine"


def test_knowledge_base_makes_a_whole_guide() -> None:
    published = artefacts(published_knowledge(load_knowledge()))
    shown = {p: examples(p) for p in PROFILES}
    assert check.findings(published, shown, {p: reasons(p) for p in PROFILES}) == []


def test_every_need_and_programme_is_published() -> None:
    knowledge = load_knowledge()
    published = {
        (a["resourceType"], a["id"]): a
        for a in artefacts(published_knowledge(knowledge))
    }
    for name, known in (
        ("selfhelp-needs", knowledge.needs),
        ("selfhelp-programs", knowledge.programs),
    ):
        codes = {c["code"] for c in published["CodeSystem", name]["concept"]}
        assert codes == set(known)
    groups = published["ConceptMap", "selfhelp-codes-to-needs"]["group"]
    mapped = {e["code"]: e["target"] for group in groups for e in group["element"]}
    assert [t["code"] for t in mapped["F10"]] == ["alcohol"]
    assert mapped["F10"][0]["comment"] == "prefix; confidence high"
