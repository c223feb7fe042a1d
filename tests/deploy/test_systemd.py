"""The systemd units, judged by systemd's own tools where they are installed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy" / "systemd"
SERVICES = ("selfhelp@.service", "selfhelp-worker.service", "selfhelp-feeds.service")
# Of 10; systemd calls up to 2 "OK" and from 5 on "MEDIUM".
MOST_EXPOSED = 2.0

analyze = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(
    analyze is None, reason="systemd-analyze is not installed (Debian: systemd)"
)


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units, with an instance, and with a program that is on every machine."""
    folder = tmp_path_factory.mktemp("units")
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/opt/selfhelp/bin/selfhelp", "/bin/true")
        name = unit.name.replace("@", "@8000")
        (folder / name).write_text(text)
    return folder


def said(*command: str | Path) -> tuple[int, str]:
    assert analyze is not None
    run = subprocess.run(
        [analyze, *command], capture_output=True, text=True, check=False
    )
    return run.returncode, run.stdout + run.stderr


@needs_systemd
def test_the_units_are_sound(units: Path) -> None:
    code, text = said("verify", "--man=no", *sorted(units.iterdir()))
    ours = [line for line in text.splitlines() if "selfhelp" in line]
    assert (code, ours) == (0, [])


@needs_systemd
def test_a_mistake_in_a_unit_would_be_seen(units: Path, tmp_path: Path) -> None:
    broken = (units / "selfhelp-worker.service").read_text()
    file = tmp_path / "broken.service"
    file.write_text(broken.replace("ProtectSystem=strict", "ProtectSystem=stricter"))
    assert "Failed to parse protect system" in said("verify", "--man=no", file)[1]


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_the_services_are_little_exposed(units: Path, name: str) -> None:
    unit = units / name.replace("@", "@8000")
    code, text = said("security", "--offline=true", unit)
    found = re.search(r"Overall exposure level for \S+: (\S+)", text)
    assert (code, found is not None) == (0, True), text
    assert found is not None
    assert float(found[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("name", SERVICES)
def test_the_services_take_the_keys_from_systemd(name: str) -> None:
    text = (UNITS / name).read_text()
    for key, variable in (("master-key", "MASTER"), ("audit-key", "AUDIT")):
        assert f"LoadCredential={key}:/etc/selfhelp/{key}\n" in text
        assert f"Environment=SELFHELP_{variable}_KEY_FILE=%d/{key}\n" in text


def test_the_app_has_the_time_that_it_takes_to_stop() -> None:
    from plugin.commands.serve import _GRACE

    found = re.search(
        r"TimeoutStopSec=(\d+)", (UNITS / "selfhelp@.service").read_text()
    )
    assert found is not None
    assert int(found[1]) > _GRACE
