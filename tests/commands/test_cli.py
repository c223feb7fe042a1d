"""The frame of the command line: help, exit codes, one line on standard error."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from plugin.cli import COMMANDS, main
from plugin.commands.endings import BadInput, Endings, Findings, OutsideFailed
from plugin.settings import ConfigRefused
from plugin.store.errors import SchemaRefused, StoreUnavailable
from smart_launch.errors import EhrUnavailable

PATIENT = "Zzyzx Quimby"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    for command in COMMANDS:
        assert f"\n  {command.name} " in printed


def test_D8_help_imports_neither_the_web_nor_the_database() -> None:
    heavy = ("fastapi", "sqlalchemy", "requests", "cryptography", "pydantic")
    code = (
        "import sys, plugin.cli\n"
        "try: plugin.cli.main(['--help'])\n"
        f"finally: print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0
    assert run.stderr.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["nope"], id="unknown-command"),
        pytest.param(["--nope"], id="unknown-option"),
        pytest.param(["openapi", "more"], id="unknown-argument"),
    ],
)
def test_bad_usage_is_2_and_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [["serve"], ["worker"], ["doctor"], ["keys", "jwks"], ["keys", "rotate"]],
    ids=" ".join,
)
def test_no_configuration_is_said_clearly(command: list[str], tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "plugin", *command],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin"},
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == (
        "selfhelp: No configuration is named. "
        "Give --config FILE or set SELFHELP_CONFIG\n"
    )


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        pytest.param(Findings("3 are old"), 1, "3 are old", id="findings"),
        pytest.param(BadInput("no file"), 2, "no file", id="input"),
        pytest.param(OutsideFailed("gone"), 3, "gone", id="outside"),
        pytest.param(ConfigRefused("Bad", "Mend", "f", 3), 2, "f:3: Bad", id="config"),
        pytest.param(StoreUnavailable(PATIENT), 3, "The database", id="store"),
        pytest.param(SchemaRefused("newer"), 3, "newer", id="schema"),
        pytest.param(
            OperationalError(PATIENT, {}, OSError()), 3, "The database", id="driver"
        ),
        pytest.param(EhrUnavailable(PATIENT), 3, "does not answer", id="ehr"),
        pytest.param(ZeroDivisionError(PATIENT), 3, "ZeroDivisionError at", id="ours"),
        pytest.param(KeyboardInterrupt(), 130, "", id="ctrl-c"),
    ],
)
def test_A10_every_ending_has_its_code_and_quotes_nobody(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as ended, Endings():
        fail()
    printed = capsys.readouterr()
    assert ended.value.code == code
    assert said in printed.err
    assert len(printed.err.splitlines()) == (1 if said else 0)
    assert PATIENT not in printed.err
    assert printed.out == ""
