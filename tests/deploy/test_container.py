"""The image and the compose file, as far as they can be judged without an engine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
TEXT = CONTAINERFILE.read_text("utf-8")
LAST_STAGE = TEXT[TEXT.rindex("\nFROM ") :]


def test_the_linter_of_container_files_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    run = subprocess.run(
        [hadolint, CONTAINERFILE], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "")


def test_what_is_copied_is_there_and_passes_the_ignore_file() -> None:
    let_through = (ROOT / "deploy" / "Containerfile.dockerignore").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", TEXT, re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert {"plugin", "requirements/runtime.txt"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}\n" in let_through, source


def test_dependencies_come_from_hashes_and_wheels_alone() -> None:
    assert "--no-deps --only-binary :all: --require-hashes" in TEXT
    assert "-r requirements/runtime.txt -r requirements/build.txt" in TEXT
    assert "--no-build-isolation" in TEXT


def test_it_runs_without_root_and_without_a_compiler() -> None:
    assert re.search(r"^USER 10001:10001$", LAST_STAGE, re.MULTILINE)
    assert "pip uninstall --yes --quiet setuptools pip" in TEXT
    for tool in ("gcc", "build-essential", "python3-dev", "pip install", "curl"):
        assert tool not in LAST_STAGE


def test_no_registry_is_named() -> None:
    for file in (CONTAINERFILE, ROOT / "deploy" / "compose.yaml"):
        assert not re.search(r"\b[a-z0-9-]+\.(io|com|org|dev)/", file.read_text()), file


@pytest.mark.parametrize("service", ["app", "worker", "database", "proxy"])
def test_every_service_is_confined(compose: dict[str, Any], service: str) -> None:
    described = compose["services"][service]
    assert described["read_only"] is True
    assert described["cap_drop"] == ["ALL"]
    assert described["security_opt"] == ["no-new-privileges:true"]
    assert set(described["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


def test_only_the_proxy_can_be_reached_and_only_the_app_reaches_out(
    compose: dict[str, Any],
) -> None:
    services = compose["services"]
    assert [name for name, one in services.items() if "ports" in one] == ["proxy"]
    assert services["database"]["networks"] == ["inside"]
    assert compose["networks"]["inside"]["internal"] is True
    assert "outside" not in services["proxy"]["networks"]


def test_names_inside_the_compose_file_are_declared(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service["networks"]) <= set(compose["networks"]), name
        assert set(service.get("secrets", ())) <= set(compose["secrets"]), name
        assert set(service.get("depends_on", ())) <= set(compose["services"]), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source.startswith("./compose/") or source in compose["volumes"]


def test_the_example_settings_are_taken(tmp_path: Path) -> None:
    import base64

    from plugin.settings import load_settings

    keys = [base64.b64encode(bytes(range(n, n + 32))).decode() for n in (0, 32)]
    environ = {"SELFHELP_MASTER_KEY": keys[0], "SELFHELP_AUDIT_KEY": keys[1]}
    (tmp_path / "token").write_text("a-token-of-an-example-that-is-long-enough\n")
    for name in ("compose/selfhelp.example.toml", "kubernetes/example/selfhelp.toml"):
        text = (ROOT / "deploy" / name).read_text()
        text = re.sub(
            r'metrics_token_file = ".*"', 'metrics_token_file = "token"', text
        )
        (tmp_path / "selfhelp.toml").write_text(text)
        settings = load_settings(tmp_path / "selfhelp.toml", environ)
        assert settings.ehrs[0].id == "general"
