"""The house holds: imports run one way, names speak, documents are true."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.cli import COMMANDS
from plugin.settings.shape import (
    WANTED_SCOPES,
    AuditLogin,
    AuditRepository,
    Checkpoints,
    Ehr,
    Feed,
    Sessions,
    Settings,
    SiteKnowledge,
    Terminology,
)

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("plugin", "smart_launch", "fhir_profiles", "deploy")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {c["name"]: c for c in PYPROJECT["tool"]["importlinter"]["contracts"]}

# For each contract, a file and a line that break it.
PLANTED = {
    "smart_launch and fhir_profiles stand alone": (
        "smart_launch/planted_a.py",
        "import plugin.clock",
    ),
    "smart_launch and fhir_profiles do not know each other": (
        "fhir_profiles/planted_b.py",
        "import smart_launch.scopes",
    ),
    "The story runs one way": (
        "plugin/store/planted_c.py",
        "import plugin.referral.plan",
    ),
    "Matching does no I/O": ("plugin/matching/planted_d.py", "import requests"),
    "The sandbox is the other side of the wire": (
        "deploy/sandbox/planted_e.py",
        "import plugin.clock",
    ),
    "fhir.resources has one door": (
        "plugin/referral/planted_f.py",
        "import fhir.resources.R4B.patient",
    ),
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and their contracts, to do with as a test likes."""
    folder = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package,
            folder / package,
            ignore=lambda _, names: {n for n in names if _is_no_code(n)},
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _is_no_code(name: str) -> bool:
    return name == "__pycache__" or ("." in name and not name.endswith(".py"))


