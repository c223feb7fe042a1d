"""An installation that is registered with a running sandbox EHR."""

import base64
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.sandbox.serving import RunningSandbox
from plugin.cli import main
from plugin.foundation import lay
from plugin.settings import load_settings

APP = "http://localhost:8000"
KEY = base64.b64encode(bytes(range(32))).decode()


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@dataclass
class Installation:
    folder: Path
    capsys: pytest.CaptureFixture[str]
    prepared: Path

    @property
    def config(self) -> Path:
        return self.folder / "selfhelp.toml"

    def write(self, issuer: str, more: str = "") -> None:
        self.config.write_text(
            f'public_url = "{APP}"\n'
            f'database_url = "sqlite:///{self.folder}/selfhelp.db"\n'
            "allow_loopback_http = true\n"
            f'[[ehr]]\nid = "general"\nissuer = "{issuer}"\n'
            f'client_id = "selfhelp"\n{more}'
        )

    def register(self, sandbox: RunningSandbox, *, own_access: bool = False) -> None:
        """As a hospital would: hand over the public keys."""
        if not (self.folder / "selfhelp.db").exists():
            shutil.copy(self.prepared, self.folder / "selfhelp.db")
        foundation = lay(load_settings(self.config, os.environ))
        foundation.prepare()
        jwks = foundation.signing_keys.public_jwks()
        sandbox.register_client(APP, jwks=jwks, own_access=own_access)
        foundation.engine.dispose()

    def run(self, *arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--config", str(self.config)])
        printed = self.capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, printed.out, printed.err)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its schema and signing keys, which take a while to make."""
    folder = tmp_path_factory.mktemp("prepared")
    file = folder / "selfhelp.toml"
    file.write_text(
        f'public_url = "{APP}"\ndatabase_url = "sqlite:///{folder}/selfhelp.db"\n'
        'allow_loopback_http = true\n[[ehr]]\nid = "general"\n'
        'issuer = "https://ehr.example/r4"\nclient_id = "selfhelp"\n'
    )
    foundation = lay(load_settings(file, {"SELFHELP_MASTER_KEY": KEY}))
    foundation.prepare()
    foundation.engine.dispose()
    return folder / "selfhelp.db"


@pytest.fixture
def installation(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    environ: Callable[..., None],
    prepared: Path,
) -> Installation:
    environ(SELFHELP_MASTER_KEY=KEY)
    return Installation(tmp_path, capsys, prepared)


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the process's own environment, which the commands read."""

    def _set(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return _set
