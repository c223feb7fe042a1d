"""Each kind of tampering, done by script, is caught and named by `audit verify`."""

import base64
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from plugin.audit.keys import AuditKeys
from plugin.audit.trail import Event, Trail
from plugin.cli import main
from plugin.clock import system_clock
from plugin.store.engine import writing

KEY = bytes(range(32))
OTHER = bytes(range(32, 64))


@dataclass
class Installation:
    """A database with a trail, a checkpoint of its first five records, and commands."""

    engine: Engine
    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints.jws"

    def run(self, command: str) -> tuple[int, str]:
        config = str(self.folder / "selfhelp.toml")
        with pytest.raises(SystemExit) as ended:
            main(["audit", command, "--config", config])
        assert isinstance(ended.value.code, int)
        return ended.value.code, self.capsys.readouterr().err

    def record(self, count: int, key: bytes = KEY) -> None:
        trail = Trail(AuditKeys([key[::-1]]), system_clock)
        for number in range(count):
            trail.record(
                self.engine,
                Event("general", "chart.read", "Practitioner/7", f"p-{number}"),
            )

    def sql(self, *statements: str) -> None:
        with writing(self.engine) as connection:
            for statement in statements:
                connection.execute(text(statement))


@pytest.fixture
def installation(
    engine: Engine,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Installation:
    folder = tmp_path / "installation"
    folder.mkdir()
    (folder / "selfhelp.toml").write_text(
        'public_url = "https://selfhelp.example"\n'
        f'database_url = "{database_url}"\n'
        '[[ehr]]\nid = "general"\nissuer = "https://fhir.example/r4"\n'
        'client_id = "selfhelp"\n'
        f'[checkpoints]\ndirectory = "{folder}"\n'
    )
    monkeypatch.setenv("SELFHELP_MASTER_KEY", _text(OTHER))
    monkeypatch.setenv("SELFHELP_AUDIT_KEY", _text(KEY))
    made = Installation(engine, folder, capsys)
    made.record(5)
    assert made.run("checkpoint")[0] == 0
    shutil.copy(made.checkpoints, folder / "older.jws")
    made.record(4)
    assert made.run("checkpoint")[0] == 0
    made.record(2)
    return made


def _text(key: bytes) -> str:
    # As a person would make it: not the sample key of a manual.
    return base64.b64encode(key[::-1]).decode()


def edit(it: Installation) -> None:
    it.sql("UPDATE audit_events SET actor = 'Practitioner/8' WHERE sequence = 3")


def delete(it: Installation) -> None:
    it.sql("DELETE FROM audit_events WHERE sequence = 4")


def cut_tail(it: Installation) -> None:
    it.sql("DELETE FROM audit_events WHERE sequence > 7")


def cut_all(it: Installation) -> None:
    it.sql("DELETE FROM audit_events")


def swap(it: Installation) -> None:
    it.sql(
        "UPDATE audit_events SET sequence = 99 WHERE sequence = 2",
        "UPDATE audit_events SET sequence = 2 WHERE sequence = 6",
        "UPDATE audit_events SET sequence = 6 WHERE sequence = 99",
    )


def recompute(it: Installation) -> None:
    cut_tail(it)
    it.record(5, key=b"\x66" * 32)


def older_checkpoint(it: Installation) -> None:
    shutil.copy(it.folder / "older.jws", it.checkpoints)


def no_checkpoint(it: Installation) -> None:
    it.checkpoints.unlink()


def hide_from_a_filter(it: Installation) -> None:
    trail = Trail(AuditKeys([KEY[::-1]]), system_clock)
    detail = {"referral": "r-1"}
    trail.record(it.engine, Event("general", "referral.signed", detail=detail))
    it.sql("DELETE FROM audit_marks")


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        pytest.param(edit, "record 3: its column actor was changed", id="A01-edit"),
        pytest.param(
            delete, "record 4: missing: the next record is number 5", id="A02-delete"
        ),
        pytest.param(
            swap, "record 2: does not follow the record before it", id="A02-swap"
        ),
        pytest.param(cut_tail, "record 8: the tail is missing", id="A03-cut-tail"),
        pytest.param(cut_all, "record 1: the tail is missing", id="A03-cut-all"),
        pytest.param(recompute, "is not in the ring", id="A04-recompute"),
        pytest.param(no_checkpoint, "is not in the file", id="A05-no-checkpoint"),
        pytest.param(
            older_checkpoint, "replaced by an older one", id="A05-older-checkpoint"
        ),
        pytest.param(
            hide_from_a_filter, "record 14: its marks were changed", id="A01-marks"
        ),
    ],
)
def test_tampering_is_caught_and_named(
    installation: Installation, tamper: Callable[[Installation], None], named: str
) -> None:
    assert installation.run("verify") == (0, "")
    tamper(installation)
    code, said = installation.run("verify")
    assert code == 1
    assert named in said
