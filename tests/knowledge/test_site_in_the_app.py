"""The hospital's own file, from the configuration to where it is used."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from plugin.app import furnish
from plugin.cli import main
from plugin.foundation import lay
from plugin.settings import load_settings
from smart_launch.outbound import Outbound

CONFIG = """\
public_url = "https://selfhelp.example.org"
database_url = "sqlite:///selfhelp.db"
[knowledge]
site_file = "site.json"
[[ehr]]
id = "general"
issuer = "https://fhir.general.example/r4"
client_id = "selfhelp"
"""
KEY = {"SELFHELP_MASTER_KEY": base64.b64encode(bytes(range(32))).decode()}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A configuration beside which the site's file says this."""
    monkeypatch.chdir(tmp_path)
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)

    def write(said: Any) -> Path:
        (tmp_path / "site.json").write_text(json.dumps(said, indent=1))
        (tmp_path / "selfhelp.toml").write_text(CONFIG)
        return tmp_path / "selfhelp.toml"

    return write


def test_app_goes_by_the_site_file(config: Any) -> None:
    file = config({"version": "general-1", "hide": ["refuge"]})
    foundation = lay(load_settings(file, KEY))
    house = furnish(foundation, Outbound())
    foundation.engine.dispose()
    assert house.knowledge.site == "general-1"
    assert "refuge" not in house.knowledge.programs


def test_start_is_refused_with_the_line_of_the_site_file(
    config: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config({"version": "general-1", "hide": ["nobody"]})
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--config", str(file)])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"{file.parent / 'site.json'}:4: nobody is no programme" in said
    assert said.count("\n") == 1


def test_recommend_goes_by_the_site_file(
    config: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config({"version": "general-1", "hide": ["aa"]})
    patient = {"resourceType": "Patient", "id": "p"}
    condition = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {
            "coding": [
                {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F10.20"}
            ]
        },
    }
    entries = [{"resource": resource} for resource in (patient, condition)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    with pytest.raises(SystemExit) as ended:
        main(["recommend", "bundle.json", "--json", "--config", str(file)])
    assert ended.value.code == 0
    offered = json.loads(capsys.readouterr().out)["offered"]
    assert offered
    assert "aa" not in offered
