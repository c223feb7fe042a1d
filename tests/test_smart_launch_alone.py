"""smart_launch is a package of its own: typed and tested without the rest beside it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Imported before anything else: the checkout may be installed, and must not be found.
ABSENT = """
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path


class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("plugin", "fhir_profiles", "deploy"):
            raise ModuleNotFoundError(f"{name} is not here", name=name)
        return None


sys.meta_path.insert(0, Absent())
import smart_launch

assert Path(smart_launch.__file__).is_relative_to(Path(__file__).parent)
"""
SETTINGS = """
[pytest]
addopts = --strict-markers --import-mode=importlib -p no:cacheprovider -p absent
markers =
    postgres: as in the whole
    browser: as in the whole
    slow: as in the whole

[mypy]
strict = True
python_version = 3.11

[mypy-authlib.*]
ignore_missing_imports = True
"""


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A folder with the package and its tests, and nothing else of this project."""
    kept = shutil.ignore_patterns("__pycache__")
    for name in ("smart_launch", "tests/smart_launch"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=kept)
    shutil.copy(ROOT / "tests/conftest.py", tmp_path / "tests")
    (tmp_path / "absent.py").write_text(ABSENT)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    return tmp_path


def run(alone: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(alone)}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", *command],
        cwd=alone,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_tests_of_smart_launch_pass_without_the_plugin(alone: Path) -> None:
    # The properties draw thousands of examples, and have run beside the plugin.
    chosen = ("-m", "not slow", "-k", "not _any_ and not scopes", "-q", "-n", "0")
    done = run(alone, "pytest", *chosen, "tests/smart_launch")
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_types_of_smart_launch_hold_without_the_plugin(alone: Path) -> None:
    done = run(alone, "mypy", "--config-file", "pytest.ini", "smart_launch")
    assert done.returncode == 0, done.stdout