def lint_imports(folder: Path) -> tuple[int, str]:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def test_contracts_hold_and_a_planted_violation_breaks_each(copied: Path) -> None:
    code, said = lint_imports(copied)
    assert code == 0, said
    for file, line in PLANTED.values():
        (copied / file).write_text(f"{line}\n")
    code, said = lint_imports(copied)
    assert code == 1
    assert set(PLANTED) == set(CONTRACTS)
    for name in CONTRACTS:
        assert f"{name} BROKEN" in said


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def named_in(path: Path) -> set[str]:
    """Every module that a file imports, whether statically or by its name."""
    tree = ast.parse(path.read_text("utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            first = node.values[0] if node.values else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
    return found


def uses_models(path: Path) -> bool:
    return any(re.match(r"fhir\.resources\b", name) for name in named_in(path))


def test_fhir_resources_has_one_door() -> None:
    doors = {path.relative_to(ROOT) for path in modules() if uses_models(path)}
    assert doors == {Path("plugin/fhir.py")}


def test_fhir_resources_are_those_of_r4b() -> None:
    names = {
        name
        for name in named_in(ROOT / "plugin/fhir.py")
        if re.match(r"fhir\.resources\.", name)
    }
    assert names
    assert all(name.startswith("fhir.resources.R4B") for name in names)


def test_no_room_is_called_after_nothing() -> None:
    nameless = {"util", "utils", "common", "helper", "helpers", "manager", "misc"}
    named = {
        path.relative_to(ROOT)
        for folder in (*PACKAGES, "tests")
        for path in (ROOT / folder).rglob("*.py")
        if nameless & set(re.split(r"[_.]", path.stem))
    }
    assert not named


def test_every_package_says_what_it_is_for() -> None:
    silent = [
        path.relative_to(ROOT)
        for path in modules()
        if ast.get_docstring(ast.parse(path.read_text("utf-8"))) is None
    ]
    assert not silent


def test_app_is_the_only_place_where_parts_meet() -> None:
    """Nobody else makes a SMART client."""
    makers = {
        path.relative_to(ROOT)
        for path in (ROOT / "plugin").rglob("*.py")
        if "SmartClient(" in path.read_text("utf-8")
    }
    assert makers == {Path("plugin/app.py")}


# Documents


@pytest.mark.parametrize(
    ("table", "heading"),
    [
        pytest.param(Settings, "## The installation", id="installation"),
        pytest.param(Ehr, "## `[[ehr]]`", id="ehr"),
        pytest.param(Sessions, "## `[sessions]`", id="sessions"),
        pytest.param(Feed, "## `[[feed]]`", id="feed"),
        pytest.param(AuditLogin, "## `[audit_login]`", id="audit_login"),
        pytest.param(Checkpoints, "## `[checkpoints]`", id="checkpoints"),
        pytest.param(AuditRepository, "## `[audit_repository]`", id="repository"),
        pytest.param(SiteKnowledge, "## `[knowledge]`", id="knowledge"),
        pytest.param(Terminology, "## `[terminology]`", id="terminology"),
    ],
)
def test_every_setting_is_documented_and_no_other(table: type, heading: str) -> None:
    text = (ROOT / "docs/configuration.md").read_text("utf-8")
    start = text.index(heading)
    end = text.find("\n## ", start + 1)
    section = text[start : end if end > 0 else None]
    documented = set(re.findall(r"^\| `([a-z_0-9]+)` \|", section, re.MULTILINE))
    held_elsewhere = {
        *("client_secret", "metrics_token", "token", "master_keys", "audit_keys"),
        *("ehrs", "feeds", "sessions", "audit_login", "checkpoints"),
        "audit_repository",
        # An [[ehr]] has a key of that name, and the installation a table.
        *(("knowledge", "terminology") if table is Settings else ()),
    }
    fields = set(table.model_fields)  # type: ignore[attr-defined]
    assert documented == fields - held_elsewhere


def test_scopes_in_the_documents_are_those_asked_for() -> None:
    text = (ROOT / "docs/configuration.md").read_text("utf-8")
    block = text.split("unless `scopes` says otherwise:")[1].split("```")[1]
    assert tuple(block.split()) == WANTED_SCOPES


@pytest.mark.parametrize("file", ["docs/command-line.md"])
def test_every_command_is_documented_and_no_other(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    documented = set(re.findall(r"^\| `selfhelp ([a-z]+)", text, re.MULTILINE))
    assert documented == {command.name for command in COMMANDS}


def test_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.split("## The commands")[1].split("##")[0]
    for command in COMMANDS:
        assert re.search(rf"`(selfhelp )?{command.name}`", section), command.name


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_can_be_run(command) -> None:
    assert (ROOT / f"plugin/commands/{command.name}.py").is_file()


def documents() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize(
    "document", documents(), ids=lambda path: str(path.relative_to(ROOT))
)
def test_what_a_document_points_at_is_there(document: Path) -> None:
    text = document.read_text("utf-8")
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text)
    missing = [link for link in links if not (document.parent / link).exists()]
    paths = re.findall(
        r"`((?:plugin|smart_launch|fhir_profiles|deploy|tests|docs)/[\w./-]+)`", text
    )
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert not missing


def test_make_targets_are_those_that_are_promised() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    promised = {"demo", "test", "check", "bench", "load"}
    assert targets == promised | {"pictures", "site", "lock", "clean"}


def test_requirements_are_hashed_and_name_no_index() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        text = file.read_text()
        assert "://" not in text, file
        pins = re.findall(r"^[A-Za-z0-9._-]+(?:\[[^]]+\])?==", text, re.MULTILINE)
        assert pins
        assert text.count("--hash=sha256:") >= len(pins), file


def test_T06_pins_are_at_or_above_the_floors() -> None:
    """The floors are the releases that mended a known weakness."""
    pins = dict(
        re.findall(
            r"^([a-z0-9.-]+)(?:\[[^]]+\])?==([\w.]+)",
            (ROOT / "requirements/runtime.txt").read_text(),
            re.MULTILINE,
        )
    )
    floors = {
        "authlib": "1.6.9",
        "joserfc": "1.6.3",
        "starlette": "1.0.1",
        "python-multipart": "0.0.27",
        "urllib3": "2.7.0",
    }
    for name, floor in floors.items():
        assert numbers(pins[name]) >= numbers(floor), name


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
