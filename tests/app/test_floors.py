"""T06: nothing runs on a dependency with a known weakness."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from plugin.operations.floors import FLOORS, DependencyTooOld, check_floors, numbers

ROOT = Path(__file__).resolve().parents[2]


def installed(**versions: str) -> object:
    def version(name: str) -> str:
        try:
            return versions[name]
        except KeyError:
            raise PackageNotFoundError(name) from None

    return version


def test_T06_what_is_installed_here_is_new_enough() -> None:
    check_floors()


@pytest.mark.parametrize(
    ("version", "refused"),
    [
        pytest.param("1.0.0", True, id="older"),
        pytest.param("0.49.3", True, id="much-older"),
        pytest.param("1.0.1", False, id="the-floor"),
        pytest.param("1.10.0", False, id="not-by-letters"),
        pytest.param("1.0.1rc1", False, id="a-candidate-has-the-fix"),
        pytest.param("", True, id="unreadable"),
    ],
)
def test_T06_an_older_version_does_not_start(version: str, refused: bool) -> None:
    if not refused:
        check_floors(installed(starlette=version))
        return
    with pytest.raises(DependencyTooOld) as error:
        check_floors(installed(starlette=version, urllib3="1.26.0"))
    assert "starlette" in error.value.public
    assert "urllib3 1.26.0 is older than 2.7.0" in error.value.public


@pytest.mark.parametrize(
    ("text", "release"),
    [
        pytest.param("2.7", (2, 7), id="short"),
        pytest.param("2.7.0", (2, 7), id="zeros-at-the-end-say-nothing"),
        pytest.param("1.10.0rc1", (1, 10), id="candidate"),
        pytest.param("1.0.1", (1, 0, 1), id="zero-inside"),
        pytest.param("10", (10,), id="one-number"),
        pytest.param("2026.1.post2", (2026, 1), id="post"),
        pytest.param("not a version", (), id="unreadable"),
    ],
)
def test_a_version_is_read_as_its_release(text: str, release: tuple[int, ...]) -> None:
    assert numbers(text) == release


def pins(file: str) -> dict[str, str]:
    text = (ROOT / "requirements" / file).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[^\]]*\])?==([^ ;]+)", text, re.M))


@pytest.mark.parametrize("file", ["runtime.txt", "development.txt"])
def test_T06_the_pins_are_above_the_floors(file: str) -> None:
    pinned = pins(file)
    assert len(pinned) > 40
    for name, (floor, _) in FLOORS.items():
        if name in pinned:
            assert numbers(pinned[name]) >= numbers(floor), name


def test_T06_the_project_asks_for_no_less_than_the_floors() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = dict(
        re.match(r"([a-z0-9.-]+)(?:\[[^\]]*\])?>=([0-9.]+)", one).groups()
        for one in project["dependencies"]
    )
    for name, (floor, _) in FLOORS.items():
        if name in asked:
            assert numbers(asked[name]) >= numbers(floor), name
